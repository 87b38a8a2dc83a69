// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The output of the program of a bundle. The error for a nonzero exit status has `code`, `stdout` and `stderr`. */
export async function outputOf(id: string, bundle: string): Promise<string> {
  const command = 'node_modules/.bin/tsubo';
  const { stdout } = await promisify(execFile)(command, ['run', '--bundle', bundle, id]);
  return stdout;
}
