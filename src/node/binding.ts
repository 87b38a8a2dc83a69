// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RuntimeError } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';
import { remedy } from './remedy.ts';

/** This file as a URL; in the bundled program as a path. */
const here = import.meta.url;

/** Returns the directory of the package, above both dist/ and src/, at any depth. dist/cjs has a package.json too. */
export function packageDirectory(): string {
  let directory = dirname(here.startsWith('file:') ? fileURLToPath(here) : here);
  while (!existsSync(join(directory, 'binding.gyp')) && dirname(directory) !== directory) {
    directory = dirname(directory);
  }
  return directory;
}

let loaded: Binding | undefined;

/**
 * Returns the addon; the first call loads it.
 *
 * @throws RuntimeError `host.addon` with a cure that depends on the machine
 */
export function loadBinding(): Binding {
  loaded ??= load();
  return loaded;
}

function load(): Binding {
  const home = packageDirectory();
  let addon: Binding;
  try {
    addon = open(home);
  } catch (error) {
    throw explain(error as Error, home);
  }
  return Object.assign(Object.create(addon) as Binding, {
    // The command line without node and its options.
    argv: () => ownArguments(addon),
    ownCommand: () => [process.execPath, join(home, 'dist/tsubo.cjs')],
    isOpen: (fd: number) => addon.isOpen(fd) && !isOfNode(fd),
  });
}

/**
 * Returns the command line without node and its options. Node replaces bytes that are not UTF-8 in another way than the
 * standalone host, therefore in that case they are read again from /proc.
 */
function ownArguments(addon: Binding): string[] {
  const words = process.argv.slice(1);
  if (!words.some(word => word.includes('\ufffd'))) return words;
  const given = addon.readText('/proc/self/cmdline').split('\0').slice(0, -1);
  return [...words.slice(0, 1), ...given.slice(given.length - words.length + 1)];
}

/**
 * Opens the addon in its usual places. node-gyp-build would search the directories, which takes as long as loading
 * the addon; it is used only if the addon is elsewhere or cannot be loaded.
 */
function open(home: string): Binding {
  const places = [
    'build/Release/tsubo.node',
    `prebuilds/${process.platform}-${process.arch}/tsubo.glibc.node`,
  ];
  for (const place of places) {
    const file = join(home, place);
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
  return build(home) as Binding;
}

/**
 * Node opens descriptors, an epoll instance first, before this code runs. If the caller left a low descriptor closed,
 * Node's descriptor gets its number.
 */
function isOfNode(fd: number): boolean {
  return /^anon_inode:\[event(poll|fd)\]$/.test(readlinkSync(`/proc/self/fd/${fd}`));
}

function explain(error: Error, home: string): RuntimeError {
  const prebuildDirectory = join(home, 'prebuilds');
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const hint = remedy({
    message: error.message,
    platform: process.platform,
    arch: process.arch,
    nodeMajor: Number(process.versions.node.split('.')[0]),
    musl: report?.header?.glibcVersionRuntime === undefined,
    prebuilds: existsSync(prebuildDirectory) ? readdirSync(prebuildDirectory) : [],
    built: existsSync(join(home, 'build', 'Release')),
    checkout: existsSync(join(home, 'binding.gyp')),
  });
  const [reason = 'unknown reason'] = error.message.split('\n');
  return new RuntimeError(
    {
      code: 'host.addon',
      message: `unable to load the native part of tsubo: ${reason}`,
      path: home,
      hint,
    },
    { cause: error },
  );
}
