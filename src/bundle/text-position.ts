// SPDX-License-Identifier: Apache-2.0

/** A place in a text, both from 1. The column counts UTF-16 code units, as most editors do. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

export function textPosition(text: string, offset: number): TextPosition {
  let line = 1;
  let lineStart = 0;
  for (;;) {
    const newline = text.indexOf('\n', lineStart);
    if (newline === -1 || newline >= offset) break;
    line++;
    lineStart = newline + 1;
  }
  return { line, column: offset - lineStart + 1 };
}

/** What stands around the offset in its line, cut to about 40 characters. */
export function textExcerpt(text: string, offset: number): string {
  const lineStart = offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
  const newline = text.indexOf('\n', offset);
  const lineEnd = newline === -1 ? text.length : newline;
  const from = Math.max(lineStart, offset - 20);
  const to = Math.min(lineEnd, offset + 20);
  return text.slice(from, to).trim();
}
