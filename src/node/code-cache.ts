// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';

declare const CODE_CACHE: string;

/**
 * Writes the file that src/node/start.ts loads: the program compiled by this Node, including the functions of a short
 * command. It runs that command in this process; therefore call it in a process of its own.
 */
export function writeCodeCache(home: string): void {
  const filename = join(home, 'cli.js');
  const script = new Script(readFileSync(filename, 'latin1'), { filename });
  const program = script.runInThisContext() as (load: NodeJS.Require, file: string) => void;
  // This command prints nothing because it finds no container.
  const root = mkdtempSync(join(tmpdir(), 'tsubo-'));
  process.argv = [process.execPath, filename, '--root', root, 'list', '--quiet'];
  // Without an addon the command fails; that error is not relevant here.
  const { write } = process.stderr;
  process.stderr.write = () => true;
  program(require, filename);
  process.stderr.write = write;
  process.exitCode = 0;
  rmdirSync(root);
  const file = join(home, CODE_CACHE);
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, script.createCachedData());
  renameSync(fresh, file);
}
