// SPDX-License-Identifier: Apache-2.0
// node native/build/prebuild.mjs [OUT]: builds the addon and the standalone executable into OUT/prebuilds (default: in the
// checkout), which `npm pack` includes. It builds for this machine, and for the other architecture if its compiler is
// installed.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build, nodeGypEnvironment } from './build.mjs';
import { writeNotices } from './notices.mjs';
import { run, say, script, timed, top } from './stage.mjs';
import { executable, standalone } from './standalone.mjs';
import { architectures, lacksCompiler, nativeArch, toolchain } from './toolchain.mjs';

/**
 * @param {import('./toolchain.mjs').Arch} arch
 * @param {string} out
 */
async function addon(arch, out) {
  // prebuildify builds from scratch: it runs in a copy, because the checkout must keep its build.
  const copy = mkdtempSync(join(tmpdir(), 'tsubo-prebuild-'));
  try {
    for (const name of ['package.json', 'binding.gyp', 'native']) {
      cpSync(join(top, name), join(copy, name), { recursive: true });
    }
    // Copied too: gyp writes the makefiles of a dependency at its relative path from here, which would be outside the
    // copy for a dependency outside it.
    cpSync(join(top, 'node_modules/node-addon-api'), join(copy, 'node_modules/node-addon-api'), {
      recursive: true,
    });
    symlinkSync(join(top, 'node_modules/.bin'), join(copy, 'node_modules/.bin'));
    const { cc, cxx, strip } = toolchain(arch);
    const options = {
      arch,
      cwd: copy,
      out,
      cache: join(copy, 'cache'),
      target: process.versions.node,
      'strip-bin': strip,
    };
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const program = join(top, 'node_modules/prebuildify/bin.js');
    await timed(`building the addon for the package (prebuildify, ${arch})`, async () => {
      await run(process.execPath, [program, '--napi', '--strip', '--tag-libc', ...args], {
        ...nodeGypEnvironment(),
        CC: cc,
        CXX: cxx,
      });
    });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

await script(async () => {
  const out = resolve(process.argv[2] ?? top);
  await build(['packages']);
  rmSync(join(out, 'prebuilds'), { recursive: true, force: true });
  for (const arch of architectures) {
    const lack = lacksCompiler(arch);
    if (lack !== undefined && arch !== nativeArch()) {
      say(`the package lacks ${arch}: ${lack}`);
      continue;
    }
    await addon(arch, out);
    await standalone(arch);
    const directory = join(out, 'prebuilds', `linux-${arch}`);
    mkdirSync(directory, { recursive: true });
    cpSync(join(top, executable(arch)), join(directory, 'tsubo'));
  }
  await writeNotices(join(out, 'dist'));
  return 0;
});
