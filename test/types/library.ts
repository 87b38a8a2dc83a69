// SPDX-License-Identifier: Apache-2.0
import { createContainer, isRuntimeError } from 'tsubo';

/** Runs the program of a bundle and a check beside it; a failure becomes its code and its place in config.json. */
export async function checkBundle(id: string, bundle: string): Promise<string> {
  try {
    const container = await createContainer({ id, bundle });
    try {
      await container.start();
      const { status } = await container.exec({ args: ['sh', '-c', 'test -e /etc/passwd'] });
      return `${(await container.state()).status}, and the check ended with ${status}`;
    } finally {
      await container.delete({ force: true });
    }
  } catch (error) {
    // For example `container.program-not-found at /process/args/0`.
    if (isRuntimeError(error)) return `${error.code} at ${error.pointer}`;
    throw error;
  }
}
