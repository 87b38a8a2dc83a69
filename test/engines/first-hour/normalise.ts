// SPDX-License-Identifier: Apache-2.0
import type { Result } from '../machine.ts';
import type { Printed } from './compare.ts';

const span = String.raw`(?:Less than a second|About an? (?:minute|hour)|\d+ (?:second|minute|hour)s?)`;

const escapeCharacter = String.fromCharCode(27);

/** Replacements for what differs between two runs of the same program. */
const replacements: readonly (readonly [RegExp, string])[] = [
  // The endpoint of a network that could not be made.
  [/\([0-9a-f]{64}\)/, '(ID)'],
  [new RegExp(`${span} ago`, 'g'), 'SPAN ago'],
  [new RegExp(`Up ${span}`, 'g'), 'Up SPAN'],
  // The shell asks the terminal for the position of the cursor, and writes its prompt again after a while.
  [new RegExp(`${escapeCharacter}\\[\\d*[A-Za-z]`, 'g'), ''],
  [/(?:\/ # ){2,}/, '/ # '],
  // Random names of containers.
  [/\b[a-z]+_[a-z]+\d*$/, 'NAME'],
  // ls -la: links and size of a directory depend on the file system, the time on when the container was made.
  [/^(d\S+ +)\d+( \w+ +\w+ +)\d+/, '$1N$2N'],
  [/ [A-Z][a-z]{2} +\d+ +(\d+:\d+|\d{4}) /, ' DATE '],
  [/^time="[^"]+"/, 'time="TIME"'],
  // The log of apache2.
  [/^\[\w{3} \w{3} \d\d [\d:.]+ \d{4}\]/, '[TIME]'],
  [/\[pid 1:tid \d+\]/, '[pid 1:tid N]'],
  [/\[\d\d\/\w{3}\/\d{4}:[\d:]+ \+0000\]/, '[TIME]'],
  [/\b(172|10)(\.\d+){3}\b/g, 'ADDRESS'],
];

/** Lines that Docker's client prints or not, by chance. */
const sometimes = [/: Verifying Checksum$/, /msg="error waiting for container: context canceled"$/];

/** Splits what a command printed into lines, without times, ids of containers and random names. */
export function normalised(
  line: string,
  { status, stdout, stderr }: Result,
  ids: ReadonlySet<string>,
): Printed {
  const withoutIds = (text: string) =>
    [...ids].reduce((made, id) => made.replaceAll(id, 'ID').replaceAll(id.slice(0, 12), 'ID'), text);
  return { line, status, stdout: linesOf(withoutIds(stdout)), stderr: linesOf(withoutIds(stderr)) };
}

function linesOf(text: string): string[] {
  return text
    .replace(/\r/g, '')
    .replace(/\n$/, '')
    .split('\n')
    .filter(line => !sometimes.some(pattern => pattern.test(line)))
    .map(line => {
      const replaced = replacements.reduce(
        (made, [pattern, word]) => made.replace(pattern, word),
        line.trimEnd(),
      );
      // The widths of columns depend on names and times.
      return replaced.replace(/ {2,}/g, '  ');
    });
}
