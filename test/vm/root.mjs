// SPDX-License-Identifier: Apache-2.0
// The root file system of the machine: Debian packages, unpacked and never installed, and Node with its packages.
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { unpackPackages } from '../../native/build/debian.mjs';
import { run, stage, top } from '../../native/build/stage.mjs';
import { makeImage } from './images.mjs';

const into = 'build/vm';

/** Commands and the libraries of Node; their dependencies are included. */
const programs = [
  ...['base-files', 'base-passwd', 'bash', 'coreutils', 'dash', 'findutils', 'grep', 'sed', 'tar', 'mawk'],
  ...['hostname', 'iproute2', 'kmod', 'mount', 'procps', 'util-linux', 'busybox-static'],
  ...['systemd', 'systemd-sysv', 'dbus', 'dbus-user-session', 'libpam-systemd'],
  ...['libstdc++6', 'strace', 'jq', 'crun', 'runc'],
  ...['nftables', 'iptables', 'netcat-openbsd', 'iputils-ping', 'curl', 'python3-minimal'],
];

/** Large packages of node_modules that no test uses. */
const unneeded = ['@biomejs', '@typescript', 'typescript', 'node-gyp', 'prebuildify', '.cache', '.vite'];

/**
 * @returns {Promise<string>} the disk with the root file system: Debian, Node, and the packages that the tests import
 */
export async function rootDisk() {
  const disk = `${into}/root.ext4`;
  const debian = `${into}/debian`;
  const older = 'opt/bookworm';
  await stage({
    name: 'debian',
    saying: "fetching Debian's packages for the machine",
    into,
    inputs: ['native/build/debian.mjs'],
    also: programs,
    outputs: [`${debian}/usr/sbin/runc`, `${debian}/${older}/usr/sbin/runc`],
    make: async () => {
      mkdirSync(join(top, into), { recursive: true });
      const tree = join(top, debian);
      await unpackPackages({ packages: programs, dependencies: () => true, suites: ['sid'], into: tree });
      await unpackPackages({ packages: ['runc', 'crun'], suites: ['bookworm'], into: `${tree}.older` });
      mkdirSync(join(tree, 'opt'), { recursive: true });
      renameSync(`${tree}.older`, join(tree, older));
      // A link that only an installation makes.
      symlinkSync('nc.openbsd', join(tree, 'usr/bin/nc'));
    },
  });
  const parser = `${into}/apparmor/usr/sbin/apparmor_parser`;
  await stage({
    name: 'apparmor',
    saying: "fetching AppArmor's compiler of profiles for the machine",
    into,
    inputs: ['native/build/debian.mjs'],
    outputs: [parser],
    make: () =>
      unpackPackages({ packages: ['apparmor'], suites: ['sid'], into: join(top, into, 'apparmor') }),
  });
  const compiler = `${into}/selinux/usr/bin/secilc`;
  await stage({
    name: 'selinux',
    saying: "fetching SELinux's compiler of policies for the machine",
    into,
    inputs: ['native/build/debian.mjs'],
    outputs: [compiler],
    make: () =>
      unpackPackages({
        packages: ['secilc', 'libsepol2'],
        suites: ['sid'],
        into: join(top, into, 'selinux'),
      }),
  });
  await stage({
    name: 'root',
    saying: 'making the root file system of the machine',
    into,
    inputs: [
      ...['test/vm/root.mjs', 'test/vm/images.mjs', 'package-lock.json'],
      ...[`${into}/.debian.stamp`, parser, compiler],
    ],
    also: [process.execPath, process.version],
    outputs: [disk],
    make: async () => {
      const tree = join(top, into, 'root');
      rmSync(tree, { recursive: true, force: true });
      await run('cp', ['-a', join(top, debian), tree]);
      copyFileSync(join(top, parser), join(tree, 'usr/sbin/apparmor_parser'));
      cpSync(join(top, into, 'selinux/usr'), join(tree, 'usr'), { recursive: true, verbatimSymlinks: true });
      addFiles(tree);
      await makeImage(join(top, disk), tree, { spareMiB: 1024 });
      rmSync(tree, { recursive: true });
    },
  });
  return join(top, disk);
}

/**
 * Creates the required files that the package scripts would create, and those of the tests.
 * @param {string} root
 */
function addFiles(root) {
  for (const name of ['passwd', 'group']) {
    copyFileSync(join(root, `usr/share/base-passwd/${name}.master`), join(root, 'etc', name));
  }
  // The user 1000 has a user manager in the tests of systemd.
  appendFileSync(
    join(root, 'etc/passwd'),
    'messagebus:x:990:990::/nonexistent:/usr/sbin/nologin\nlady:x:1000:1000::/home/lady:/bin/bash\n',
  );
  appendFileSync(join(root, 'etc/group'), 'messagebus:x:990:\nlady:x:1000:\n');
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n::1 localhost\n');
  writeFileSync(join(root, 'etc/machine-id'), '6a61720000000000000000000000000a\n');
  symlinkSync('mawk', join(root, 'usr/bin/awk'));
  for (const name of ['doc', 'man', 'locale', 'info', 'i18n', 'bash-completion']) {
    rmSync(join(root, 'usr/share', name), { recursive: true, force: true });
  }
  for (const name of ['home/lady', 'tsubo', 'mnt', 'usr/local/bin'])
    mkdirSync(join(root, name), { recursive: true });
  copyFileSync(process.execPath, join(root, 'usr/local/bin/node'));
  chmodSync(join(root, 'usr/local/bin/node'), 0o755);
  const modules = join(top, 'node_modules');
  cpSync(modules, join(root, 'opt/node_modules'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: source => !unneeded.some(name => source.startsWith(join(modules, name))),
  });
}
