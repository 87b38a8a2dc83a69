// SPDX-License-Identifier: Apache-2.0
// Programs and a library that tests need and few machines have, from Debian packages unpacked into build/tools. Nothing
// is installed, and a program in PATH has precedence.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackPackages } from '../native/build/debian.mjs';
import { isDynamic } from '../native/build/elf.mjs';
import { bin, findProgram, isProgram, toolsDirectory } from '../native/build/programs.mjs';
import { Failure, run, say, timed, top } from '../native/build/stage.mjs';

/**
 * @typedef {object} Tool
 * @property {string} package its Debian package
 * @property {string} costs the tests that are skipped without it
 * @property {string} [file] name of the program in the package, if another one makes the link to it
 * @property {readonly string[]} [also] other programs of the same package or of one that it depends on
 */

const containers = 'all tests that run a container';
const arm64 = 'the tests of the arm64 executable';
const machines = 'npm run test:vm';
const images = 'the tests of images and layers';
const networks = 'the tests of networks and published ports';
const dashboard = 'npm run test:dashboard';
const checkpoints = 'the tests of checkpoints';
const registries = 'the tests with a registry';

/** The tools of each group by name; a name is that of a program, except for libseccomp. */
const groups = /** @type {const} */ ({
  test: [
    'busybox',
    'libseccomp',
    'mount',
    'setpriv',
    'ip',
    'ps',
    'script',
    'strace',
    'jq',
    'newuidmap',
    'ping',
    'nc',
    'curl',
    'nft',
    'iptables-nft',
    'iptables-restore',
    'ip6tables-restore',
    'pasta',
    'umoci',
    'docker-registry',
    'skopeo',
    'zstd',
    'openssl',
  ].concat(
    ['runc', 'crun'],
    process.arch === 'x64' ? ['aarch64-linux-gnu-g++', 'qemu-aarch64-static', 'qemu-system-aarch64'] : [],
  ),
  vm: ['setpriv', 'mke2fs', 'qemu-system-x86_64'],
  format: ['clang-format'],
  tidy: ['clang-tidy'],
  fuzz: ['clang++', 'libclang-rt'],
  dashboard: ['chromium'],
});

/** @typedef {keyof typeof groups} Group */

/** @type {Readonly<Record<string, Tool>>} */
const tools = {
  busybox: { package: 'busybox-static', costs: containers },
  mount: { package: 'mount', costs: containers, also: ['umount'] },
  setpriv: {
    package: 'util-linux',
    costs: `${containers}, and ${machines}`,
    also: ['nsenter', 'setsid', 'taskset', 'unshare'],
  },
  libseccomp: { package: 'libseccomp-dev', costs: 'the comparison of seccomp filters with libseccomp' },
  ip: { package: 'iproute2', costs: 'the tests of networks and network devices' },
  ps: { package: 'procps', costs: 'the tests of the command ps', also: ['pgrep', 'sysctl'] },
  script: { package: 'bsdutils', costs: 'some tests with a terminal' },
  strace: { package: 'strace', costs: 'the tests of a runtime that is killed, and of system calls' },
  jq: { package: 'jq', costs: 'the tests that read JSON in a script' },
  newuidmap: {
    package: 'uidmap',
    costs: 'the tests of a user with several ids',
    also: ['newgidmap'],
  },
  ping: { package: 'iputils-ping', costs: networks },
  nc: { package: 'netcat-openbsd', costs: networks, file: 'nc.openbsd' },
  curl: { package: 'curl', costs: networks },
  nft: { package: 'nftables', costs: networks },
  'iptables-nft': { package: 'iptables', costs: networks, also: ['iptables-legacy'] },
  'iptables-restore': { package: 'iptables', costs: checkpoints, file: 'iptables-nft-restore' },
  'ip6tables-restore': { package: 'iptables', costs: checkpoints, file: 'ip6tables-nft-restore' },
  pasta: { package: 'passt', costs: 'the tests of a network without root' },
  umoci: { package: 'umoci', costs: images },
  skopeo: { package: 'skopeo', costs: images },
  zstd: { package: 'zstd', costs: images },
  'docker-registry': { package: 'docker-registry', costs: registries },
  openssl: { package: 'openssl', costs: 'the tests of registries with TLS' },
  // The program in usr/bin is a script with absolute paths.
  chromium: { package: 'chromium', costs: dashboard, file: '../lib/chromium/chromium' },
  runc: { package: 'runc', costs: 'the comparison with runc' },
  crun: { package: 'crun', costs: 'the comparison with crun' },
  'aarch64-linux-gnu-g++': {
    package: 'g++-aarch64-linux-gnu',
    costs: arm64,
    also: ['gcc', 'strip', 'ar', 'ranlib', 'as', 'ld', 'nm', 'objcopy', 'objdump'].map(
      name => `aarch64-linux-gnu-${name}`,
    ),
  },
  'qemu-aarch64-static': { package: 'qemu-user-static', costs: arm64 },
  'qemu-system-aarch64': { package: 'qemu-system-arm', costs: arm64 },
  'qemu-system-x86_64': { package: 'qemu-system-x86', costs: machines },
  mke2fs: { package: 'e2fsprogs', costs: machines },
  'clang++': { package: 'clang', costs: 'the native fuzzers' },
  'libclang-rt': { package: 'libclang-rt-14-dev', costs: 'the native fuzzers' },
  'clang-format': { package: 'clang-format', costs: 'the format of C++ in npm run check' },
  'clang-tidy': { package: 'clang-tidy', costs: 'the analysis of C++ in npm run check' },
};

/** The files of Debian's nginx with its libraries, a layer for the root of a container. */
export const nginxTree = join(toolsDirectory, 'nginx');

/** Fetches them. They are not installed and not executed on this machine. */
async function fetchNginx() {
  if (existsSync(nginxTree)) return;
  const packages = ['nginx', 'libc6', 'libcrypt1', 'libpcre2-8-0', 'libssl3', 'zlib1g'];
  try {
    await timed('fetching a web server for containers (Debian package nginx)', async () => {
      mkdirSync(toolsDirectory, { recursive: true });
      await unpackPackages({ packages, into: nginxTree });
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(`${error.message}: the test of nginx in a container is skipped`);
  }
}

/**
 * Fetches criu, which Debian 12 does not have, from the next release with all its libraries: a program of that release
 * starts with its own loader only.
 */
async function fetchCriu() {
  const tree = join(toolsDirectory, 'criu');
  const script = join(bin, 'criu');
  // The paths of a moved checkout.
  if (existsSync(script) && !readFileSync(script, 'utf8').includes(`'${tree}/`)) rmSync(script);
  if (findProgram('criu') !== undefined) return;
  try {
    await timed('fetching criu for the tests of checkpoints (Debian package criu)', async () => {
      mkdirSync(bin, { recursive: true });
      await unpackPackages({ packages: ['criu'], suites: ['sid'], dependencies: () => true, into: tree });
    });
    prune(tree);
    const [directory = ''] = libraries(tree).filter(path => path.includes('/usr/'));
    const loader = readdirSync(directory).find(name => name.startsWith('ld-linux'));
    if (loader === undefined) throw new Failure(`${directory} has no loader`);
    const words = [join(directory, loader), '--library-path', directory, join(tree, 'usr/sbin/criu')];
    // It executes iptables-restore, which needs its extensions.
    const settings = Object.entries(iptablesSetting()).map(([name, value]) => `export ${name}='${value}'\n`);
    const command = words.map(word => `'${word}'`).join(' ');
    writeFileSync(script, `#!/bin/sh\n${settings.join('')}exec ${command} "$@"\n`, { mode: 0o755 });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(`${error.message}: the tests of checkpoint and restore are skipped`);
  }
}

/** A busybox without shared libraries, to be copied into root file systems. Alpine calls it busybox.static. */
export function staticBusybox() {
  return ['busybox', 'busybox.static']
    .map(name => findProgram(name, isStatic))
    .find(file => file !== undefined);
}

/** @param {string} file */
const isStatic = file => kindOf(file) === 'static';

/**
 * @param {string} file
 * @returns {'static' | 'dynamic' | undefined} undefined unless it is a 64-bit executable or library
 */
function kindOf(file) {
  const start = Buffer.alloc(4096);
  const fd = openSync(file, 'r');
  try {
    readSync(fd, start);
  } finally {
    closeSync(fd);
  }
  const elf64 = start.readUInt32BE(0) === 0x7f454c46 && start[4] === 2;
  // patchelf may move the program headers, and it is applied to dynamic programs only.
  if (elf64 && start.readBigUInt64LE(0x20) > 2048n) return 'dynamic';
  return elf64 ? (isDynamic(start) ? 'dynamic' : 'static') : undefined;
}

/** Compiler options for the header and static library of libseccomp, or undefined without it. */
export function seccompOptions() {
  const installed = ['/usr/lib64', '/usr/lib', ...libraries('/')].map(path => join(path, 'libseccomp.a'));
  if (existsSync('/usr/include/seccomp.h') && installed.some(existsSync)) return ['-lseccomp'];
  const tree = join(toolsDirectory, 'test/usr');
  if (!existsSync(join(tree, 'include/seccomp.h'))) return undefined;
  return [
    `-I${tree}/include`,
    ...libraries(join(toolsDirectory, 'test')).map(path => `-L${path}`),
    '-lseccomp',
  ];
}

/**
 * The setting with which fetched programs of iptables find their extensions.
 *
 * @returns {Readonly<Record<string, string>>}
 */
export function iptablesSetting() {
  const [directory] = libraries(join(toolsDirectory, 'test'))
    .map(path => join(path, 'xtables'))
    .filter(existsSync);
  return directory === undefined ? {} : { XTABLES_LIBDIR: directory };
}

/** True if the compiler finds the library of libFuzzer. */
function hasFuzzer() {
  const compiler = findProgram('clang++');
  if (compiler === undefined) return false;
  const { stdout } = spawnSync(compiler, ['-print-resource-dir'], { encoding: 'utf8' });
  const directory = join(stdout.trim(), 'lib/linux');
  return existsSync(directory) && readdirSync(directory).some(name => name.startsWith('libclang_rt.fuzzer-'));
}

/** @param {string} name */
function isThere(name) {
  if (name === 'busybox') return staticBusybox() !== undefined;
  if (name === 'libseccomp') return seccompOptions() !== undefined;
  if (name === 'libclang-rt') return hasFuzzer();
  return [name, ...(tools[name]?.also ?? [])].every(program => findProgram(program) !== undefined);
}

/**
 * Fetches the tools of a group that the machine lacks. If that fails, prints what to install and which tests are skipped.
 * @param {Group} group
 */
export async function fetchTools(group) {
  await fetchGroup(group);
  if (group !== 'test') return;
  await fetchNginx();
  await fetchCriu();
}

/** @param {Group} group */
async function fetchGroup(group) {
  const record = join(toolsDirectory, group, '.packages');
  const have = existsSync(record) ? readFileSync(record, 'utf8').split('\n') : [];
  if (have[0] !== key()) rmSync(join(toolsDirectory, group), { recursive: true, force: true });
  removeDeadLinks();
  const lacking = groups[group].filter(name => !isThere(name));
  if (lacking.length === 0) return;
  const fetched = groups[group].filter(name => have.includes(packageOf(name)));
  const wanted = [...new Set([...fetched, ...lacking].map(packageOf))];
  try {
    await timed(`fetching what this machine lacks (Debian packages ${wanted.join(', ')})`, () =>
      fetchInto(group, wanted),
    );
    const still = lacking.filter(name => !isThere(name));
    if (still.length > 0) throw new Failure(`the packages have no ${still.join(', ')}`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(`${error.message}\n${whatToInstall(lacking.filter(name => !isThere(name)))}`);
  }
}

/** Changes when a tree must be fetched again: the programs of a moved checkout contain the old path of their libraries. */
function key() {
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  return `${hash.digest('hex')} ${top}`;
}

/** @param {string} name */
function packageOf(name) {
  return /** @type {Tool} */ (tools[name]).package;
}

/** @param {readonly string[]} names */
export function whatToInstall(names) {
  const width = Math.max(...names.map(name => name.length));
  return [
    'This machine lacks some programs, and their Debian packages cannot be fetched. Install them:',
    ...names.map(name => {
      const { package: debian, costs } = /** @type {Tool} */ (tools[name]);
      return `  - ${name.padEnd(width)}  (Debian: ${debian}) or this is skipped: ${costs}`;
    }),
    "The README's section on requirements has their names in other distributions.",
  ].join('\n');
}

/**
 * @param {Group} group
 * @param {readonly string[]} packages
 */
async function fetchInto(group, packages) {
  const tree = join(toolsDirectory, group);
  const installed = await installedPackages();
  mkdirSync(toolsDirectory, { recursive: true });
  await unpackPackages({
    packages: [...packages, 'patchelf'],
    dependencies: name => !installed.has(name),
    into: tree,
  });
  prune(tree);
  dropSetIdBits(tree);
  relocateLinkerScripts(tree);
  await setLibraryPaths(tree);
  mkdirSync(bin, { recursive: true });
  for (const name of groups[group]) {
    if (!packages.includes(packageOf(name))) continue;
    for (const program of [name, ...(tools[name]?.also ?? [])]) await link(tree, program);
  }
  writeFileSync(join(tree, '.packages'), [key(), ...packages, ''].join('\n'));
}

/** @returns {Promise<Set<string>>} the names of the Debian packages that are installed on this machine */
async function installedPackages() {
  const listed = await run('dpkg', ['--get-selections']).catch(() => '');
  return new Set([...listed.matchAll(/^([^\s:]+)\S*\s+(?:install|hold)$/gm)].map(([, name = '']) => name));
}

/**
 * Removes documentation and the emulators of other architectures, together half of the bytes.
 * @param {string} tree
 */
function prune(tree) {
  for (const name of ['doc', 'man', 'info', 'locale', 'lintian']) {
    rmSync(join(tree, 'usr/share', name), { recursive: true, force: true });
  }
  const programs = join(tree, 'usr/bin');
  for (const name of readdirSync(programs)) {
    if (/^qemu-(?!aarch64-).*-static$/.test(name)) rmSync(join(programs, name));
  }
}

/**
 * The system does not update the programs below build/. Removes the bits that would give root's rights to their callers.
 * @param {string} tree
 */
function dropSetIdBits(tree) {
  for (const file of programsIn(tree)) {
    const { mode } = statSync(file);
    if ((mode & 0o6000) !== 0) chmodSync(file, mode & 0o777);
  }
}

/**
 * The directories of a tree in which programs search libraries.
 * @param {string} tree
 */
function libraries(tree) {
  const triplet = `${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu`;
  return [`lib/${triplet}`, `usr/lib/${triplet}`].map(name => join(tree, name)).filter(existsSync);
}

/**
 * libc.so of the cross compiler is a text with absolute paths. It searches plain names in its own directory.
 * @param {string} tree
 */
function relocateLinkerScripts(tree) {
  const directory = join(tree, 'usr/aarch64-linux-gnu/lib');
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    const file = join(directory, name);
    if (!name.endsWith('.so') || lstatSync(file).size > 4096 || !lstatSync(file).isFile()) continue;
    const text = readFileSync(file, 'latin1');
    if (!text.startsWith('/* GNU ld script')) continue;
    writeFileSync(file, text.replaceAll('/usr/aarch64-linux-gnu/lib/', ''), 'latin1');
  }
}

/**
 * Writes the path of its libraries into each program of the tree, because tests start programs with an empty
 * environment. The relative path ($ORIGIN) is for tests that see the checkout at another place, the absolute one for runc,
 * which executes a copy of itself in memory. DT_RPATH, unlike DT_RUNPATH, applies to the libraries of libraries too,
 * unless such a library has a DT_RUNPATH itself.
 *
 * @param {string} tree
 * @throws Failure if a program cannot find one of its libraries
 */
async function setLibraryPaths(tree) {
  const directories = libraries(tree);
  const patchelf = join(tree, 'usr/bin/patchelf');
  for (const file of programsIn(tree)) {
    if (file === patchelf || kindOf(file) !== 'dynamic') continue;
    const here = directories.map(directory => `$ORIGIN/${relative(dirname(file), directory)}`);
    await run(patchelf, ['--force-rpath', '--set-rpath', [...here, ...directories].join(':'), file]);
  }
  for (const file of librariesIn(tree)) {
    if ((await run(patchelf, ['--print-rpath', file])).trim() === '') continue;
    await run(patchelf, ['--remove-rpath', file]);
  }
}

/**
 * The shared libraries for this machine.
 * @param {string} tree
 * @returns {string[]}
 */
function librariesIn(tree) {
  return [...libraries(tree), join(tree, 'usr/lib')].flatMap(directory =>
    !existsSync(directory)
      ? []
      : readdirSync(directory, { withFileTypes: true })
          .filter(entry => entry.isFile() && /\.so(\.|$)/.test(entry.name))
          .map(entry => join(directory, entry.name))
          .filter(file => kindOf(file) !== undefined),
  );
}

/**
 * @param {string} file
 * @throws Failure if it cannot find one of its libraries
 */
async function requireLibraries(file) {
  if (kindOf(realpathSync(file)) !== 'dynamic') return;
  const missing = [...(await run('ldd', [file])).matchAll(/^\s*(\S+) => not found/gm)].map(
    ([, name]) => name,
  );
  if (missing.length > 0) throw new Failure(`${file} lacks ${missing.join(', ')}`);
}

/**
 * The executable regular files that are not libraries.
 * @param {string} tree
 * @returns {string[]}
 */
function programsIn(tree) {
  return readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && !/\.(so|o|a)\b/.test(entry.name))
    .map(entry => join(entry.parentPath, entry.name))
    .filter(file => (statSync(file).mode & 0o111) !== 0);
}

/**
 * Links a program of the tree into `bin`, if it exists.
 * @param {string} tree
 * @param {string} program
 * @throws Failure if it cannot find one of its libraries
 */
async function link(tree, program) {
  const file = ['bin', 'usr/bin', 'sbin', 'usr/sbin']
    .map(directory => join(tree, directory, tools[program]?.file ?? program))
    .find(isProgram);
  if (file === undefined) return;
  await requireLibraries(file);
  const name = join(bin, program);
  rmSync(name, { force: true });
  symlinkSync(relative(bin, file), name);
}

/** Removes the links whose tree was removed. */
function removeDeadLinks() {
  if (!existsSync(bin)) return;
  for (const name of readdirSync(bin)) {
    if (!existsSync(join(bin, name))) rmSync(join(bin, name));
  }
}
