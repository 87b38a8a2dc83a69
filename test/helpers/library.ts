// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sandbox } from './sandbox.ts';
import { withFile } from './view.ts';

const library = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

/** Where the program runs. */
export interface Machine {
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the words after it, in other namespaces for example. */
  readonly within?: readonly string[];
}

/**
 * Runs a program that uses the library in the sandbox, and returns its output, parsed as JSON. In its lines, `library` is
 * the library, `options` has the root of the sandbox, and `print` prints the result.
 */
export function programOutput(
  box: Sandbox,
  lines: string,
  nodeOptions: readonly string[] = [],
  machine: Machine = {},
): unknown {
  const file = join(box.mkdir('program'), 'program.mjs');
  writeFileSync(
    file,
    `import * as library from ${JSON.stringify(library)};
     const options = { root: ${JSON.stringify(box.root)} };
     const print = value => console.log(JSON.stringify(value));
     ${lines}`,
  );
  // A file: the processes that it leaves behind keep its standard output open.
  const out = box.fresh('out');
  const done = withFile(out, 'a', fd =>
    box.view.exec([...(machine.within ?? []), process.execPath, ...nodeOptions, file], {
      stdio: ['ignore', fd, fd],
      ...(machine.env !== undefined && { env: machine.env }),
    }),
  );
  const printed = readFileSync(out, 'utf8');
  if (done.status !== 0) throw new Error(printed);
  return JSON.parse(printed);
}
