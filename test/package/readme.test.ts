// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { checkout } from './tarball.ts';

/** The blocks of the README in one language, in order. */
function blocks(language: string): string[] {
  const found: string[] = [];
  let inside: { readonly language: string; readonly lines: string[] } | undefined;
  for (const line of readFileSync(join(checkout, 'README.md'), 'utf8').split('\n')) {
    const fence = /^```(\w*)$/.exec(line);
    if (inside !== undefined && fence !== null) {
      if (inside.language === language) found.push(`${inside.lines.join('\n')}\n`);
      inside = undefined;
    } else if (fence !== null) inside = { language: fence[1] ?? '', lines: [] };
    else inside?.lines.push(line);
  }
  return found;
}

const commands = blocks('sh');
// test/direct/readme.test.ts runs the first hour and the builds, test/engines the commands of engines,
// test/direct/image-pull.test.ts the commands for images, test/oci/checkpoint.test.ts those of checkpoints.
const [setup = '', web = '', , install = '', first = ''] = commands;

test('each block of commands of the README is run by a test', () => {
  expect(commands.map(block => block.split(/\s+/).slice(0, 3).join(' '))).toEqual([
    'npm run hello',
    'npm run hello:web',
    'tsubo image pull',
    'npm pack npm',
    'mkdir -p my-bundle/rootfs/bin',
    'buildah run --runtime',
    'ctr run --runc-binary',
    'tsubo checkpoint --image-path',
    'tsubo image pull',
    'tsubo image build',
  ]);
  // The test hello-web.test.ts runs the program of this command.
  const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
  expect([web, scripts['hello:web']]).toEqual([
    'npm run hello:web\n',
    'node bundle-fixtures/good/web/run.mjs',
  ]);
});

test('the set-up commands of the README equal those that CI runs in a minimal system', () => {
  const run = readFileSync(join(checkout, '.ci/run'), 'utf8');
  const named = setup
    .split('\n')
    .flatMap(line => /^npm [a-z ]+\w/.exec(line.split('#')[0]?.trim() ?? '') ?? []);
  expect(named).toEqual(['npm run hello', 'npm test']);
  for (const command of named) expect(run).toMatch(new RegExp(`^.*there ${command}( \\|\\| .*)?$`, 'm'));
});

describe.skipIf(requires('root', 'npm', 'g++', 'standalone', 'busybox', 'script'))(
  'the commands of the README',
  () => {
    let directory: string;
    let env: Record<string, string>;
    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'tsubo-readme-'));
      const prefix = join(directory, 'prefix');
      mkdirSync(prefix);
      env = {
        ...(process.env as Record<string, string>),
        npm_config_prefix: prefix,
        PATH: `${join(prefix, 'bin')}:${process.env['PATH']}`,
        TERM: 'dumb',
      };
    });
    afterAll(() => {
      rmSync(directory, { recursive: true, force: true });
      for (const name of readdirSync(checkout)) {
        if (/^tsubo-.*\.tgz$/.test(name)) rmSync(join(checkout, name));
      }
    });

    /** Runs the commands unchanged on a terminal; each must succeed. */
    const onTerminal = (text: string, cwd: string, input: string, more: Record<string, string> = {}) => {
      const file = join(directory, 'commands');
      writeFileSync(file, text);
      const done = spawnSync('script', ['-qec', `bash -e ${file}`, '/dev/null'], {
        cwd,
        input,
        env: { ...env, ...more },
        encoding: 'utf8',
        timeout: 280_000,
      });
      return { status: done.status, output: done.stdout.replaceAll('\r', '') };
    };

    test('install the command', () => {
      const { status, output } = onTerminal(install, checkout, '');
      expect({ status, output }).toMatchObject({
        status: 0,
        output: expect.stringMatching(/^tsubo version \d/m),
      });
    });

    test('make a first container, whose shell runs on the terminal and returns its status', () => {
      const { status, output } = onTerminal(first, directory, 'echo "pid $$"; exit 7\n');
      expect(output).toMatch(/no problems, \d+ warnings/);
      expect(output).toMatch(/^the init$/m);
      expect(output).toMatch(/^pid 1$/m);
      expect(status).toBe(7);
    });

    test('include the actual failure for a misspelled option', () => {
      const bundle = join(directory, 'my-bundle');
      const config = join(bundle, 'config.json');
      writeFileSync(config, readFileSync(config, 'utf8').replace('"mode=0620"', '"mdoe=0620"'));
      const shown = blocks('').find(text => text.startsWith('$ tsubo run web\n')) ?? '';
      const { status, output } = onTerminal('tsubo run web', bundle, '', { NO_COLOR: '1', COLUMNS: '120' });
      expect(`$ tsubo run web\n${output}`).toBe(shown);
      expect(status).toBe(1);
    });

    test('include programs that work unchanged', async () => {
      const project = join(directory, 'project');
      const bundle = join(directory, 'my-bundle');
      mkdirSync(join(project, 'node_modules/.bin'), { recursive: true });
      const installed = join(env['npm_config_prefix'] ?? '', 'lib/node_modules');
      cpSync(installed, join(project, 'node_modules'), { recursive: true });
      cpSync(join(env['npm_config_prefix'] ?? '', 'bin/tsubo'), join(project, 'node_modules/.bin/tsubo'), {
        dereference: true,
      });
      for (const [index, source] of blocks('ts').entries()) {
        const { code } = transformSync(source, { loader: 'ts', format: 'esm' });
        writeFileSync(join(project, `example-${index}.mjs`), code);
      }
      const write = (args: readonly string[]): void => {
        const path = join(bundle, 'config.json');
        rmSync(path);
        execFileSync('tsubo', ['spec'], { cwd: bundle, env });
        const config = JSON.parse(readFileSync(path, 'utf8'));
        config.process.terminal = false;
        config.process.args = args;
        writeFileSync(path, JSON.stringify(config));
      };
      const call = (index: number, expression: string): unknown => {
        const name = /^\w+/.exec(expression)?.[0] ?? '';
        const program = `import { ${name} } from './example-${index}.mjs';
        console.log(JSON.stringify(await ${expression}));`;
        writeFileSync(join(project, 'main.mjs'), program);
        return JSON.parse(
          execFileSync(process.execPath, ['main.mjs'], { cwd: project, env, encoding: 'utf8' }),
        );
      };
      const rootfs = JSON.stringify(join(bundle, 'rootfs'));
      expect(call(0, `outputOf(${rootfs}, 'echo', 'hello')`)).toBe('hello\nexit status 0');
      expect(call(0, `outputOf(${rootfs}, 'nginx')`)).toBe('container.program-not-found at /process/args/0');
      write(['sh', '-c', 'while read -r line; do echo "got $line"; done; exit 3']);
      const lines = `converse('readme-${process.pid}', ${JSON.stringify(bundle)}, ['one', 'two'])`;
      expect(call(1, lines)).toBe('on tsubo\ngot one\ngot two\nexit status 3');
      expect(existsSync(join(bundle, 'config.json'))).toBe(true);
    });
  },
);
