// SPDX-License-Identifier: Apache-2.0
import { defineConfig, isRuntimeError, run } from 'tsubo';

/** The output of a command in a container without network, capabilities and writable files. */
export async function outputOf(rootfs: string, ...args: string[]): Promise<string> {
  const config = defineConfig({ args, rootfs });
  try {
    const { status, stdout, timedOut } = await run({ config, timeout: 10_000 });
    return timedOut ? 'too slow' : `${stdout}exit status ${status}`;
  } catch (error) {
    // For example `container.program-not-found at /process/args/0`.
    if (isRuntimeError(error)) return `${error.code} at ${error.pointer}`;
    throw error;
  }
}
