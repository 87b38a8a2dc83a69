// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { onHost, refusalOf } from '../errors/system.ts';
import { O } from '../kernel/files.ts';
import type { Binding } from './binding.d.ts';
import { makeDirectories, unlessMissing } from './files.ts';

/**
 * Makes a claim: a file with the names of images, layers or volumes that a running command uses before a record
 * contains them. A command that removes such files reads the claims first. Both commands hold the lock of the store to
 * which the directory belongs. The claim of a process that has exited is not locked any more, and has no effect.
 *
 * @returns a function that ends the claim; it needs no lock
 */
export function makeClaim(binding: Binding, directory: string, text: string): () => void {
  return onHost(`unable to write in ${directory}`, () => {
    makeDirectories(binding, directory, 0o700);
    for (let attempt = 0; ; attempt++) {
      const path = `${directory}/${binding.pid()}-${attempt}`;
      let fd = -1;
      const refusal = refusalOf(() => {
        fd = binding.open(path, O.O_RDWR | O.O_CREAT | O.O_EXCL | O.O_CLOEXEC, 0o600);
      });
      // EEXIST: this process has another claim, or a process with the same pid in another pid namespace has one.
      if (refusal?.errno === errno.EEXIST) continue;
      if (refusal !== undefined) throw refusal;
      const end = (): void => {
        unlessMissing(() => binding.unlink(path));
        binding.close(fd);
      };
      try {
        binding.lock(fd, 0);
        binding.write(fd, text);
      } catch (error) {
        end();
        throw error;
      }
      return end;
    }
  });
}

/**
 * Returns the texts of the claims of running commands, and removes the others. Precondition: the lock of the store is
 * held.
 */
export function readClaims(binding: Binding, directory: string): string[] {
  return onHost(`unable to read ${directory}`, () => {
    const names = unlessMissing(() => binding.readdir(directory)) ?? [];
    return names.flatMap(name => {
      const path = `${directory}/${name}`;
      const fd = unlessMissing(() => binding.open(path, O.O_RDONLY | O.O_CLOEXEC, 0));
      if (fd === undefined) return [];
      try {
        // Undefined: the command has ended the claim in between.
        const isFree = unlessMissing(() => binding.lock(fd, 0));
        if (isFree === false) return [binding.readAll(fd)];
        unlessMissing(() => binding.unlink(path));
        return [];
      } finally {
        binding.close(fd);
      }
    });
  });
}
