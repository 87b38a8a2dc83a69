// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../errors/system.ts';
import { unlessMissing } from '../host/files.ts';
import type { Runtime } from './runtime.ts';
import type { UndoList } from './undo.ts';

/** Writes the pid as engines read it: digits, no newline, all at once. */
export function writePidFile(runtime: Runtime, path: string, pid: number, undo: UndoList): void {
  const { binding } = runtime;
  onHost(`unable to write the pid file ${path}`, () => binding.replaceText(path, String(pid), 0o666));
  undo.arm(`the pid file ${path}`, () => unlessMissing(() => binding.unlink(path)));
}
