// SPDX-License-Identifier: Apache-2.0
import { main } from '../cli/main.ts';
import { manyLines } from '../errors/render.ts';
import { toRuntimeError } from '../errors/system.ts';
import { loadBinding } from './binding.ts';

try {
  process.exitCode = main(loadBinding());
} catch (error) {
  // Only what keeps the command line itself from running comes here: it has told of all else.
  process.stderr.write(`${manyLines(toRuntimeError(error)).join('\n')}\n`);
  process.exitCode = 1;
}
