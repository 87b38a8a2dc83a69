// SPDX-License-Identifier: Apache-2.0
import type { Style } from '../errors/layout.ts';
import type { Binding } from '../host/binding.d.ts';

/** The minimum width for wrapping; a narrower terminal wraps lines itself. */
const narrowest = 30;

/**
 * Returns the text style of a descriptor; undefined if it is not a terminal. `COLUMNS` overrides the terminal's
 * width; `NO_COLOR`, a missing `TERM` and `TERM=dumb` disable colours.
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
