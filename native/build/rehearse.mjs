// SPDX-License-Identifier: Apache-2.0
// npm run rehearse: executes the commands whose speed and memory matter, as root, and records in
// src/standalone/rehearsal.json what each call of the binding returned (native/standalone/README.md, "The order of the
// heap").
import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { findProgram } from './programs.mjs';
import { Failure, run, script, top } from './stage.mjs';
import { recording } from './standalone.mjs';

const require = createRequire(import.meta.url);
/** A fixed directory, because the recording contains its path. */
const place = '/tmp/tsubo-rehearsal';
const bundle = join(place, 'bundle');
const id = 'rehearsal';

const ofEngines = ['--root', join(place, 'state'), '--log', join(place, 'log'), '--log-format', 'json'];

/** Every step of the life of a container, as a user and an engine write it, and `run` in its forms. */
const commands = [
  ['state', id],
  ['list'],
  ['run', '--bundle', bundle, id],
  [...ofEngines, 'state', id],
  [...ofEngines, 'create', '--bundle', join(place, 'engine'), '--pid-file', join(place, 'pid'), id],
  [...ofEngines, 'state', id],
  [...ofEngines, 'start', id],
  [...ofEngines, 'exec', id, '/bin/true'],
  [...ofEngines, 'list'],
  [...ofEngines, 'kill', id, 'KILL'],
  [...ofEngines, 'delete', '--force', id],
  ['run', '--bundle', bundle, id],
  ['create', '--bundle', join(place, 'stays'), id],
  ['start', id],
  ['ps', '--format', 'json', id],
  ['exec', '--user', '1:1', id, '/bin/true'],
  ['list'],
  ['delete', '--force', id],
  ['run', '--publish', '18080:80', '--bundle', bundle, id],
  ['check', bundle],
  ['plan', '--bundle', bundle],
  ['features'],
];

/**
 * @param {unknown} value
 * @returns {unknown} as src/standalone/rehearsal.ts reads it
 */
function encoded(value) {
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (typeof value === 'bigint') return { bigint: String(value) };
  if (Array.isArray(value)) return value.map(encoded);
  if (typeof value !== 'object' || value === null) return value;
  return { record: Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, encoded(inner)])) };
}

/**
 * The binding of this machine, which adds each result to `calls`.
 *
 * @param {Record<string, (...args: unknown[]) => unknown>} binding
 * @param {readonly string[]} words
 * @param {Record<string, unknown[]>} calls
 */
function recorder(binding, words, calls) {
  return new Proxy(binding, {
    get(_, key) {
      const name = String(key);
      if (name === 'argv') return () => ['tsubo', ...words];
      const call = binding[name];
      if (call === undefined) return undefined;
      return (/** @type {unknown[]} */ ...args) => {
        calls[name] ??= [];
        const results = calls[name];
        try {
          const value = call(...args);
          results.push(value === undefined ? {} : { value: encoded(value) });
          return value;
        } catch (error) {
          const failure = /** @type {Error} */ (error);
          results.push({ error: { ...failure, message: failure.message } });
          throw error;
        }
      };
    },
  });
}

/** In namespaces of its own, with cgroup2 at /sys/fs/cgroup. */
async function record() {
  /** @type {typeof import('esbuild')} */
  const esbuild = require('esbuild');
  await esbuild.build({
    absWorkingDir: top,
    entryPoints: ['src/cli/main.ts', 'src/cli/spec-document.ts', 'test/helpers/engine-profile.ts'],
    entryNames: '[name]',
    outdir: 'build/rehearsal',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    alias: { commander: './src/standalone/shims/commander.ts' },
    logLevel: 'warning',
  });
  const bundled = (/** @type {string} */ name) =>
    import(pathToFileURL(join(top, `build/rehearsal/${name}.mjs`)).href);
  const { main } = await bundled('main');
  const { defaultConfig } = await bundled('spec-document');
  const { engineProfile } = await bundled('engine-profile');
  makeBundles(defaultConfig({ program: 'tsubo', cgroupNamespace: true }), engineProfile('short'));
  const binding = require(join(top, 'build/Release/tsubo.node'));
  const recorded = [];
  for (const words of commands) {
    /** @type {Record<string, unknown[]>} */
    const calls = {};
    const argv = ['tsubo', ...words];
    const status = main(recorder(binding, words, calls));
    recorded.push({ argv, status, calls });
  }
  writeFileSync(join(top, recording), `[\n${recorded.map(one => JSON.stringify(one)).join(',\n')}\n]\n`);
}

/**
 * @param {{ process: object, linux: object }} config
 * @param {object} seccomp the profile of an engine
 */
function makeBundles(config, seccomp) {
  const busybox = findProgram('busybox');
  if (busybox === undefined) throw new Failure('no busybox: apt-get install busybox-static');
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place);
  /** @param {readonly string[]} args */
  const running = args => ({ ...config, process: { ...config.process, terminal: false, args } });
  const programs = { bundle: running(['/bin/true']), stays: running(['/bin/sleep', '100']) };
  for (const [name, document] of Object.entries({
    ...programs,
    engine: engineConfig(programs.stays, seccomp),
  })) {
    const rootfs = join(place, name, 'rootfs');
    for (const entry of ['bin', 'proc', 'dev', 'sys']) mkdirSync(join(rootfs, entry), { recursive: true });
    copyFileSync(busybox, join(rootfs, 'bin/busybox'));
    for (const link of ['sh', 'sleep', 'true']) symlinkSync('busybox', join(rootfs, 'bin', link));
    writeFileSync(join(place, name, 'config.json'), JSON.stringify(document));
  }
}

/**
 * The config of `spec` with the additions of engines.
 * @param {{ process: object, linux: object, mounts?: object[] }} config
 * @param {object} seccomp
 */
function engineConfig(config, seccomp) {
  const bind = (/** @type {string} */ name) => {
    const source = join(place, name);
    writeFileSync(source, '');
    return { destination: `/etc/${name}`, type: 'bind', source, options: ['rbind', 'rprivate'] };
  };
  return {
    ...config,
    process: { ...config.process, user: { uid: 0, gid: 0, additionalGids: [0, 10] }, oomScoreAdj: 0 },
    mounts: [...(config.mounts ?? []), ...['hosts', 'hostname', 'resolv.conf'].map(bind)],
    hooks: { prestart: [{ path: '/bin/true', args: ['true'] }] },
    annotations: { 'org.example.rehearsal': 'true' },
    linux: {
      ...config.linux,
      cgroupsPath: `/${id}/${id}`,
      sysctl: { 'net.ipv4.ip_unprivileged_port_start': '0' },
      resources: {
        devices: [
          { allow: false, access: 'rwm' },
          { allow: true, type: 'c', major: 1, minor: 5, access: 'rwm' },
        ],
      },
      seccomp,
    },
  };
}

await script(async () => {
  if (process.getuid?.() !== 0) throw new Failure('recording makes containers: run it as root');
  if (process.argv[2] === '--here') {
    await record();
    rmSync(place, { recursive: true, force: true });
    return 0;
  }
  await build(['packages', 'native']);
  const mounts = [
    'mount -t cgroup2 none /sys/fs/cgroup',
    'mount -t tmpfs none /run',
    // The recording contains nothing of this machine's users.
    'echo root:x:0:0:root:/root:/bin/sh >/run/passwd',
    'mount --bind /run/passwd /etc/passwd',
    'ip link set lo up',
  ].join(' && ');
  const self = fileURLToPath(import.meta.url);
  await run('unshare', ['-mn', 'sh', '-c', `${mounts} && exec "$@"`, 'sh', process.execPath, self, '--here']);
  return 0;
});
