// SPDX-License-Identifier: Apache-2.0
// node test/minimal-root/make.mjs DIRECTORY: makes a Debian 12 in it with the requirements of the README only. Node, the
// settings of npm and apt, and the addresses of name servers are copied from this machine.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { withPackages } from '../../native/build/debian.mjs';
import { Failure, run, script, timed, top } from '../../native/build/stage.mjs';

const suite = 'bookworm';
/** The requirements of the README; apt is part of every Debian. */
const named = ['apt', 'g++', 'make', 'python3'];

/**
 * Works like debootstrap: unpacks everything first, which provides the programs for the scripts of each package, and
 * then installs it.
 *
 * @param {string} root
 * @returns {Promise<string>} the address of the archive that had the packages
 */
async function install(root) {
  let archive = '';
  await withPackages(
    { packages: ['?priority(required)', ...named], suites: [suite], dependencies: () => true },
    root,
    async (debs, _, site) => {
      archive = site;
      for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
        mkdirSync(join(root, 'usr', name), { recursive: true });
        symlinkSync(`usr/${name}`, join(root, name));
      }
      const unpack =
        'cd "$1"; for deb in *.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -xpf - --keep-directory-symlink -C "$2"; done';
      await run('bash', ['-euo', 'pipefail', '-c', unpack, 'bash', debs, root]);
      symlinkSync('mawk', join(root, 'usr/bin/awk'));
      writeFileSync(join(root, 'var/lib/dpkg/status'), '');
      cpSync(debs, join(root, 'debs'), { recursive: true });
      const dpkg = 'dpkg --force-depends --force-unsafe-io --install';
      // The scripts of the other packages use the users and directories that these three make.
      const first = ['base-passwd', 'base-files', 'dpkg'].map(name => `/debs/${name}_*.deb`).join(' ');
      const configure = `export DEBIAN_FRONTEND=noninteractive; ${dpkg} ${first}; ${dpkg} /debs/*.deb`;
      await run(join(top, 'test/minimal-root/enter'), [root, 'bash', '-euc', configure]);
      rmSync(join(root, 'debs'), { recursive: true });
    },
  );
  return archive;
}

/** @param {string} root @param {string} path of a file or directory, copied to the same path */
function copy(root, path) {
  if (!existsSync(path)) return;
  mkdirSync(dirname(join(root, path)), { recursive: true });
  cpSync(realpathSync(path), join(root, path), { recursive: true, verbatimSymlinks: true });
}

/**
 * Copies Node, npm and the settings of this machine.
 * @param {string} root
 * @param {string} archive address of the Debian archive
 */
async function addNode(root, archive) {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  for (const name of ['bin/node', 'include/node', 'etc/npmrc']) copy(root, join(prefix, name));
  const npm = dirname(dirname(realpathSync((await run('sh', ['-c', 'command -v npm'])).trim())));
  copy(root, npm);
  const programs = join(root, prefix, 'bin');
  for (const name of ['npm', 'npx']) symlinkSync(join(npm, `bin/${name}-cli.js`), join(programs, name));

  const settings = join(homedir(), '.npmrc');
  if (existsSync(settings)) copyFileSync(settings, join(root, 'root/.npmrc'));
  const authorities = (await run('npm', ['config', 'get', 'cafile'])).trim();
  const { NODE_EXTRA_CA_CERTS, SSL_CERT_FILE } = process.env;
  for (const path of new Set([authorities, NODE_EXTRA_CA_CERTS, SSL_CERT_FILE])) {
    if (path?.startsWith('/')) copy(root, path);
  }
  rmSync(join(root, 'etc/apt'), { recursive: true });
  copy(root, '/etc/apt');
  // This machine may have another suite.
  for (const name of ['sources.list', 'sources.list.d']) {
    rmSync(join(root, 'etc/apt', name), { recursive: true, force: true });
  }
  writeFileSync(join(root, 'etc/apt/sources.list'), `deb ${archive} ${suite} main\n`);
  for (const path of ['/etc/resolv.conf', '/etc/hosts']) copy(root, path);
}

await script(async () => {
  const [root, ...others] = process.argv.slice(2);
  if (root === undefined || others.length > 0)
    throw new Failure('usage: node test/minimal-root/make.mjs DIRECTORY');
  mkdirSync(root, { recursive: true });
  if (readdirSync(root).length > 0) throw new Failure(`${root} is not empty`);
  await timed('making a minimal Debian 12', async () => {
    await addNode(root, await install(root));
  });
  return 0;
});
