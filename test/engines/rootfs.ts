// SPDX-License-Identifier: Apache-2.0
import type { Machine } from './machine.ts';

/** The root file system of all images, as a tar file in the machine. */
export const rootfsTar = '/tmp/rootfs.tar';

/** Packs a root file system with busybox, users and a page for its web server. */
export function makeRootfs(machine: Machine): void {
  const script = `
    set -e
    root=/tmp/rootfs
    mkdir -p $root/bin $root/etc $root/tmp $root/root $root/www $root/dev $root/proc $root/sys
    chmod 1777 $root/tmp
    cp /bin/busybox $root/bin/
    chroot $root /bin/busybox --install -s /bin
    printf 'root:x:0:0:root:/root:/bin/sh\\nweb:x:33:33:web:/www:/bin/sh\\n' >$root/etc/passwd
    printf 'root:x:0:\\nweb:x:33:\\nextra:x:44:web\\n' >$root/etc/group
    echo 'a page' >$root/www/index.html
    tar -C $root -cf ${rootfsTar} .
    rm -rf $root`;
  const { status, stderr } = machine.run(['sh', '-c', script]);
  if (status !== 0) throw new Error(`the root file system of the images could not be made: ${stderr}`);
}
