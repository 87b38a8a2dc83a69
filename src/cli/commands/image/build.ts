// SPDX-License-Identifier: Apache-2.0
import { Builder, type BuildRequest } from '../../../build/builder.ts';
import { ignoreRules } from '../../../build/ignore.ts';
import { excerptOf, parseDockerfile } from '../../../build/parse.ts';
import { parseNetworks, parsePairs } from '../../../direct/request.ts';
import { RuntimeError } from '../../../errors/error.ts';
import { onHost, toRuntimeError } from '../../../errors/system.ts';
import type { Binding } from '../../../host/binding.d.ts';
import { isDirectory, unlessMissing } from '../../../host/files.ts';
import { resolvePath } from '../../../host/paths.ts';
import { isMachineRoot } from '../../../host/privilege.ts';
import { hexOf } from '../../../image/digest.ts';
import { fixedTime } from '../../../image/new-image.ts';
import { shortReference } from '../../../image/reference.ts';
import type { CommandModule } from '../../command.ts';
import { taggable } from '../container/commit.ts';
import { directStore } from '../container/common.ts';
import { listOf, textOf } from '../container/options.ts';

const standardInput = 0;
const standardError = 2;

export const build: CommandModule = {
  name: 'image build',
  summary: 'make an image from a Dockerfile',
  example: [
    'tsubo image build -t web:v2 .',
    'tsubo image build -t web:v2 -f docker/Dockerfile --target run --build-arg VERSION=2 .',
    'SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) tsubo image build -t web:v2 .',
  ],
  shortOptionsCombine: true,
  failurePrefix: 'image build failed: ',
  foreignOptions: {
    platform: 'images are built for this machine: for others, docker buildx build --platform',
    secret: 'secrets of a build need BuildKit: docker buildx build --secret',
    ssh: 'agents in a build need BuildKit: docker buildx build --ssh',
    'cache-from': 'steps are kept on this machine only',
    output: 'the image is in the store: tsubo image save -o FILE IMAGE',
    push: 'push it afterwards: tsubo image push',
    squash: 'tsubo does not join layers',
  },
  define(command) {
    command
      .argument(
        '[context]',
        'the directory whose files COPY and ADD take; - reads a Dockerfile from standard input',
      )
      .option('-t, --tag <reference...>', 'name of the image: NAME or NAME:TAG')
      .option('-f, --file <file>', 'the Dockerfile (default: Dockerfile in the context); -: standard input')
      .option('--target <stage>', 'build this stage (default: the last)')
      .option('--build-arg <pair...>', "value of an ARG: NAME=VALUE; NAME alone takes the caller's value")
      .option('--label <pair...>', 'add a label')
      .option('--no-cache', 'run all steps again')
      .option('--network <name>', 'network of RUN: a network, none or host (default: default)')
      .option('--pull', 'pull the images of FROM, also if they are here')
      .option('--iidfile <file>', 'write the id of the image to this file')
      .option('-q, --quiet', 'print only the id, and the output of a step that fails');
  },
  run(context, [directory], options) {
    const { runtime, print } = context;
    const { binding } = runtime;
    if (!isMachineRoot(binding)) {
      throw new RuntimeError({
        code: 'build.unsupported',
        message: 'image build needs root',
        hint: 'use: buildah bud -t NAME . && buildah push NAME docker-archive:FILE, then tsubo image load -i FILE',
      });
    }
    const quiet = options['quiet'] === true;
    const file = textOf(options, 'file');
    const place = contextOf(binding, directory, file);
    const { name, text } = readDockerfile(binding, place, file);
    const references = listOf(options, 'tag').map(taggable);
    const rules = place === undefined ? undefined : rulesOf(binding, place, file);
    let lines: readonly string[] = text.split('\n');
    try {
      const dockerfile = parseDockerfile(text, name);
      lines = dockerfile.source.lines;
      const request: BuildRequest = {
        dockerfile,
        context: place,
        rules,
        buildArgs: buildArgsOf(binding, listOf(options, 'buildArg')),
        labels: parsePairs('--label', listOf(options, 'label')),
        target: textOf(options, 'target'),
        references,
        useCache: options['cache'] !== false,
        pull: options['pull'] === true ? 'always' : 'missing',
        network: parseNetworks(
          textOf(options, 'network') === undefined ? [] : [String(options['network'])],
          {},
        ),
        quiet,
        latest: fixedTime(binding),
        print: quiet ? () => {} : print,
      };
      // As with Docker, a failed build leaves no file of an earlier one.
      const idFile = textOf(options, 'iidfile');
      if (idFile !== undefined)
        onHost(`unable to remove ${idFile}`, () => unlessMissing(() => binding.unlink(idFile)));
      const id = new Builder(runtime, request, directStore(context)).build();
      if (idFile !== undefined)
        onHost(`unable to write ${idFile}`, () => binding.replaceText(idFile, id, 0o644));
      if (quiet) print(`${id}\n`);
      else {
        print(`Successfully built ${hexOf(id).slice(0, 12)}\n`);
        for (const reference of references) print(`Successfully tagged ${shortReference(reference)}\n`);
      }
      return 0;
    } catch (error) {
      const failure = toRuntimeError(error);
      const { line } = failure;
      if (failure.document === name && line !== undefined)
        binding.write(standardError, excerptOf(name, lines, line));
      throw failure;
    }
  },
};

/** Returns the directory of the files; undefined if only a Dockerfile is given. */
function contextOf(
  binding: Binding,
  directory: string | undefined,
  file: string | undefined,
): string | undefined {
  if (directory === '-' && file === undefined) return undefined;
  if (directory === undefined || directory === '') {
    throw new RuntimeError({
      code: 'usage.arguments',
      message: 'the build context is missing',
      hint: 'write the directory of the Dockerfile, usually a dot: tsubo image build -t NAME .',
    });
  }
  const path = resolvePath(() => binding.getcwd(), directory);
  if (isDirectory(binding, path)) return path;
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `unable to prepare context: path ${JSON.stringify(directory)} is not a directory`,
    path,
    value: directory,
    hint: 'archives and addresses are not supported: unpack or clone it first',
  });
}

function readDockerfile(
  binding: Binding,
  context: string | undefined,
  file: string | undefined,
): { name: string; text: string } {
  if (context === undefined || file === '-')
    return {
      name: 'standard input',
      text: onHost('unable to read standard input', () => binding.readAll(standardInput)),
    };
  const name = file ?? 'Dockerfile';
  const path = file === undefined ? `${context}/Dockerfile` : resolvePath(() => binding.getcwd(), file);
  return { name, text: onHost(`unable to read ${name}`, () => binding.readText(path)) };
}

/** FILE.dockerignore beside the Dockerfile has precedence over .dockerignore of the context. */
function rulesOf(binding: Binding, context: string, file: string | undefined) {
  const own =
    file === undefined || file === '-'
      ? undefined
      : binding.readTextIfThere(`${resolvePath(() => binding.getcwd(), file)}.dockerignore`);
  const text = own ?? binding.readTextIfThere(`${context}/.dockerignore`);
  return text === undefined ? undefined : ignoreRules(text);
}

function buildArgsOf(binding: Binding, values: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const value of values) {
    const equals = value.indexOf('=');
    const name = equals < 0 ? value : value.slice(0, equals);
    if (name === '') {
      throw new RuntimeError({
        code: 'usage.bad-value',
        message: `invalid value ${JSON.stringify(value)} for --build-arg`,
        value,
        hint: 'write NAME=VALUE',
      });
    }
    const text = equals < 0 ? binding.getenv(name) : value.slice(equals + 1);
    if (text !== undefined) found.set(name, text);
  }
  return found;
}
