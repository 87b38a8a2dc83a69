// SPDX-License-Identifier: Apache-2.0
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HostOperationName, HostStep } from '../../src/plan/plan.ts';
import type { Bundle } from '../helpers/bundle.ts';
import { companions } from '../helpers/companions.ts';
import { missing, requires } from '../helpers/requires.ts';
import { skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const home = new URL('../../bundle-fixtures/good/', import.meta.url).pathname;
const names = readdirSync(home).filter(name => existsSync(join(home, name, 'config.json')));

/** System calls that reveal a step, as strace prints them. Several calls of one step count once. */
const effects: readonly (readonly [HostOperationName, RegExp])[] = [
  ['makeState', /mkdir(at)?\([^)]*\/STATE\/ID"/],
  ['makeStartFifo', /mknod(at)?\([^)]*\.fifo"/],
  ['saveExecData', /openat\([^)]*\/ID\/exec\.json"/],
  ['makeCgroup', /mkdir(at)?\([^)]*"\/sys\/fs\/cgroup\//],
  [
    'writeCgroup',
    /openat\([^)]*"\/sys\/fs\/cgroup\/[^"]*\/(cpu|memory|pids|io|hugetlb|rdma)\.[^"]*", O_WRONLY/,
  ],
  ['setOomScoreAdj', /openat\([^)]*"\/proc\/\d+\/oom_score_adj", O_WRONLY/],
  ['loadDeviceRules', /bpf\(BPF_PROG_LOAD/],
  ['attachDeviceRules', /bpf\(BPF_PROG_ATTACH/],
  ['mapIds', /openat\([^)]*"\/proc\/\d+\/[ug]id_map", O_WRONLY/],
  ['writeTimeOffsets', /openat\([^)]*"\/proc\/\d+\/(timens_offsets", O_WRONLY|ns\/time_for_children)/],
  ['cloneTree', /openat\([^)]*"\/proc\/\d+\/ns\/mnt"/],
  ['moveNetDevice', /openat\([^)]*"\/proc\/\d+\/ns\/net"/],
  ['limitInit', /prlimit64\([1-9]\d*, /],
  ['writePidFile', /rename(at2?)?\([^)]*\/PIDFILE"/],
];

describe.skipIf(requires('root', 'busybox', 'strace'))('the host steps of a plan', () => {
  const box = sandbox();
  const beside = companions();

  /** Streams of `create`: a container keeps them open. */
  const quiet = ['ignore', 'ignore', 'ignore'] as const;

  /** Operations of the plan in order, without repetitions, limited to those that `effects` detects. */
  const planned = (bundle: Bundle): string[] => {
    const printed = box.must(['plan', '--format', 'json', bundle.dir]).stdout;
    const { host } = JSON.parse(printed) as { host: HostStep[] };
    const visible = new Set<string>(['saveRecord', 'clone', ...effects.map(([op]) => op)]);
    const order = host.flatMap(({ op, when }) => (when === 'poststart' || when === 'poststop' ? [] : [op]));
    // The clone comes after the steps of `before`; `plan` has no option for the pid file.
    const clone = host.findIndex(({ when }) => when !== 'before');
    const all: string[] = [...order.slice(0, clone), 'clone', ...order.slice(clone)];
    all.splice(all.indexOf('resumeInit'), 0, 'writePidFile');
    return withoutRepetition(
      all.map(op => (op === 'saveInit' ? 'saveRecord' : op)).filter(op => visible.has(op)),
    );
  };

  /** Operations that `create` performed, in the order of their system calls. */
  const done = (
    bundle: Bundle,
    flags: readonly string[] = [],
  ): { readonly status: number | null; readonly order: string[] } => {
    const trace = join(box.mkdir('trace'), 'log');
    const pidFile = join(box.mkdir('pids'), 'PIDFILE');
    const calls = 'mkdir,mkdirat,mknod,mknodat,openat,rename,renameat,renameat2,bpf,prlimit64,clone3';
    const args = ['create', '--bundle', bundle.dir, '--pid-file', pidFile, ...flags, bundle.id];
    // Children are not traced: strace would wait for the end of the init.
    const strace = ['strace', '-qq', '-s', '400', '-o', trace, '-e', `trace=${calls}`];
    const { status } = box.view.exec([...strace, ...box.command(...args)], { stdio: quiet });
    const state = box.root.split('/').at(-1) ?? '';
    const order: string[] = [];
    let cloned = false;
    for (const line of readFileSync(trace, 'utf8').split('\n')) {
      const text = line.replaceAll(bundle.id, 'ID').replaceAll(`/${state}/`, '/STATE/');
      if (/\/STATE\/ID\/[^"]*state\.json"/.test(text) && /rename/.test(text)) order.push('saveRecord');
      const found = effects.find(([, call]) => call.test(text));
      if (found !== undefined) order.push(found[0]);
      // The first clone into the cgroup is the init: helpers of earlier steps are cloned without one.
      if (!cloned && /clone3\([^)]*CLONE_INTO_CGROUP/.test(line)) {
        cloned = true;
        order.push('clone');
      }
    }
    return { status, order: withoutRepetition(order) };
  };

  const copied = (name: string): Bundle => {
    const bundle = box.bundle(made => {
      made.file('/bin/hello', '#!/bin/sh\n', 0o755);
    });
    cpSync(join(home, name, 'config.json'), join(bundle.dir, 'config.json'));
    return bundle;
  };

  test.for(names)('run in the printed order: %s', async (name, context) => {
    skipWhere(context, 'runc', 'prints no plan');
    skipWhere(context, 'crun', 'prints no plan');
    context.skip(name === 'resctrl' && missing('no-resctrl') === undefined, 'no resctrl on this machine');
    mkdirSync(box.root, { recursive: true, mode: 0o700 });
    const bundle = copied(name);
    const expected = planned(bundle);
    const socket = join(box.mkdir('console'), 's');
    const onTerminal =
      JSON.parse(readFileSync(join(bundle.dir, 'config.json'), 'utf8')).process?.terminal === true;
    if (onTerminal) await beside.listening('terminal', ['receive', socket], socket);
    const { status, order } = done(bundle, onTerminal ? ['--console-socket', socket] : []);
    // Without a controller or resctrl the create fails at its step, and the steps before that have run.
    expect(order).toEqual(status === 0 ? expected : expected.slice(0, order.length));
    expect(order).toContain(status === 0 ? 'clone' : 'saveRecord');
  });

  test('leave no traces when a namespace path is missing: the create fails before the first of them', context => {
    skipWhere(context, 'runc', 'prints no plan');
    skipWhere(context, 'crun', 'prints no plan');
    const joined = { type: 'ipc', path: '/proc/1/ns/nothing' } as const;
    const bundle = box.bundle(made => {
      const { namespaces = [] } = made.config.linux;
      made.config.linux.namespaces = [...namespaces.filter(({ type }) => type !== 'ipc'), joined];
    });
    expect(planned(bundle).slice(0, 2)).toEqual(['makeState', 'saveRecord']);
    const { status, order } = done(bundle);
    expect({ status, order }).toEqual({ status: 1, order: [] });
  });
});

function withoutRepetition(words: readonly string[]): string[] {
  return words.filter((word, index) => word !== words[index - 1]);
}
