// SPDX-License-Identifier: Apache-2.0
// The target `create`: `check` and `create` on the same generated configs, with real containers. It runs in namespaces of its
// own, on read-only mounts of the machine (sandbox.mjs), because a config may name any file.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { checkBundle } from '../../src/inspect/check-bundle.ts';
import { loadBinding } from '../../src/node/binding.ts';
import type { CheckReport } from '../../src/validate/report.ts';
import type { Random } from '../helpers/random.ts';
import { ConfigGenerator, exactText } from './config-generator.ts';
import { runTarget } from './run-target.ts';
import { type Input, requireError, type Target, Violation } from './target.ts';
import { knownConfigs } from './targets/config.ts';

interface Arguments {
  readonly top: string;
  readonly tsubo: string;
  readonly busybox: string;
  readonly seed: number;
  readonly seconds: number;
  readonly count: number;
  readonly inputs?: readonly Input[];
}

interface Refusal {
  readonly code: string;
  readonly msg: string;
  readonly pointer?: string;
  readonly document?: string;
  readonly path?: string;
}

const work = '/tmp/fuzz';
const bundle = join(work, 'bundle');
const cgroup = '/tsubo-fuzz';
/** A command that does not end is a fault. */
const wedgeMs = 60_000;

type Draft = { [name: string]: unknown };

/** Changes a config so that it harms nothing: the cgroup is below one of this target, and hooks run only `true`. */
function harmless(config: unknown): unknown {
  if (typeof config !== 'object' || config === null) return config;
  const { linux, hooks, root } = config as {
    linux?: Draft | null;
    hooks?: Draft | null;
    root?: Draft | null;
  };
  if (root && typeof root === 'object' && typeof root['path'] === 'string' && existsSync(root['path']))
    root['path'] = 'rootfs';
  if (linux && typeof linux === 'object' && typeof linux['cgroupsPath'] === 'string')
    linux['cgroupsPath'] = `${cgroup}/${linux['cgroupsPath']}`;
  for (const list of hooks && typeof hooks === 'object' ? Object.values(hooks) : []) {
    for (const hook of Array.isArray(list) ? (list as Draft[]) : []) {
      if (typeof hook?.['path'] === 'string' && existsSync(hook['path'])) hook['path'] = '/bin/true';
    }
  }
  return config;
}

function command(tsubo: string, ...args: string[]): Refusal | undefined {
  const log = join(work, 'log');
  rmSync(log, { force: true });
  const words = ['--root', join(work, 'state'), '--log', log, '--log-format', 'json', ...args];
  const { status, signal, error } = spawnSync(tsubo, words, {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: 'ignore',
    timeout: wedgeMs,
    killSignal: 'SIGKILL',
  });
  if (error !== undefined || signal !== null) throw new Violation(`${args[0]} ended by ${signal ?? error}`);
  if (status === 0) return undefined;
  const line = existsSync(log)
    ? readFileSync(log, 'utf8')
        .split('\n')
        .filter(text => text.startsWith('{'))
        .map(text => JSON.parse(text) as Refusal & { level: string })
        .find(({ level }) => level === 'error')
    : undefined;
  if (line === undefined)
    throw new Violation(`${args[0]} fails with the status ${status} and without an error`);
  return line;
}

/** The report says that it did not check the place of the refusal. */
function isUnchecked({ unchecked }: CheckReport, pointer: string): boolean {
  return unchecked.some(({ pointer: at }) => at === '' || pointer === at || pointer.startsWith(`${at}/`));
}

/** This process is the first of its pid namespace, and Node.js does not reap the processes that it inherits. */
function hasEnded(pid: string): boolean {
  try {
    return /^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}

function leftovers(): string[] {
  const own = new Set(['1', String(process.pid)]);
  return [
    ...readdirSync('/proc')
      .filter(name => /^\d+$/.test(name) && !own.has(name) && !hasEnded(name))
      .map(pid => `process ${pid}`),
    ...readdirSync(join(work, 'state')).map(id => `state ${id}`),
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter(line => line.includes(bundle))
      .map(line => `mount ${line}`),
    ...(existsSync(`/sys/fs/cgroup${cgroup}`) ? [`cgroup ${cgroup}`] : []),
  ];
}

function createTarget({ top, tsubo }: Arguments): Target {
  const binding = loadBinding();
  const configs = knownConfigs(top).map(config => {
    if (typeof config !== 'object' || config === null) return config;
    const { process } = config as { process?: Draft | null };
    const own = { ...config, root: { path: 'rootfs' } };
    return harmless(process ? { ...own, process: { ...process, args: ['/bin/true'] } } : own);
  });
  const generator = new ConfigGenerator(configs);
  let count = 0;
  return {
    name: 'create',
    corpus: configs.map(config => JSON.stringify(config)),
    generate: (random: Random) => exactText(harmless(generator.value(random))),
    execute(input) {
      const id = `fuzz-${count++}`;
      writeFileSync(join(bundle, 'config.json'), input as string);
      const report = checkBundle(binding, bundle);
      for (const problem of report.problems.slice(0, 3)) requireError(problem);
      const refusal = command(tsubo, 'create', '--bundle', bundle, id);
      const removal = command(tsubo, 'delete', '--force', id);
      if (removal !== undefined) throw new Violation(`delete --force fails: ${removal.code}`, removal.msg);
      const left = leftovers();
      if (left.length > 0) throw new Violation('something is left', left.join('\n'));
      if (refusal === undefined) {
        const [problem] = report.problems;
        if (problem !== undefined)
          throw new Violation(`create accepts what check refuses: ${problem.code}`, problem.message);
        return true;
      }
      requireError({ ...refusal, message: refusal.msg } as never);
      const { code, pointer, document, path } = refusal;
      if (pointer === undefined && document === undefined && path === undefined)
        throw new Violation(`a refusal has no place: ${code}`, refusal.msg);
      if (report.valid && !isUnchecked(report, pointer ?? ''))
        throw new Violation(`create refuses what check accepts: ${code}`, `${pointer}: ${refusal.msg}`);
      return false;
    },
  };
}

const given = JSON.parse(process.argv[2] ?? '') as Arguments;
mkdirSync(join(bundle, 'rootfs/bin'), { recursive: true });
mkdirSync(join(work, 'state'));
copyFileSync(given.busybox, join(bundle, 'rootfs/bin/busybox'));
for (const name of ['sh', 'true', 'sleep']) symlinkSync('busybox', join(bundle, 'rootfs/bin', name));
// The root of a user namespace that maps other ids may write there too.
for (const directory of ['rootfs', 'rootfs/bin']) chmodSync(join(bundle, directory), 0o777);
const target = { ...createTarget(given), ...(given.inputs?.length && { corpus: [] }) };
const until = Date.now() + 1000 * given.seconds;
const result = runTarget(target, { seed: given.seed, until, count: given.count, extra: given.inputs ?? [] });
process.stdout.write(`${JSON.stringify(result)}\n`);
