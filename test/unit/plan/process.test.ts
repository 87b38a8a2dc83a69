// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Capabilities } from '../../../src/oci/config.ts';
import type { Seccomp } from '../../../src/oci/seccomp.ts';
import { prepareEnvironment } from '../../../src/plan/environment.ts';
import { allCapabilities, facts, operations, orderOf, planFor, stepsOf } from '../../helpers/plan.ts';

const [KILL, BIND, SYS_RESOURCE] = [1n << 5n, 1n << 10n, 1n << 24n];

describe('the environment', () => {
  it('keeps the last of several entries with one name, at its position', () => {
    const { env } = prepareEnvironment(['A=1', 'B=1', 'A=2', 'HOME=/h', 'B='], 0);
    expect(env).toEqual(['A=2', 'HOME=/h', 'B=']);
  });

  it.each([[[]], [['HOME=']], [['HOME=/a', 'HOME=']]])('needs HOME when it has %j', given => {
    expect(prepareEnvironment(given, 0)).toMatchObject({ env: [], needsHome: true });
  });

  it('contains the socket variables for pid 1, which override the config', () => {
    expect(prepareEnvironment(['LISTEN_PID=7', 'HOME=/'], 2).env).toEqual([
      'HOME=/',
      'LISTEN_FDS=2',
      'LISTEN_PID=1',
    ]);
  });

  it('determines the PATH for the program', () => {
    expect(prepareEnvironment(['PATH=/a::/b:'], 0).search).toEqual(['/a', '.', '/b', '.']);
    expect(prepareEnvironment(['PATH='], 0).search).toEqual([]);
    expect(prepareEnvironment([], 0).search).toEqual([]);
  });

  it('receives HOME before a limit on open files, and only if it is missing', () => {
    const rlimits = [{ type: 'RLIMIT_NOFILE', soft: 3, hard: 3 }];
    const without = planFor({ process: { env: [], rlimits } });
    expect(orderOf(without, 'findHome', 'setRlimit')).toEqual(['findHome', 'setRlimit']);
    expect(operations(planFor())).not.toContain('findHome');
  });
});

describe('capabilities', () => {
  const plan = (capabilities: Capabilities, own = allCapabilities) =>
    planFor({
      process: { capabilities },
      facts: { capabilities: { ...facts.capabilities, bounding: own, permitted: own } },
    });

  it('are not changed without the object', () => {
    expect(stepsOf(planFor(), 'limitBoundingSet', 'setCapabilities', 'setAmbientSet')).toEqual([]);
  });

  it('are empty sets if lists are missing', () => {
    expect(stepsOf(plan({}), 'limitBoundingSet', 'setCapabilities', 'setAmbientSet')).toMatchObject([
      { keep: 0n },
      { effective: 0n, permitted: 0n, inheritable: 0n },
      { mask: 0n },
    ]);
  });

  it('are removed from the bounding set before the user changes and set after it', () => {
    const found = plan({ bounding: ['CAP_KILL'], effective: ['CAP_KILL'], permitted: ['CAP_KILL'] });
    expect(
      stepsOf(found, 'limitBoundingSet', 'setUser', 'setCapabilities', 'setAmbientSet').map(step => step.op),
    ).toEqual(['limitBoundingSet', 'setUser', 'setCapabilities', 'setAmbientSet']);
    expect(found.warnings).toEqual([]);
  });

  it('that the runtime lacks are dropped, with one warning', () => {
    const both = ['CAP_SYS_RESOURCE', 'CAP_KILL'];
    const found = plan({ bounding: both, permitted: both, effective: both }, allCapabilities & ~SYS_RESOURCE);
    expect(stepsOf(found, 'limitBoundingSet', 'setCapabilities')).toMatchObject([
      { keep: KILL },
      { effective: KILL, permitted: KILL },
    ]);
    expect(found.warnings).toEqual([
      {
        pointer: '/process/capabilities',
        message:
          'ignoring unavailable capabilities, which the runtime or the kernel does not have: CAP_SYS_RESOURCE',
      },
    ]);
  });

  it('that are unknown, or newer than the kernel, are dropped too', () => {
    const found = planFor({
      process: { capabilities: { bounding: ['CAP_KILL', 'CAP_BPF', 'CAP_NONE', 'constructor'] } },
      facts: { capabilities: { ...facts.capabilities, last: 38 } },
    });
    expect(stepsOf(found, 'limitBoundingSet')[0]?.keep).toBe(KILL);
    // The checks have warned of unknown names.
    expect(found.warnings.map(warning => warning.message)).toEqual([
      'ignoring unavailable capabilities, which the runtime or the kernel does not have: CAP_BPF',
    ]);
  });

  it('are ambient only if they are permitted and inheritable as well', () => {
    const two = ['CAP_KILL', 'CAP_NET_BIND_SERVICE'];
    const found = plan({
      bounding: two,
      permitted: two,
      inheritable: ['CAP_NET_BIND_SERVICE'],
      ambient: two,
    });
    expect(stepsOf(found, 'setAmbientSet')[0]?.mask).toBe(BIND);
    expect(found.warnings.map(warning => warning.pointer)).toEqual(['/process/capabilities/ambient/0']);
  });
});

describe('the process', () => {
  it('is prepared in the one order that works', () => {
    const plan = planFor({
      process: {
        noNewPrivileges: true,
        env: [],
        rlimits: [{ type: 'RLIMIT_CORE', soft: 0, hard: 2n ** 64n - 1n }],
        capabilities: {},
      },
    });
    const ops = operations(plan);
    expect(ops.slice(ops.indexOf('setNoNewPrivileges'))).toEqual([
      'setNoNewPrivileges',
      'ownStdio',
      'findHome',
      'setRlimit',
      'setAffinity',
      'setUmask',
      'limitBoundingSet',
      'changeDirectory',
      'setUser',
      'setCapabilities',
      'setAmbientSet',
      'changeDirectory',
      'findProgram',
      'ready',
      'awaitStart',
      'execute',
    ]);
    expect(stepsOf(plan, 'setRlimit')[0]).toMatchObject({ resource: 4, soft: 0, hard: 2n ** 64n - 1n });
    expect(stepsOf(plan, 'changeDirectory').map(step => step.mayFail)).toEqual([1, 0]);
  });

  it('has its user, groups and umask', () => {
    const user = { uid: 1000, gid: 100, additionalGids: [5, 6], umask: 0o27 };
    const plan = planFor({ process: { user } });
    expect(stepsOf(plan, 'setUser', 'setUmask', 'ownStdio')).toMatchObject([
      { op: 'ownStdio', uid: 1000 },
      { op: 'setUmask', mask: 0o27, origin: '/process/user/umask' },
      { op: 'setUser', uid: 1000, gid: 100, groups: [5, 6], keepGroups: 0 },
    ]);
  });

  it('has umask 0022 by default', () => {
    expect(stepsOf(planFor(), 'setUmask')).toMatchObject([{ mask: 0o22, origin: '' }]);
  });

  it('names its program if the kernel refuses it', () => {
    expect(stepsOf(planFor(), 'findProgram', 'execute').map(step => step.origin)).toEqual([
      '/process/args/0',
      '/process/args/0',
    ]);
  });

  it('has a new session keyring unless the caller disables it', () => {
    expect(stepsOf(planFor(), 'joinSessionKeyring')[0]?.name).toBe('_ses.jar');
    expect(operations(planFor({ options: { noNewKeyring: true } }))).not.toContain('joinSessionKeyring');
  });

  it('restores default actions for the signals that the runtime ignores', () => {
    expect(operations(planFor())).not.toContain('resetSignals');
    const plan = planFor({ facts: { ignoredSignals: 0x1000n } });
    expect(plan.container[0]).toEqual({ op: 'resetSignals', origin: '', mask: 0x1000n });
  });

  it('keeps the descriptors of socket activation and the preserved ones', () => {
    expect(planFor({ options: { preserveFds: 2, listenFds: 3 } }).spawn.preserveFds).toBe(5);
  });

  it('refuses a limit that the kernel lacks', () => {
    expect(() => planFor({ process: { rlimits: [{ type: 'toString', soft: 1, hard: 1 }] } })).toThrowError(
      expect.objectContaining({ code: 'config.process.rlimit-type', pointer: '/process/rlimits/0/type' }),
    );
  });
});

describe('a seccomp filter', () => {
  const at = (noNewPrivileges: boolean, seccomp: Partial<Seccomp> = {}) => {
    const plan = planFor({
      process: { noNewPrivileges },
      linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW', ...seccomp } },
    });
    const ops = operations(plan);
    return { plan, before: ops[ops.indexOf('loadSeccomp') - 1], after: ops[ops.indexOf('loadSeccomp') + 1] };
  };

  it('is loaded while CAP_SYS_ADMIN is present, or right before the program', () => {
    expect(at(false).after).toBe('setUser');
    expect(at(true).after).toBe('execute');
    expect(stepsOf(at(true).plan, 'loadSeccomp')).toMatchObject([{ origin: '/linux/seccomp', flags: 4 }]);
  });

  it('with a listener is loaded before `ready` at the latest, and only then may wait for it', () => {
    const flags = ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'] as const;
    const notify = {
      flags,
      listenerPath: '/a',
      syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' as const }],
    };
    expect(at(false, notify).after).toBe('setUser');
    expect(at(true, notify).after).toBe('ready');
    expect(stepsOf(at(true, notify).plan, 'loadSeccomp')).toMatchObject([{ flags: 40 }]);
    expect(stepsOf(at(true, { flags }).plan, 'loadSeccomp')).toMatchObject([{ flags: 0 }]);
  });
});
