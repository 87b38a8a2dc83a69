// SPDX-License-Identifier: Apache-2.0

/** A position in a text, both numbers from 1. The column counts UTF-16 code units, like most editors. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

export function textPosition(text: string, offset: number): TextPosition {
  return textPositions(text, [offset])[0] as TextPosition;
}

/** Converts all offsets in one pass over the text. */
export function textPositions(text: string, offsets: readonly number[]): TextPosition[] {
  const order = offsets.map((_, index) => index).sort((one, other) => at(offsets, one) - at(offsets, other));
  const positions: TextPosition[] = [];
  let line = 1;
  let lineStart = 0;
  let newline = text.indexOf('\n');
  for (const index of order) {
    const offset = at(offsets, index);
    while (newline !== -1 && newline < offset) {
      line++;
      lineStart = newline + 1;
      newline = text.indexOf('\n', lineStart);
    }
    positions[index] = { line, column: offset - lineStart + 1 };
  }
  return positions;
}

function at(offsets: readonly number[], index: number): number {
  return offsets[index] as number;
}

/** Returns the text around the offset in its line, cut to about 40 characters. */
export function textExcerpt(text: string, offset: number): string {
  const lineStart = offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
  const newline = text.indexOf('\n', offset);
  const lineEnd = newline === -1 ? text.length : newline;
  const from = Math.max(lineStart, offset - 20);
  const to = Math.min(lineEnd, offset + 20);
  return text.slice(from, to).trim();
}
