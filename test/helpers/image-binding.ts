// SPDX-License-Identifier: Apache-2.0
import * as fs from 'node:fs';
import type { Binding } from '../../src/host/binding.d.ts';
import { asSystemError, diskBinding } from './disk-binding.ts';

/** The disk, with the calls that change the store of images. Locks are not needed in one process. */
export function imageBinding(machine = 'x86_64'): Binding {
  const calls: Partial<Binding> = {
    ...diskBinding(),
    identity: () => ({ machine }) as ReturnType<Binding['identity']>,
    mkdir: (path, mode) => asSystemError('mkdir', () => fs.mkdirSync(path, { mode })),
    replaceText: (path, text) => {
      fs.writeFileSync(`${path}.new`, text);
      fs.renameSync(`${path}.new`, path);
    },
    unlink: path => fs.rmSync(path, { force: true }),
    removeTree: path => fs.rmSync(path, { recursive: true, force: true }),
    open: (path, flags) => asSystemError('open', () => fs.openSync(path, flags)),
    write: (fd, text) => void fs.writeSync(fd, text),
    rename: (from, to) => asSystemError('rename', () => fs.renameSync(from, to)),
    pid: () => process.pid,
    close: fd => fs.closeSync(fd),
    lock: () => true,
  };
  return calls as Binding;
}
