// SPDX-License-Identifier: Apache-2.0
// npm run test:sanitized [-- VITEST ARGUMENTS]: runs tests with real containers on an executable and an init with
// AddressSanitizer and UndefinedBehaviorSanitizer. A finding ends the process with a report, and the test fails. Without
// arguments it runs tests that together execute most operations of the init and of the binding.
import { join } from 'node:path';
import { sanitized, sanitizedExecutable } from '../native/build/sanitized.mjs';
import { script, top } from '../native/build/stage.mjs';
import { prepareTests, vitest } from './run.mjs';

const files = ['run', 'lifecycle', 'exec', 'kill'];

await script(async () => {
  const args = process.argv.slice(2);
  await prepareTests();
  await sanitized();
  const selected = args.length > 0 ? args : files.map(name => `test/oci/${name}.test.ts`);
  return vitest(['--project', 'oci', ...selected], { TSUBO_RUNTIME: join(top, sanitizedExecutable) });
});
