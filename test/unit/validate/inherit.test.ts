// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Process } from '../../../src/oci/config.ts';
import { checkProcessDocument } from '../../../src/validate/check-process.ts';

const container: Required<Process> = {
  terminal: true,
  consoleSize: { height: 24, width: 80 },
  cwd: '/srv',
  env: ['A=container'],
  args: ['/bin/server'],
  user: { uid: 5, gid: 6, additionalGids: [7, 8], umask: 0o27 },
  capabilities: { bounding: ['CAP_KILL'] },
  rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }],
  noNewPrivileges: true,
  oomScoreAdj: 300,
  apparmorProfile: 'profile',
  selinuxLabel: 'label',
  scheduler: { policy: 'SCHED_BATCH', nice: 3 },
  ioPriority: { class: 'IOPRIO_CLASS_IDLE', priority: 0 },
  execCPUAffinity: { initial: '0', final: '1' },
};
const { terminal: _, consoleSize: __, ...inheritable } = container;
const args = ['/bin/sh'];
const checked = (document: unknown, own?: Partial<Process>) => {
  const { process, problems, inherited } = checkProcessDocument(document, own);
  expect(problems).toEqual([]);
  return { process, inherited };
};

describe('a process document', () => {
  it('with only args inherits all other properties from the container, except the terminal', () => {
    expect(checked({ args }, container).process).toEqual({ ...inheritable, args });
  });

  const other: Omit<Required<Process>, 'args' | 'terminal' | 'consoleSize'> = {
    cwd: '/',
    env: ['B=document'],
    user: { uid: 1, gid: 2, additionalGids: [3], umask: 0 },
    capabilities: {},
    rlimits: [{ type: 'RLIMIT_CORE', soft: 0, hard: 0 }],
    noNewPrivileges: false,
    oomScoreAdj: 0,
    apparmorProfile: 'other',
    selinuxLabel: 'other',
    scheduler: { policy: 'SCHED_OTHER' },
    ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 1 },
    execCPUAffinity: {},
  };

  it.each(Object.entries(other))('with %s %j overrides the container', (name, value) => {
    const { process, inherited } = checked({ args, [name]: value }, container);
    expect(process).toEqual({ ...inheritable, args, [name]: value });
    expect(inherited.has(name)).toBe(false);
    for (const rest of Object.keys(other))
      if (rest !== name) expect([rest, inherited.has(rest)]).toEqual([rest, true]);
  });

  it('with null for a property inherits it', () => {
    expect(checked({ args, cwd: null, user: null, rlimits: null }, container).process).toMatchObject({
      cwd: '/srv',
      user: container.user,
      rlimits: container.rlimits,
    });
  });

  it('with a user inherits no group, and the umask only if it sets none', () => {
    const { process, inherited } = checked({ args, user: { uid: 1 } }, container);
    expect(process?.user).toEqual({ uid: 1, gid: 0, umask: 0o27 });
    expect([inherited.has('user'), inherited.has('user', 'uid'), inherited.has('user', 'umask')]).toEqual([
      false,
      false,
      true,
    ]);
    expect(checked({ args, user: { uid: 1, umask: 0o77 } }, container).process?.user.umask).toBe(0o77);
  });

  // For runc too these equal an absent value.
  it.each([
    ['rlimits', []],
    ['apparmorProfile', ''],
    ['selinuxLabel', ''],
  ] as const)('with an empty %s inherits that of the container', (name, value) => {
    expect(checked({ args, [name]: value }, container).process?.[name]).toEqual(container[name]);
  });

  it('with an empty env has no variables', () => {
    expect(checked({ args, env: [] }, container).process?.env).toEqual([]);
  });

  it.each([
    ['missing args', { cwd: '/' }, 'config.process.args', '/args'],
    ['args of the wrong type', { cwd: '/', args: 'x' }, 'config.type', '/args'],
    ['a cwd of the wrong type', { cwd: 1, args }, 'config.type', '/cwd'],
    ['an empty cwd', { cwd: '', args }, 'config.process.cwd', '/cwd'],
  ])('with %s is refused once, at its place', (_, document, code, pointer) => {
    const { process, problems } = checkProcessDocument(document, container);
    expect(process).toBeUndefined();
    expect(problems.map(problem => [problem.code, problem.pointer])).toEqual([[code, pointer]]);
  });

  it('for a container without a process must set a directory, and is root by default', () => {
    expect(checkProcessDocument({ args }).problems).toMatchObject([{ code: 'config.process.cwd' }]);
    expect(checked({ args, cwd: '/' }).process).toEqual({ args, cwd: '/', user: { uid: 0, gid: 0 } });
  });
});
