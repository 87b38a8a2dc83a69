// SPDX-License-Identifier: Apache-2.0
import type { Style } from '../errors/layout.ts';
import type { Binding } from '../host/binding.d.ts';

/** A terminal that is narrower wraps by itself. */
const narrowest = 30;

/**
 * How to show text on a descriptor; undefined when it is no terminal. `COLUMNS` overrides the terminal's own width;
 * `NO_COLOR` and a `TERM` that is not set or `dumb` mean no colours.
 */
export function terminalStyle(binding: Binding, fd: number): Style | undefined {
  if (!binding.isTerminal(fd)) return undefined;
  const columns = binding.getenv('COLUMNS') ?? '';
  const width = /^[1-9]\d{0,4}$/.test(columns) ? Number(columns) : binding.terminalWidth(fd);
  const term = binding.getenv('TERM') ?? '';
  return {
    width: width === undefined || width < narrowest ? undefined : width,
    colour: (binding.getenv('NO_COLOR') ?? '') === '' && term !== '' && term !== 'dumb',
  };
}
