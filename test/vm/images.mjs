// SPDX-License-Identifier: Apache-2.0
// Disks of the machine: ext4 images made from directories, without mounts and without root.
import { renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { run } from '../../native/build/stage.mjs';

/**
 * An ext4 image with the content of `directory`, owned by root.
 *
 * @param {string} image is replaced after the new one is complete
 * @param {string} directory
 * @param {{ readonly spareMiB?: number }} [options] free space for later writes (default 16)
 */
export async function makeImage(image, directory, { spareMiB = 16 } = {}) {
  const size = 'du -sm --apparent-size "$1" | cut -f1; find "$1" | wc -l';
  const [mebibytes = 0, files = 0] = (await run('/bin/sh', ['-c', size, 'sh', directory]))
    .split('\n')
    .map(Number);
  const fresh = `${image}.${process.pid}`;
  try {
    writeFileSync(fresh, '');
    // Each file wastes half a block on average; unused blocks are not written.
    truncateSync(fresh, (Math.ceil(mebibytes * 1.1 + files / 200) + 24 + spareMiB) << 20);
    const options = ['-q', '-F', '-t', 'ext4', '-b', '4096', '-m', '0', '-N', String(files + 8192)];
    // No journal: the disk is not used after a crash.
    const features = ['-O', '^has_journal,^metadata_csum,^resize_inode', '-E', 'nodiscard,root_owner=0:0'];
    const make = ['mke2fs', ...options, ...features, '-d', directory, fresh];
    // In a user namespace with one user his files belong to root, and therefore also in the image.
    const command = process.geteuid?.() === 0 ? make : ['unshare', '--map-root-user', ...make];
    const path = `${process.env['PATH']}:/usr/sbin:/sbin`;
    await run(command[0] ?? '', command.slice(1), { ...process.env, PATH: path });
    renameSync(fresh, image);
  } finally {
    rmSync(fresh, { force: true });
  }
}
