// SPDX-License-Identifier: Apache-2.0
// node .ci/prebuild.mjs [OUT]: puts the addon and the static executable for this machine into OUT/prebuilds (the
// checkout's when not given), from where `npm pack` takes them.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build, nodeGypEnvironment } from './build.mjs';
import { run, script, timed, top } from './stage.mjs';

await script(async () => {
  const out = resolve(process.argv[2] ?? top);
  await build(['packages']);
  // prebuildify builds from nothing: in a copy, so that the checkout keeps its build.
  const copy = mkdtempSync(join(tmpdir(), 'tsubo-prebuild-'));
  try {
    for (const name of ['package.json', 'binding.gyp', 'native']) {
      cpSync(join(top, name), join(copy, name), { recursive: true });
    }
    symlinkSync(join(top, 'node_modules'), join(copy, 'node_modules'));
    const artifacts = join(copy, 'artifacts');
    mkdirSync(artifacts);
    const options = {
      cwd: copy,
      out,
      cache: join(copy, 'cache'),
      target: process.versions.node,
      // prebuildify takes the .node file only; executables come along as artifacts.
      postinstall: `install -s build/Release/tsubo-init ${artifacts}`,
      artifacts,
    };
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const program = join(top, 'node_modules/prebuildify/bin.js');
    await timed('building the addon for the package (prebuildify)', async () => {
      await run(
        process.execPath,
        [program, '--napi', '--strip', '--tag-libc', ...args],
        nodeGypEnvironment(),
      );
    });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  return 0;
});
