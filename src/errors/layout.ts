// SPDX-License-Identifier: Apache-2.0

import { visible } from './visible.ts';

/** The layout of text on a terminal. Without a width, lines are not wrapped. */
export interface Style {
  /** Columns. */
  readonly width?: number | undefined;
  /** Default false. */
  readonly colour?: boolean;
}

/** Parameters of SGR, the terminal's control sequence for colours. */
const colours = { bold: '1', dim: '2', red: '31', yellow: '33', cyan: '36' } as const;

export type Colour = keyof typeof colours;

/** Colours the text if the style has colours. */
export function paint(text: string, colour: Colour, style: Style): string {
  return style.colour ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text;
}

/**
 * Wraps the text to lines of at most `width` columns and escapes characters that would act on a terminal. Words are not cut,
 * except lists of flags (`A|B`): a longer word gets its own line, which the terminal wraps.
 *
 * @param width - undefined: only line feeds in the text end a line
 */
export function wrap(untrusted: string, width: number | undefined): string[] {
  const text = visible(untrusted);
  if (width === undefined) return text.split('\n');
  return text.split('\n').flatMap(paragraph => {
    const lines: string[] = [];
    let length = 0;
    for (const word of paragraph.split(' ')) {
      if ([...word].length > width && word.includes('|')) {
        const parts = splitFlags(word, width);
        lines.push(...parts);
        length = [...(parts.at(-1) ?? '')].length;
        continue;
      }
      const more = [...word].length;
      if (lines.length === 0 || length + 1 + more > width) {
        lines.push(word);
        length = more;
      } else {
        lines[lines.length - 1] += ` ${word}`;
        length += 1 + more;
      }
    }
    return lines;
  });
}

/** Splits a list of flags after a `|`. */
function splitFlags(word: string, width: number): string[] {
  const parts: string[] = [];
  for (const flag of word.split(/(?<=\|)/)) {
    const last = parts.at(-1);
    if (last === undefined || [...last].length + [...flag].length > width) parts.push(flag);
    else parts[parts.length - 1] = last + flag;
  }
  return parts;
}

/** The column of the text after a label. */
const labelWidth = 10;

/** Formats `  hint    text`; continuation lines start below the text. */
export function labelled(label: string, text: string, style: Style, colour: Colour = 'dim'): string[] {
  const width = style.width === undefined ? undefined : style.width - labelWidth;
  const head = `  ${paint(label, colour, style)}${' '.repeat(labelWidth - 2 - label.length)}`;
  return wrap(text, width).map((line, index) => `${index === 0 ? head : ' '.repeat(labelWidth)}${line}`);
}

/** `warning: text`, with the word in a colour. */
export function headed(word: string, text: string, colour: Colour, style: Style): string[] {
  const lines = wrap(`${word}: ${text}`, style.width);
  lines[0] = paint(word, colour, style) + (lines[0] ?? '').slice(word.length);
  return lines;
}
