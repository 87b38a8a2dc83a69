// SPDX-License-Identifier: Apache-2.0
import { main } from '../cli/main.ts';
import { manyLines } from '../errors/render.ts';
import { toRuntimeError } from '../errors/system.ts';
import { loadBinding } from './binding.ts';

try {
  process.exitCode = main(loadBinding());
} catch (error) {
  // Only an error that prevents the command line from running is thrown here; `main` reports all others.
  process.stderr.write(`${manyLines(toRuntimeError(error)).join('\n')}\n`);
  process.exitCode = 1;
}
