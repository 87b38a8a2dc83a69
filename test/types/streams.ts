// SPDX-License-Identifier: Apache-2.0
import { createContainer } from 'tsubo';

/** Writes lines to the program of a container and returns the output of the program. */
export async function converse(id: string, bundle: string, lines: readonly string[]): Promise<string> {
  const container = await createContainer({ id, bundle, stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await container.start();
    for (const line of lines) container.stdin?.write(`${line}\n`);
    const { stdout } = await container.exec({ args: ['hostname'], stdio: 'pipe' });
    container.stdin?.end();
    let answers = `on ${stdout}`;
    for await (const data of container.stdout ?? []) answers += data;
    const end = await container.wait();
    return `${answers}exit status ${end?.status}`;
  } finally {
    await container.delete({ force: true });
  }
}
