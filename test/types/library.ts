// SPDX-License-Identifier: Apache-2.0
import { createContainer, isRuntimeError } from 'tsubo';

/** Runs a bundle's program and tells how the container was doing right after its start. */
export async function startBundle(id: string, bundle: string): Promise<string> {
  const container = await createContainer({ id, bundle });
  try {
    await container.start();
    const { status } = await container.exec({ args: ['sh', '-c', 'test -e /etc/passwd'] });
    return `${(await container.state()).status}, and the check ended with ${status}`;
  } catch (error) {
    // `container.syscall` at `/process/args/0`: execve(2) did not like the program
    if (isRuntimeError(error)) return `${error.code} at ${error.pointer}`;
    throw error;
  } finally {
    await container.delete({ force: true });
  }
}
