#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** Set by the build. The hash of the program is part of the cache's name: one of another build is not even looked at. */
declare const CODE_CACHE: string;

/**
 * The program, dist/cli.js, is compiled by V8 once, at build and again at install: to load what came of that takes a
 * quarter of the time. V8 takes it only from its own version and for its own flags; else the program is compiled anew.
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

// esbuild writes ASCII only, and latin1 is read without being looked at
const source = readFileSync(filename, 'latin1');
const program = new Script(source, { filename, ...codeCache() }).runInThisContext() as (
  load: NodeJS.Require,
  file: string,
) => void;
program(require, filename);
