// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import type { Report } from '../../../src/host/binding.d.ts';
import type { Mount } from '../../../src/oci/config.ts';
import { explainFailure, hostStepFailure, onHostStep } from '../../../src/plan/explain.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import type { Operation } from '../../../src/wire/steps.ts';
import { vocabulary } from '../../../src/wire/steps.ts';
import { planFor } from '../../helpers/plan.ts';

/** The explanation if the first step of `op` fails (or the `nth`, from 0). */
function fail(plan: Plan, op: Operation, syscall: string, error: number, detail = '', nth = 0) {
  const steps = plan.container.flatMap((step, index) => (step.op === op ? [index] : []));
  const report: Report = { kind: 'failed', step: steps[nth] as number, syscall, errno: error, detail };
  return explainFailure(plan, report);
}

const mounts = (...list: Mount[]) => planFor({ mounts: list });
const program = (...args: string[]) => planFor({ process: { args, env: ['PATH=/bin', 'HOME=/'] } });

/** The exit status that Docker (client and daemon, 20.10 and later) and Podman derive from the text of a message. */
const engines = {
  docker: (message: string) =>
    /executable file not found|no such file or directory/.test(message)
      ? 127
      : message.includes('permission denied')
        ? 126
        : 125,
  dockerd: (message: string) =>
    message.includes('not a directory')
      ? 'a wrong mount'
      : message.includes('permission denied')
        ? 126
        : /executable file not found|no such file or directory/.test(message)
          ? 127
          : 128,
  podman: (message: string) =>
    /permission denied|operation not permitted/.test(message)
      ? 126
      : /executable file not found in|no such file or directory|open executable/.test(message)
        ? 127
        : 125,
};

describe('the exit status that an engine derives from the message', () => {
  it.each<[string, number, number]>([
    ['that does not exist', errno.ENOENT, 127],
    ['below a file', errno.ENOTDIR, 127],
    ['without an execute bit', errno.EACCES, 126],
    ['that is a directory', errno.EISDIR, 126],
    ['in a loop of links', errno.ELOOP, 126],
  ])('for a program %s', (_what, error, status) => {
    const { message } = fail(program('/x/y'), 'findProgram', 'stat', error, '/x/y');
    for (const [name, choose] of Object.entries(engines))
      expect([name, choose(message)]).toEqual([name, status]);
  });

  it.each<[string, number, number]>([
    ['whose interpreter is missing', errno.ENOENT, 127],
    ['whose interpreter is below a file', errno.ENOTDIR, 127],
    ['without #!, or that is empty', errno.ENOEXEC, 126],
    ['that a filter or a mount option forbids', errno.EPERM, 126],
    ['whose interpreter is not executable', errno.EACCES, 126],
    ['that is open for writing', errno.ETXTBSY, 126],
    ['with too many arguments', errno.E2BIG, 126],
  ])('for a program %s', (_what, error, status) => {
    const { message } = fail(program('/x/y'), 'execute', 'execve', error, '/x/y');
    // Docker requires the command in the message too.
    expect(message).toContain('/x/y');
    for (const [name, choose] of Object.entries(engines))
      expect([name, choose(message)]).toEqual([name, status]);
  });
});

describe('an init', () => {
  const early = {
    process: { args: ['/x'] },
    linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } },
  } as const;

  it('that fails in a call before its first step names the call', () => {
    const report: Report = {
      kind: 'failed',
      step: 0xffffffff,
      syscall: 'setsid',
      errno: errno.EPERM,
      detail: '',
    };
    expect(explainFailure(program('/x'), report)).toMatchObject({
      code: 'container.syscall',
      message: 'unable to prepare the init: setsid: operation not permitted',
      syscall: 'setsid',
    });
  });

  it('that cannot wait because of a filter points at the filter', () => {
    expect(fail(planFor(early), 'ready', 'read', errno.EIO)).toMatchObject({
      code: 'container.seccomp',
      message: 'the init cannot wait for its start: read: input/output error',
      pointer: '/linux/seccomp',
    });
  });

  it('that fails in a call under the filter has a hint that the filter may be the cause', () => {
    expect(fail(planFor(early), 'setUser', 'setgroups', errno.EIO).hint).toContain('seccomp profile');
    expect(fail(planFor(early), 'setUmask', 'umask', errno.EIO).hint ?? '').not.toContain('seccomp');
  });
});

describe('an error explains a program', () => {
  it('that is in no directory of PATH', () => {
    expect(fail(program('sh'), 'findProgram', 'stat', errno.ENOENT, 'sh')).toMatchObject({
      code: 'container.program-not-found',
      message: 'exec: "sh": executable file not found in $PATH',
      hint: '"sh" is in none of the directories of PATH (process.env) in the container',
      pointer: '/process/args/0',
      stage: 'container',
      errnoName: 'ENOENT',
    });
  });

  it('that does not exist under its path', () => {
    expect(fail(program('/nosuch'), 'findProgram', 'stat', errno.ENOENT, '/nosuch')).toMatchObject({
      code: 'container.program-not-found',
      message: 'exec: "/nosuch": stat /nosuch: no such file or directory',
    });
  });

  it.each([
    [errno.EACCES, 'exec: "/x": permission denied'],
    [errno.EISDIR, 'exec: "/x": is a directory (it cannot be invoked, as with "permission denied")'],
  ])('that cannot be executed (%i)', (error, message) => {
    expect(fail(program('/x'), 'findProgram', 'faccessat2', error, '/x')).toMatchObject({
      code: 'container.program-not-executable',
      message,
    });
  });

  it('without its interpreter', () => {
    const failure = fail(program('/x'), 'execute', 'execve', errno.ENOENT, '/x');
    expect(failure).toMatchObject({ code: 'container.program-not-found', pointer: '/process/args/0' });
    expect(failure.hint).toContain('interpreter');
  });

  it('for another machine', () => {
    expect(fail(program('x'), 'execute', 'execve', errno.ENOEXEC, '/bin/x')).toMatchObject({
      code: 'container.program-not-executable',
      message: 'exec /bin/x: exec format error (it cannot be invoked, as with "permission denied")',
    });
  });
});

describe('an error explains a mount', () => {
  const bind = { destination: '/data', source: '/srv', options: ['bind', 'rshared', 'rro'] };

  it('without its source', () => {
    expect(fail(mounts(bind), 'bind', 'open_tree', errno.ENOENT, '/srv')).toMatchObject({
      code: 'container.mount',
      message: 'error mounting "/srv" to rootfs at "/data": open_tree /srv: no such file or directory',
      pointer: '/mounts/0',
    });
  });

  it('whose propagation is refused, with the pointer of the option', () => {
    expect(fail(mounts(bind), 'changeMount', 'mount_setattr', errno.EPERM)).toMatchObject({
      code: 'container.mount',
      pointer: '/mounts/0/options/1',
      value: 'MS_REC|MS_SHARED',
      message: expect.stringContaining('error mounting "/srv" to rootfs at "/data": '),
    });
    expect(fail(mounts(bind), 'changeMount', 'mount_setattr', errno.ENOSYS, '', 1)).toMatchObject({
      pointer: '/mounts/0/options/2',
      value: '+MOUNT_ATTR_RDONLY AT_RECURSIVE',
    });
  });

  it('that becomes readonly last, and not the newest one', () => {
    const late = { destination: '/t', type: 'tmpfs', source: 'tmpfs', options: ['ro'] };
    const plan = mounts(late, { destination: '/u', type: 'tmpfs', source: 'other' });
    expect(fail(plan, 'changeMount', 'mount_setattr', errno.EBUSY)).toMatchObject({
      pointer: '/mounts/0',
      message: expect.stringContaining('error mounting "tmpfs" to rootfs at "/t"'),
    });
  });

  it.each([
    ['proc', errno.ELOOP],
    ['sysfs', errno.ENOTDIR],
  ])('of %s on a symbolic link', (type, error) => {
    const plan = mounts({ destination: '/x', type, source: type });
    expect(fail(plan, 'mount', 'openat2', error, '/x')).toMatchObject({
      code: 'container.mount',
      message: `error mounting "${type}" to rootfs at "/x": filesystem "${type}" must be mounted on ordinary directory`,
    });
  });

  it('inside a procfs through a link', () => {
    expect(fail(mounts(bind), 'bind', 'fstatfs', errno.EPERM, '/data').message).toContain(
      '"/data" cannot be mounted because it is inside /proc',
    );
  });

  it('over /proc that is not a procfs', () => {
    const plan = mounts({ destination: '/proc', source: '/srv', options: ['bind'] });
    expect(fail(plan, 'bind', 'fstatfs', errno.EPERM, '/proc').message).toContain(
      '"/proc" cannot be mounted because it is not of type proc',
    );
  });

  it('of an unknown file system', () => {
    const failure = fail(
      mounts({ destination: '/x', type: 'nofs' }),
      'mount',
      'fsopen',
      errno.ENODEV,
      'nofs',
    );
    expect(failure).toMatchObject({ code: 'container.mount', errnoName: 'ENODEV', pointer: '/mounts/0' });
    expect(failure.hint).toContain('/proc/filesystems');
  });

  it('whose type alone does not make it a bind', () => {
    const failure = fail(
      mounts({ destination: '/x', type: 'bind' }),
      'mount',
      'fsopen',
      errno.ENODEV,
      'bind',
    );
    expect(failure.hint).toContain('rbind');
  });

  describe('whose file system refused an option, and', () => {
    const refusal = (plan: Plan, item: number | undefined, detail: string) => {
      const step = plan.container.findIndex(({ op }) => op === 'mount');
      const report = { kind: 'failed', step, syscall: 'fsconfig', errno: errno.EINVAL, detail } as const;
      return explainFailure(plan, { ...report, ...(item !== undefined && { item }) }).pointer;
    };
    const tmpfs = (...options: string[]) => ({ destination: '/x', type: 'tmpfs', source: 'x', options });

    it('points at the entry, also if the entry has several options', () => {
      const plan = mounts(tmpfs('nosuid', 'size=1m', 'mode=1777,size=abc'));
      expect(refusal(plan, 1, "mode=1777: tmpfs: Bad value for 'mode'")).toBe('/mounts/0/options/2');
      expect(refusal(plan, 2, "size=abc: tmpfs: Bad value for 'size'")).toBe('/mounts/0/options/2');
    });

    it('points at the first of two equal options if that one was refused', () => {
      const plan = mounts(tmpfs('size=abc', 'nosuid', 'size=abc'));
      expect(refusal(plan, 0, "size=abc: tmpfs: Bad value for 'size'")).toBe('/mounts/0/options/0');
      expect(refusal(plan, 1, "size=abc: tmpfs: Bad value for 'size'")).toBe('/mounts/0/options/2');
    });

    it('points at the word of a flag that belongs to the file system', () => {
      expect(refusal(mounts(tmpfs('size=1m', 'sync', 'nosuid')), 1, 'sync')).toBe('/mounts/0/options/1');
    });

    it('points at the mount label that became an option', () => {
      const linux = { mountLabel: 'system_u:object_r:tea_t:s0', namespaces: [{ type: 'mount' as const }] };
      const plan = planFor({ mounts: [tmpfs('size=1m')], linux });
      expect(refusal(plan, 1, 'context=system_u:object_r:tea_t:s0')).toBe('/linux/mountLabel');
    });

    it('points at the mount if the report names no option', () => {
      expect(refusal(mounts(tmpfs('size=1m')), undefined, 'size=1m')).toBe('/mounts/0');
    });
  });
});

describe('an error explains the process', () => {
  it('with an inaccessible working directory', () => {
    const plan = planFor({ process: { cwd: '/secret' } });
    expect(fail(plan, 'changeDirectory', 'chdir', errno.EACCES, '/secret', 1)).toMatchObject({
      code: 'container.cwd',
      pointer: '/process/cwd',
      message: 'chdir to cwd ("/secret") set in config.json failed: permission denied',
    });
  });

  it('with a working directory outside the root', () => {
    expect(fail(planFor(), 'changeDirectory', 'getcwd', errno.EXDEV).message).toBe(
      'current working directory is outside of container mount namespace root -- possible container breakout detected',
    );
  });

  it('with a limit that cannot be raised', () => {
    const plan = planFor({
      process: { rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1, hard: 2n ** 64n - 1n }] },
    });
    const failure = fail(plan, 'setRlimit', 'prlimit64', errno.EPERM);
    expect(failure).toMatchObject({
      code: 'container.rlimit',
      message: 'error setting rlimit type 7: operation not permitted',
      value: 'RLIMIT_NOFILE soft=1 hard=unlimited',
      pointer: '/process/rlimits/0',
    });
    expect(failure.hint).toContain('CAP_SYS_RESOURCE');
  });

  it('with an unknown sysctl', () => {
    const plan = planFor({ linux: { namespaces: [{ type: 'mount' }], sysctl: { 'net.no/such': '1' } } });
    expect(fail(plan, 'setSysctl', 'openat2', errno.ENOENT, '/proc/sys/net/no.such')).toMatchObject({
      code: 'container.sysctl',
      message: 'open sysctl net.no/such file: no such file or directory',
      pointer: '/linux/sysctl/net.no~1such',
    });
  });
});

it('explains every operation with its number and its pointer', () => {
  const values = { number: 0, signed: 0, text: '/x', texts: ['x'], numbers: [0] };
  const container = Object.entries(vocabulary).map(([op, fields]) => ({
    op,
    origin: `/${op}`,
    ...Object.fromEntries(
      Object.entries(fields as Record<string, keyof typeof values>).map(([n, k]) => [n, values[k]]),
    ),
  }));
  const plan = { ...planFor(), container } as unknown as Plan;
  for (const [step, { op }] of container.entries()) {
    const report = { kind: 'failed', step, syscall: 'call', errno: errno.EIO, detail: '' } as const;
    const failure = explainFailure(plan, report);
    expect(failure, op).toMatchObject({
      stage: 'container',
      step,
      pointer: `/${op}`,
      errno: errno.EIO,
      errnoName: 'EIO',
    });
    expect(failure.code, op).toMatch(/^(container|hook)\./);
    expect(failure.message, op).not.toBe('');
  }
});

it('has a separate code for an init that sent no report', () => {
  const report = { kind: 'ended', step: 0, syscall: '', errno: 0, detail: '' } as const;
  expect(explainFailure(planFor(), report)).toMatchObject({ code: 'container.ended', stage: 'container' });
});

describe('a refused system call of the runtime', () => {
  const refusal = (number: number, path?: string) => ({
    syscall: 'open',
    errno: number,
    ...(path !== undefined && { path }),
  });

  it('names the place in config.json, the attempt and the cause', () => {
    const step = {
      op: 'openDirectory',
      when: 'before',
      path: '/srv',
      slot: 1,
      origin: '/root/path',
    } as const;
    expect(hostStepFailure(step, refusal(errno.ENOENT, '/srv')).fields()).toMatchObject({
      code: 'host.syscall',
      stage: 'host',
      message: 'unable to open /srv: no such file or directory',
      pointer: '/root/path',
      path: '/srv',
    });
  });

  it('names the option in the place of a pointer', () => {
    const veth = { bridge: 'br', name: 'eth0', hairpin: false, isolated: false, origin: '--network' };
    const step = { op: 'makeVeth', when: 'network', ...veth } as const;
    const failure = hostStepFailure(step, { syscall: 'RTM_NEWLINK', errno: errno.EPERM });
    expect(failure.document).toBe('--network');
    expect(failure.pointer).toBe(undefined);
    expect(failure.message).toBe(
      'unable to make the interface eth0 in bridge br: RTM_NEWLINK: operation not permitted',
    );
    expect(failure.hint).toBe(
      'it needs CAP_NET_ADMIN in the network namespaces of the host and of the container',
    );
    const full = hostStepFailure(step, { syscall: 'RTM_NEWLINK', errno: 54 });
    expect(full.code).toBe('network.full');
    expect(full.message).toBe('the bridge br has 1023 containers, and the kernel allows no more');
    expect(full.errnoName).toBe('EXFULL');
  });

  it('has the operation as the attempt if the facility does not explain it', () => {
    const step = { op: 'makeState', when: 'before', origin: '' } as const;
    const failure = hostStepFailure(step, refusal(errno.EACCES));
    expect(failure.message).toBe('makeState: permission denied');
    expect('pointer' in failure || 'document' in failure).toBe(false);
  });

  it('leaves other errors as they are', () => {
    const step = { op: 'makeState', when: 'before', origin: '' } as const;
    const other = new Error('another');
    const work = () => {
      throw other;
    };
    expect(() => onHostStep(step, work)).toThrow(other);
    expect(onHostStep(step, () => 7)).toBe(7);
  });
});
