// SPDX-License-Identifier: Apache-2.0
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** The secrets of one run of the dashboard. They are only in memory. */
export class Session {
  /** Cookies are not separated by port: a second dashboard must not overwrite the cookie of the first one. */
  readonly cookieName: string;
  /** Opens the page once; it is in the printed address. */
  readonly token = secret();
  /** The value of the cookie, which the browser sends with each request. */
  readonly #cookie = secret();
  /** The browser sends a cookie of 127.0.0.1 to each of its ports. The key is known only to the page. */
  readonly #key = secret();
  #isTokenUsed = false;

  constructor(port: number) {
    this.cookieName = `tsubo-${port}`;
  }

  /** Returns cookie and key for the token; undefined for any other text, and from the second time on. */
  exchange(token: string): { readonly cookie: string; readonly key: string } | undefined {
    if (this.#isTokenUsed || !isEqual(token, this.token)) return undefined;
    this.#isTokenUsed = true;
    const attributes = 'Path=/; HttpOnly; SameSite=Strict';
    return { cookie: `${this.cookieName}=${this.#cookie}; ${attributes}`, key: this.#key };
  }

  /** @param header - the header Cookie */
  hasCookie(header: string | undefined): boolean {
    const values = (header ?? '').split(';').flatMap(pair => {
      const [name, value = ''] = pair.trim().split('=', 2);
      return name === this.cookieName ? [value] : [];
    });
    // The server on another port may have set a cookie of the same name, for another path.
    return values.some(value => isEqual(value, this.#cookie));
  }

  isKey(text: string | undefined): boolean {
    return isEqual(text ?? '', this.#key);
  }
}

function secret(): string {
  return randomBytes(32).toString('base64url');
}

/** Compares texts in a time that does not depend on their contents. */
function isEqual(one: string, other: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(one), hash(other));
}
