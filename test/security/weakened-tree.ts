// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Edit } from './attacks.ts';

/** The parts of a checkout that the build and the tests use. */
const copied = [
  'src',
  'native',
  'test',
  'dist',
  'bundle-fixtures',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'vitest.config.ts',
  'binding.gyp',
];

/**
 * A copy of the checkout with its build, in which sources are changed and built again. The checkout and what is built
 * from it never contain such a change.
 */
export class WeakenedTree {
  readonly directory: string;
  /** The files that differ from the checkout. */
  #changed = new Set<string>();
  readonly #top: string;

  constructor(top: string, directory: string) {
    this.directory = directory;
    this.#top = top;
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(join(directory, 'build'), { recursive: true });
    // With their times, by which make finds that nothing is to be compiled.
    const options = { recursive: true, preserveTimestamps: true, verbatimSymlinks: true } as const;
    for (const name of copied) cpSync(join(top, name), join(directory, name), options);
    for (const name of readdirSync(join(top, 'build'))) {
      if (
        name === 'Release' ||
        name === 'standalone' ||
        /\.(mk|gypi|stamp)$|^(binding\.)?Makefile$/.test(name)
      ) {
        cpSync(join(top, 'build', name), join(directory, 'build', name), options);
      }
    }
    symlinkSync(join(top, 'node_modules'), join(directory, 'node_modules'));
    for (const name of ['tools', 'test', 'cache']) {
      mkdirSync(join(top, 'build', name), { recursive: true });
      symlinkSync(join(top, 'build', name), join(directory, 'build', name));
    }
  }

  /** Builds with these changes alone. Returns the problem, if there is one. */
  build(edits: readonly Edit[], host: 'node' | 'standalone'): string | undefined {
    for (const file of this.#changed) copyFileSync(join(this.#top, file), join(this.directory, file));
    this.#changed = new Set(edits.map(({ file }) => file));
    for (const { file, find, replace } of edits) {
      const path = join(this.directory, file);
      if (!existsSync(path)) return `${file} does not exist`;
      const text = readFileSync(path, 'utf8');
      if (text.split(find).length !== 2) return `${file} does not contain exactly once: ${find}`;
      writeFileSync(
        path,
        text.replace(find, () => replace),
      );
    }
    const program =
      host === 'node' ? ['native/build/build.mjs', 'native', 'bundle'] : ['native/build/standalone.mjs'];
    const done = spawnSync(process.execPath, program, {
      cwd: this.directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return done.status === 0 ? undefined : `it cannot be built: ${done.stderr.slice(-2000)}`;
  }
}
