// SPDX-License-Identifier: Apache-2.0
// The newest runc and crun of Debian with their libraries, in a directory that becomes the root of a mount namespace.
// Nothing is installed, and the loader needs no configuration.
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { unpackPackages } from '../../native/build/debian.mjs';
import { Failure, run, say, stage, top } from '../../native/build/stage.mjs';

const packages = [
  'crun',
  'runc',
  'libc6',
  'libgcc-s1',
  'libblake3-0',
  'libcap2',
  'libjson-c5',
  'libseccomp2',
  'libsystemd0',
];

/** @returns {Promise<string | undefined>} the directory; undefined, with a printed reason, if it cannot be made */
export async function newestPeers() {
  const into = 'build/bench/peers';
  try {
    await stage({
      name: 'newest',
      saying: "fetching Debian's newest runc and crun",
      into,
      inputs: ['test/bench/peers.mjs'],
      outputs: [`${into}/newest/usr/bin/crun`, `${into}/newest/usr/sbin/runc`],
      make: async () => {
        mkdirSync(join(top, into), { recursive: true });
        const root = join(top, into, 'newest');
        await unpackPackages({ packages, suites: ['sid'], into: root });
        for (const name of ['proc', 'sys', 'dev', 'run', 'tmp', 'root', 'etc']) {
          mkdirSync(join(root, name), { recursive: true });
        }
        // Debian keeps these links in a package that is not needed otherwise.
        for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
          mkdirSync(join(root, 'usr', name), { recursive: true });
          if (!existsSync(join(root, name))) symlinkSync(`usr/${name}`, join(root, name));
        }
        await run('/sbin/ldconfig', ['-r', root]);
      },
    });
    return join(top, into, 'newest');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(`${error.message}\ntsubo: only the runtimes that are installed here are compared with`);
    return undefined;
  }
}
