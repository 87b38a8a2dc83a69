// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RuntimeError } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';
import { remedy } from './remedy.ts';

/** This file as a URL, or in the bundled program as a path. */
const here = import.meta.url;

/** The directory of package.json: above dist/ and src/ alike, however deep this file lies in them. */
function findPackageDirectory(): string {
  let directory = dirname(here.startsWith('file:') ? fileURLToPath(here) : here);
  while (!existsSync(join(directory, 'package.json')) && dirname(directory) !== directory) {
    directory = dirname(directory);
  }
  return directory;
}

let loaded: Binding | undefined;

/**
 * The addon, loaded at the first call.
 *
 * @throws RuntimeError `host.addon` with what to do, chosen from what is found
 */
export function loadBinding(): Binding {
  loaded ??= load();
  return loaded;
}

function load(): Binding {
  const packageDirectory = findPackageDirectory();
  let addon: Binding;
  try {
    addon = open(packageDirectory);
  } catch (error) {
    throw explain(error as Error, packageDirectory);
  }
  return Object.assign(Object.create(addon) as Binding, {
    // As the user wrote it: node and its options are no part of our command line.
    argv: () => process.argv.slice(1),
    isOpen: (fd: number) => addon.isOpen(fd) && !isOfNode(fd),
  });
}

/**
 * The addon where it nearly always is. node-gyp-build would look through the directories for it, which takes as long as
 * the loading itself; it is asked where the addon is somewhere else, or does not fit.
 */
function open(packageDirectory: string): Binding {
  const places = [
    'build/Release/tsubo.node',
    `prebuilds/${process.platform}-${process.arch}/tsubo.glibc.node`,
  ];
  for (const place of places) {
    const file = join(packageDirectory, place);
    if (!existsSync(file)) continue;
    const module = { exports: {} };
    try {
      process.dlopen(module, file);
    } catch {
      break;
    }
    return module.exports as Binding;
  }
  const build = createRequire(here)('node-gyp-build') as (directory: string) => unknown;
  return build(packageDirectory) as Binding;
}

/**
 * Node opens descriptors of its own before we run, an epoll instance first, so that one of these stands where the
 * first descriptor is missing that a caller should have passed.
 */
function isOfNode(fd: number): boolean {
  return /^anon_inode:\[event(poll|fd)\]$/.test(readlinkSync(`/proc/self/fd/${fd}`));
}

function explain(error: Error, packageDirectory: string): RuntimeError {
  const prebuildDirectory = join(packageDirectory, 'prebuilds');
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const hint = remedy({
    message: error.message,
    platform: process.platform,
    arch: process.arch,
    nodeMajor: Number(process.versions.node.split('.')[0]),
    musl: report?.header?.glibcVersionRuntime === undefined,
    prebuilds: existsSync(prebuildDirectory) ? readdirSync(prebuildDirectory) : [],
    built: existsSync(join(packageDirectory, 'build', 'Release')),
    checkout: existsSync(join(packageDirectory, 'binding.gyp')),
  });
  const [reason = 'unknown reason'] = error.message.split('\n');
  return new RuntimeError(
    {
      code: 'host.addon',
      message: `unable to load the native part of tsubo: ${reason}`,
      path: packageDirectory,
      hint,
    },
    { cause: error },
  );
}
