// SPDX-License-Identifier: Apache-2.0
// A Debian kernel for virtual machines, and the busybox for its first steps. Fetched once.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { unpackPackages } from '../../native/build/debian.mjs';
import { Failure, run, stage, top } from '../../native/build/stage.mjs';
import { makeImage } from './images.mjs';

const into = 'build/vm';

/** The Debian suites that provide a kernel. */
export const suites = ['bullseye', 'bookworm', 'trixie', 'sid'];

/**
 * A kernel with its modules.
 * @typedef {object} Kernel
 * @property {string} version `6.1.0-18-cloud-amd64`
 * @property {string} image the file that is booted
 * @property {string} modules the directory with all modules, not compressed
 * @property {string} disk the same as an ext4 image
 */

/** @param {string} suite @returns {Promise<Kernel>} */
export async function kernelOf(suite) {
  const here = `${into}/kernel-${suite}`;
  const directory = join(top, here);
  await stage({
    name: 'kernel',
    saying: `fetching the kernel of Debian ${suite}`,
    into: here,
    inputs: ['test/vm/kernel.mjs', 'test/vm/images.mjs'],
    outputs: [`${here}/vmlinuz`, `${here}/modules.ext4`, `${here}/version`],
    make: async () => {
      const busybox = await busyboxProgram();
      const tree = join(directory, 'tree');
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory, { recursive: true });
      await unpackPackages({
        packages: ['linux-image-cloud-amd64'],
        dependencies: name => /^linux-(image|binary|modules)-/.test(name),
        suites: [suite],
        architecture: 'amd64',
        into: tree,
      });
      const libraries = [join(tree, 'usr/lib/modules'), join(tree, 'lib/modules')].find(existsSync);
      const [version] = libraries === undefined ? [] : readdirSync(libraries);
      if (libraries === undefined || version === undefined) {
        throw new Failure(`the kernel package of Debian ${suite} has no modules`);
      }
      const modules = join(directory, 'modules');
      renameSync(join(libraries, version), modules);
      const image = [join(tree, `boot/vmlinuz-${version}`), join(modules, 'vmlinuz')].find(existsSync);
      if (image === undefined) throw new Failure(`the kernel package of Debian ${suite} has no kernel`);
      renameSync(image, join(directory, 'vmlinuz'));
      rmSync(tree, { recursive: true });
      // Uncompressed files load faster, and require no support in the kernel or modprobe.
      const unpack =
        'find "$1" -name "*.ko.xz" -exec "$2" unxz {} +; find "$1" -name "*.ko.zst" | grep . && exit 1; :';
      await run('/bin/sh', ['-c', unpack, 'sh', modules, busybox]);
      mkdirSync(join(directory, 'depmod/lib/modules'), { recursive: true });
      symlinkSync(modules, join(directory, 'depmod/lib/modules', version));
      await run(busybox, ['depmod', '-b', join(directory, 'depmod'), version]);
      await makeImage(join(directory, 'modules.ext4'), modules);
      writeFileSync(join(directory, 'version'), version);
    },
  });
  return {
    version: readFileSync(join(directory, 'version'), 'utf8'),
    image: join(directory, 'vmlinuz'),
    modules: join(directory, 'modules'),
    disk: join(directory, 'modules.ext4'),
  };
}

/** @returns {Promise<string>} a static busybox for the first steps in the machine and some outside */
export async function busyboxProgram() {
  const here = `${into}/busybox`;
  const found = `${here}/usr/bin/busybox`;
  await stage({
    name: 'busybox',
    saying: 'fetching busybox',
    into,
    inputs: ['native/build/debian.mjs'],
    outputs: [found],
    make: () => unpackPackages({ packages: ['busybox-static'], suites: ['sid'], into: join(top, here) }),
  });
  return join(top, found);
}
