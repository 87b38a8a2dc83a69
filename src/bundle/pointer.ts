// SPDX-License-Identifier: Apache-2.0

/** Escapes `~` and `/`, the two special characters in a token of a JSON pointer. */
function escapeToken(token: string): string {
  return token.includes('~') || token.includes('/')
    ? token.replaceAll('~', '~0').replaceAll('/', '~1')
    : token;
}

/** Returns the RFC 6901 pointer of these keys and indices; `''` is the whole document. */
export function formatPointer(tokens: readonly (string | number)[]): string {
  let out = '';
  for (const token of tokens) out += `/${typeof token === 'number' ? token : escapeToken(token)}`;
  return out;
}

/** Returns the pointer of a member of the value at `pointer`. */
export function childPointer(pointer: string, token: string | number): string {
  return `${pointer}/${typeof token === 'number' ? token : escapeToken(token)}`;
}

/**
 * Returns the unescaped tokens of an RFC 6901 pointer.
 *
 * @throws SyntaxError if it is neither empty nor starts with `/`
 */
export function parsePointer(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw new SyntaxError(`not a JSON pointer: ${pointer}`);
  return pointer
    .slice(1)
    .split('/')
    .map(token => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Returns the pointers of all values that contain the one at `pointer`, from the innermost to the whole document. */
export function pointersAround(pointer: string): string[] {
  const around: string[] = [];
  for (let end = pointer.lastIndexOf('/'); end >= 0; end = pointer.lastIndexOf('/', end - 1)) {
    around.push(pointer.slice(0, end));
    if (end === 0) break;
  }
  return around;
}
