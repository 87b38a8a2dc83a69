// SPDX-License-Identifier: Apache-2.0
// npm run test:security [-- OPTIONS] [GROUP, CVE OR PART OF A NAME...]: tries the attacks of attacks.ts, and then each again on a
// build without the mechanism that stops it. The last lines are the counts.
//   --short       every fourth of the weakened builds
//   --unweakened  none of them
//   --peers       also on the installed runc and crun
//   --show        print how the tests fail on the weakened builds
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { say, script, top } from '../../native/build/stage.mjs';
import { executable, standaloneWherePossible } from '../../native/build/standalone.mjs';
import { bundled } from '../bundled.mjs';
import { prepareTests } from '../run.mjs';

const into = 'build/security';

await script(async () => {
  mkdirSync(join(top, into), { recursive: true });
  await prepareTests();
  const arch = /** @type {'x64' | 'arm64'} */ (process.arch);
  await standaloneWherePossible([arch]);
  /** @type {typeof import('./main.ts')} */
  const { security } = await import(await bundled('test/security/main.ts', into));
  return await security(process.argv.slice(2), {
    top,
    into: join(top, into),
    host: existsSync(join(top, executable(arch))) ? 'standalone' : 'node',
    say,
  });
});
