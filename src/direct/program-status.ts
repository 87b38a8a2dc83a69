// SPDX-License-Identifier: Apache-2.0
import type { RuntimeError } from '../errors/error.ts';

/** Exit statuses of a shell for a program that cannot be executed, which `run`, `start` and `exec` return, too. */
const statuses: Readonly<Record<string, number>> = {
  'container.program-not-found': 127,
  'container.program-not-executable': 126,
};

/** Returns undefined for a failure whose cause is not the program. */
export function programStatus({ code }: RuntimeError): number | undefined {
  return statuses[code];
}
