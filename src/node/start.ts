#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

/**
 * Set by the build. The cache's name contains the hash of the program, therefore the cache of another build is never
 * read.
 */
declare const CODE_CACHE: string;

/**
 * V8 compiles the program, dist/cli.js, at build time and again at install; loading the result takes a quarter of the
 * time of a compilation. V8 rejects a result of another version or with other flags, and compiles the program again.
 */
const directory = dirname(__filename);
const filename = join(directory, 'cli.js');

function codeCache(): { cachedData?: Buffer } {
  try {
    return { cachedData: readFileSync(join(directory, CODE_CACHE)) };
  } catch {
    return {};
  }
}

// latin1 is the fastest encoding to read; esbuild writes ASCII only.
const source = readFileSync(filename, 'latin1');
const program = new Script(source, { filename, ...codeCache() }).runInThisContext() as (
  load: NodeJS.Require,
  file: string,
) => void;
program(require, filename);
