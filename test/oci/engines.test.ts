// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { type EngineConfig, engineConfigs, fillPlaceholders, makeSources } from '../helpers/engine-config.ts';
import { type Probe, parseReport, type Report } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { installedRunc, isTsubo, type Runtime, runtime } from '../helpers/runtime.ts';
import { type Sandbox, sandbox, until } from '../helpers/sandbox.ts';

// Containers with the configs of engines must look the same to their programs under runc and under tsubo.

const ownConfigs = join(import.meta.dirname, 'engine-configs');
/** A directory with config.json files that engines wrote; their file names do not matter. */
const recordedConfigs = process.env['TSUBO_ENGINE_CONFIGS'] ?? '';

/** Everything that a program can find out about its container and that the config decides. */
function properties(
  report: Report,
  outside: Readonly<Record<string, string>>,
  pod: Readonly<Record<string, string>>,
) {
  const status = (key: string) => report.status[key];
  const origin = (kind: string, name: string | null) =>
    name === outside[kind] ? "the runtime's" : name === pod[kind] ? "the pod's" : 'new';
  return {
    mounts: report.mounts.map(({ root, target, options, propagation, type, source, superOptions }) => ({
      root,
      target,
      options,
      propagation,
      type,
      // Without a cgroup namespace tsubo shows the mount of the host, under the name the host gave it.
      source: type === 'cgroup2' ? 'any' : source,
      // The mode of a tmpfs is compared below, however it was set.
      superOptions: superOptions.filter(option => type !== 'tmpfs' || !option.startsWith('mode=')),
    })),
    capabilities: ['CapBnd', 'CapEff', 'CapPrm', 'CapInh', 'CapAmb'].map(key => `${key} ${status(key)}`),
    noNewPrivileges: report.noNewPrivileges,
    signals: ['SigIgn', 'SigBlk', 'SigPnd'].map(key => `${key} ${status(key)}`),
    seccomp: status('Seccomp'),
    affinity: status('Cpus_allowed_list'),
    // runc 1.1 keeps the first position of a repeated name, tsubo the last.
    env: [...report.env].sort(),
    args: report.args,
    cwd: report.cwd,
    umask: report.umask,
    user: [report.uids, report.gids, report.groups],
    rlimits: report.rlimits,
    namespaces: Object.entries(report.namespaces).map(([kind, name]) => `${kind}: ${origin(kind, name)}`),
    names: [report.hostname, report.domainname],
    openFds: report.fds,
    oomScoreAdj: report.oomScoreAdj,
    session:
      report.pid === 1 ? [report.pid, report.ppid, report.sid, report.pgid] : 'in a pid namespace of others',
    process: [report.dumpable, report.parentDeathSignal, report.securebits],
    keyring: report.sessionKeyring?.replace(/;_ses\..*/, ';_ses.ID'),
    paths: Object.entries(report.probes).map(([path, { ino, size, read, ...rest }]) => ({
      path,
      ...rest,
      read: contentOf(path, read),
    })),
  };
}

function contentOf(path: string, read: Probe['read']): unknown {
  // The order of directory entries is not defined.
  if (read?.entries !== undefined) return [...read.entries].sort();
  // Every read of these differs.
  if (path.endsWith('random')) return read?.text?.length;
  // This is the report itself.
  if (/^\/dev\/std(in|out|err)$/.test(path)) return read?.errno;
  return read;
}

const sourcesOf = (bundle: Bundle) => join(bundle.dir, 'sources');

/** Without device rules runc allows only its default devices; the spec (and tsubo) restricts nothing. */
function allowingDevices(text: string): string {
  const document = JSON.parse(text) as { linux: { resources?: object } };
  document.linux.resources = { devices: [{ allow: true, access: 'rwm' }] };
  return JSON.stringify(document);
}

/** Detached, as engines do it: the program has exactly the descriptors of the caller. */
async function seenUnder(
  box: Sandbox,
  which: Runtime,
  root: string,
  bundle: Bundle,
  text: string,
): Promise<Report> {
  // Remove what the previous container left in its root and its volumes.
  bundle.renew();
  rmSync(sourcesOf(bundle), { recursive: true, force: true });
  makeSources(text, sourcesOf(bundle));
  bundle.write(text);
  const id = `${box.name}-engine`;
  const output = join(box.dir, 'report');
  const runtimeWith = (...args: string[]) => [...which.command, '--root', join(box.dir, root), ...args, id];
  const script = 'out=$1; shift; "$@" </dev/null >"$out" 2>"$out.err" || { cat "$out.err" >&2; exit 1; }';
  box.view.sh(script, output, ...runtimeWith('run', '--detach', '--bundle', bundle.dir));
  try {
    await until('the program has printed its report', () => readFileSync(output, 'utf8').endsWith('}\n'));
    return parseReport(readFileSync(output, 'utf8'));
  } finally {
    box.view.sh('"$@"', ...runtimeWith('delete', '--force'));
  }
}

function compared(configs: readonly EngineConfig[]): void {
  const box = sandbox();
  let outside: Record<string, string>;

  beforeAll(() => {
    outside = namespacesOf(box, box.view.pid);
  });

  test.each(configs.map(config => [config.names[0], config] as const))('%s', async (_, config) => {
    const bundle = box.bundle();
    const pod = config.text.includes('@pod@') ? box.state(box.running().id).pid : box.view.pid;
    const text = fillPlaceholders(config.text, {
      sources: sourcesOf(bundle),
      pod,
      cgroupsPath: `/${box.name}-engine`,
    });
    const podNamespaces = namespacesOf(box, pod);
    const runc = installedRunc() as Runtime;
    const expected = await seenUnder(box, runc, 'reference', bundle, allowingDevices(text));
    const seen = await seenUnder(box, runtime, 'state', bundle, isTsubo ? text : allowingDevices(text));
    expect(properties(seen, outside, podNamespaces)).toEqual(properties(expected, outside, podNamespaces));
  });
}

function namespacesOf(box: Sandbox, pid: number): Record<string, string> {
  const lines = box.view.sh(
    'cd /proc/$1/ns && for kind in *; do echo "$kind $(readlink $kind)"; done',
    String(pid),
  );
  return Object.fromEntries(
    lines
      .trim()
      .split('\n')
      .map(line => line.split(' ') as [string, string]),
  );
}

describe.skipIf(requires('root', 'busybox', 'runc', 'filesystem:overlay'))('a container', () => {
  describe('with the config of an engine looks the same as under runc:', () => {
    compared(engineConfigs(ownConfigs));
  });

  describe('with a recorded config of an engine looks the same as under runc:', () => {
    if (existsSync(recordedConfigs)) compared(engineConfigs(recordedConfigs));
    else
      test('in recordings', context =>
        context.skip('no recorded configs: TSUBO_ENGINE_CONFIGS names no directory'));
  });
});
