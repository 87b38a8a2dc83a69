// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

/**
 * The code block of an engine in the README's section on engines: the tests run the text that users read.
 * @param engine the words at the start of the line before the block, in bold
 * @param language the language of the block
 */
export function recipe(engine: string, language: string): string {
  const page = readFileSync('README.md', 'utf8');
  const section = page.split('\n## Use it under an engine\n')[1]?.split('\n## ')[0] ?? '';
  const part = section.split(`\n**${engine}**`)[1]?.split('\n**')[0] ?? '';
  const block = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(part)?.[1];
  if (block === undefined) throw new Error(`the README has no recipe for ${engine} in ${language}`);
  return block;
}
