// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of the page. */
export interface Asset {
  readonly type: string;
  readonly content: Buffer;
}

/** All paths that the browser can request, with their files in dist/dashboard. No other path reaches the disk. */
const files: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
};

export function readAssets(directory: string): ReadonlyMap<string, Asset> {
  return new Map(
    Object.entries(files).map(([path, [file, type]]) => [
      path,
      { type, content: readFileSync(join(directory, file)) },
    ]),
  );
}

/** The element of index.html that withKey replaces. Only the answer to the token contains the key. */
export const keyPlace = '<meta name="tsubo-key" content="" />';

/** index.html with the key. */
export function withKey(page: Buffer, key: string): string {
  return page.toString('utf8').replace(keyPlace, () => `<meta name="tsubo-key" content="${key}" />`);
}

/** Returns the headers of every answer. */
export function headersFor(address: string): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': [
      "default-src 'none'",
      "script-src 'self'",
      // xterm.js makes style elements; without scripts and with images of this server only, styles can send nothing.
      "style-src 'self' 'unsafe-inline'",
      "img-src 'self'",
      `connect-src 'self' ws://${address}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  };
}
