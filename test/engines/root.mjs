// SPDX-License-Identifier: Apache-2.0
// A root file system with the engines: Debian packages with all dependencies, unpacked and never installed.
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { unpackPackages } from '../../native/build/debian.mjs';
import { stage, top } from '../../native/build/stage.mjs';

const into = 'build/engines';

/** The programs of the machine and the engines: 137 MB with all dependencies. */
const short = [
  ...['base-files', 'base-passwd', 'bash', 'coreutils', 'dash', 'findutils', 'grep', 'sed', 'tar', 'gzip'],
  ...['mawk', 'bsdutils', 'busybox-static', 'curl', 'hostname', 'iproute2', 'iptables', 'mount', 'procps'],
  ...['tini', 'util-linux', 'runc', 'docker.io', 'containerd'],
  ...['containernetworking-plugins', 'podman', 'conmon', 'uidmap', 'catatonit', 'netavark', 'aardvark-dns'],
];

/** Packages that only the other flows and the benchmark need. */
const more = [
  ...['ca-certificates', 'crun', 'criu', 'docker-registry', 'docker-compose', 'apache2-bin'],
  ...['buildah', 'fuse-overlayfs', 'slirp4netns', 'skopeo', 'umoci'],
];

/** Scripts of the packages make these links during an installation. */
const links = {
  'usr/sbin/iptables': 'iptables-nft',
  'usr/sbin/iptables-restore': 'iptables-nft-restore',
  'usr/sbin/iptables-save': 'iptables-nft-save',
  'usr/sbin/ip6tables': 'ip6tables-nft',
  'usr/sbin/ip6tables-restore': 'ip6tables-nft-restore',
  'usr/sbin/ip6tables-save': 'ip6tables-nft-save',
  'usr/bin/awk': 'mawk',
  'var/run': '../run',
  'var/lock': '../run/lock',
};

/**
 * @param {string} suite of Debian, for example `bookworm`
 * @param {boolean} isShort for the short part only; a tree with everything serves too
 * @returns {Promise<string>} the directory
 */
export async function engineRoot(suite, isShort) {
  const whole = `${into}/${suite}`;
  if (isShort && existsSync(join(top, whole))) return join(top, whole);
  const tree = isShort ? `${whole}-short` : whole;
  await stage({
    name: basename(tree),
    saying: `fetching the engines of Debian ${suite}`,
    into,
    inputs: ['test/engines/root.mjs'],
    outputs: [`${tree}/usr/sbin/dockerd`, `${tree}/usr/bin/podman`],
    make: async () => {
      mkdirSync(join(top, into), { recursive: true });
      const root = join(top, tree);
      // Debian 12 has the client in docker.io.
      const client = suite === 'bookworm' ? [] : ['docker-cli'];
      const packages = [...short, ...client, ...(isShort ? [] : more)];
      await unpackPackages({ packages, dependencies: () => true, suites: [suite], into: root });
      finish(root);
    },
  });
  return join(top, tree);
}

/**
 * Does what the installation of the packages would do.
 * @param {string} root
 */
function finish(root) {
  for (const [link, target] of Object.entries(links)) {
    const path = join(root, link);
    rmSync(path, { recursive: true, force: true });
    symlinkSync(target, path);
  }
  if (!existsSync(join(root, 'bin/sh'))) symlinkSync('dash', join(root, 'bin/sh'));
  copyFileSync(join(root, 'usr/share/base-passwd/passwd.master'), join(root, 'etc/passwd'));
  copyFileSync(join(root, 'usr/share/base-passwd/group.master'), join(root, 'etc/group'));
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost engines\n::1 localhost\n');
  writeFileSync(join(root, 'etc/hostname'), 'engines\n');
  writeFileSync(join(root, 'etc/resolv.conf'), '');
  writeFileSync(join(root, 'etc/machine-id'), `${'0'.repeat(31)}1\n`);
  for (const name of ['proc', 'sys', 'dev', 'run', 'tmp', 'root', 'old']) {
    mkdirSync(join(root, name), { recursive: true });
  }
  chmodSync(join(root, 'tmp'), 0o1777);
  for (const name of ['usr/bin/newuidmap', 'usr/bin/newgidmap']) chmodSync(join(root, name), 0o4755);
}
