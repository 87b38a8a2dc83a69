// SPDX-License-Identifier: Apache-2.0

/**
 * Characters that a terminal does not show but acts on: control characters (C0 without the line feed, DEL, C1), marks that
 * change the direction of text, and unpaired surrogates, which are not characters.
 */
const invisible =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression matches these characters
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu;

/**
 * Makes untrusted text (a config, an argument, a path, the output of a program) safe for a terminal: characters that
 * would act there become escapes of JSON. Line feeds stay.
 */
export function visible(text: string): string {
  return text.replace(invisible, character => escapeOf(character));
}

/** The same for text that must stay on its line. */
export function visibleLine(text: string): string {
  return visible(text).replaceAll('\n', '\\n');
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
