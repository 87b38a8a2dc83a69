// SPDX-License-Identifier: Apache-2.0
// npm run clean: removes everything that the build and the tests create in the checkout, including node_modules.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { say, script, top } from './stage.mjs';

await script(async () => {
  const tarballs = readdirSync(top).filter(name => /^tsubo-.*\.tgz$/.test(name));
  const made = [
    'build',
    'dist',
    'prebuilds',
    'bundle-fixtures/good/hello/rootfs',
    'bundle-fixtures/good/web/rootfs',
    ...tarballs,
    'node_modules',
  ];
  for (const name of made) rmSync(join(top, name), { recursive: true, force: true });
  say(`removed ${made.join(', ')}`);
  return 0;
});
