// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import type { TestSeccomp } from '../helpers/config.ts';
import { parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

type Rules = NonNullable<TestSeccomp['syscalls']>;

const mkdirs = ['mkdir', 'mkdirat'];

/** Allows all calls that the rules do not name. */
const allowing = (...syscalls: Rules): TestSeccomp => ({ defaultAction: 'SCMP_ACT_ALLOW', syscalls });

// Without no_new_privs the init loads the filter early, with it late.
describe.skipIf(requires('root', 'busybox')).each([
  ['with', true],
  ['without', false],
])('a seccomp filter %s noNewPrivileges', (_, noNewPrivileges) => {
  const box = sandbox();
  const filtered =
    (seccomp: TestSeccomp, script?: string) =>
    (bundle: Bundle): void => {
      bundle.config.linux.seccomp = seccomp;
      bundle.config.process.noNewPrivileges = noNewPrivileges;
      if (script !== undefined) bundle.shell(script);
    };
  const run = (seccomp: TestSeccomp, script: string, modify?: (bundle: Bundle) => void) =>
    box.run(
      box.bundle(bundle => {
        filtered(seccomp, script)(bundle);
        modify?.(bundle);
      }),
    );

  test('is loaded, and is the only one', () => {
    const report = box.inside(filtered(allowing({ names: mkdirs, action: 'SCMP_ACT_ERRNO' })));
    expect(report.status).toMatchObject({ Seccomp: '2', Seccomp_filters: '1' });
    expect(report.noNewPrivileges).toBe(noNewPrivileges ? 1 : 0);
    expect(report.status['CapEff']).toBe(report.status['CapPrm']);
  });

  test('is loaded for a user without capabilities', () => {
    const report = box.inside(bundle => {
      filtered(allowing({ names: mkdirs, action: 'SCMP_ACT_ERRNO' }))(bundle);
      bundle.config.process.user = { uid: 1000, gid: 1000 };
      bundle.config.process.capabilities = {};
    });
    expect(report.status).toMatchObject({ Seccomp: '2', Seccomp_filters: '1' });
    expect([report.uids, report.status['CapBnd']]).toEqual([[1000, 1000, 1000], '0000000000000000']);
  });

  test.each<[string, number | undefined, string]>([
    ['EPERM', undefined, 'Operation not permitted'],
    ['the errno of the rule', 95, 'not supported'],
  ])('fails a call with %s', (_what, errnoRet, text) => {
    const rule = { names: mkdirs, action: 'SCMP_ACT_ERRNO', ...(errnoRet !== undefined && { errnoRet }) };
    const done = run(allowing(rule), 'mkdir /tmp/a; test -e /tmp/a || echo none; echo still here');
    expect(done.stderr).toContain(text);
    expect(done.stdout).toBe('none\nstill here\n');
  });

  const ending = ['SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_KILL', 'SCMP_ACT_TRAP'];
  test.each(ending)('%s ends a process', action => {
    const done = run(allowing({ names: mkdirs, action }), 'mkdir /tmp/a; echo $?');
    // 128 + SIGSYS
    expect(done.stdout).toBe('159\n');
  });

  test('compares arguments', () => {
    const args = (value: number, op: string, valueTwo?: number) => [
      { index: 1, value, op, ...(valueTwo !== undefined && { valueTwo }) },
    ];
    const profile = allowing(
      { names: ['kill'], action: 'SCMP_ACT_ERRNO', errnoRet: 7, args: args(10, 'SCMP_CMP_EQ') },
      { names: ['kill'], action: 'SCMP_ACT_ERRNO', errnoRet: 7, args: args(30, 'SCMP_CMP_GT') },
      { names: ['kill'], action: 'SCMP_ACT_ERRNO', errnoRet: 7, args: args(0x7f, 'SCMP_CMP_MASKED_EQ', 12) },
    );
    const script =
      'trap "" 9 10 11 12 23 31; for n in 10 11 12 23 31; do kill -$n $$ 2>/dev/null && echo $n; done; true';
    expect(run(profile, script).stdout).toBe('11\n23\n');
  });

  // Calls of kill(2) with the signals 10, 11 and 12.
  test.each<[string, number, number | undefined, string]>([
    ['SCMP_CMP_NE', 11, undefined, '11'],
    ['SCMP_CMP_LT', 11, undefined, '11 12'],
    ['SCMP_CMP_LE', 11, undefined, '12'],
    ['SCMP_CMP_EQ', 11, undefined, '10 12'],
    ['SCMP_CMP_GE', 11, undefined, '10'],
    ['SCMP_CMP_GT', 11, undefined, '10 11'],
    ['SCMP_CMP_MASKED_EQ', 3, 2, '11 12'],
  ])('%s %i compares an argument', (op, value, valueTwo, passed) => {
    const args = [{ index: 1, op, value, ...(valueTwo !== undefined && { valueTwo }) }];
    const profile = allowing({ names: ['kill'], action: 'SCMP_ACT_ERRNO', args });
    const script = 'trap "" 10 11 12; for n in 10 11 12; do kill -$n $$ 2>/dev/null && echo $n; done; true';
    expect(run(profile, script).stdout.trim().split('\n').join(' ')).toBe(passed);
  });

  test('returns the errors of its own profile, also right after a filter that differs only in the error', () => {
    const texts: readonly (readonly [number, string])[] = [
      [1, 'Operation not permitted'],
      [13, 'Permission denied'],
      [1, 'Operation not permitted'],
      [28, 'No space left on device'],
    ];
    for (const [errnoRet, text] of texts) {
      const done = run(allowing({ names: mkdirs, action: 'SCMP_ACT_ERRNO', errnoRet }), 'mkdir /tmp/a; true');
      expect(done.stderr).toContain(text);
    }
  });

  test('SCMP_ACT_TRACE returns ENOSYS without a tracer', () => {
    const done = run(allowing({ names: mkdirs, action: 'SCMP_ACT_TRACE' }), 'mkdir /tmp/a; echo $?');
    expect([done.stdout, done.stderr]).toEqual(['1\n', expect.stringContaining('Function not implemented')]);
  });

  test('SCMP_ACT_LOG allows a call', () => {
    const done = run(
      allowing({ names: mkdirs, action: 'SCMP_ACT_LOG' }),
      'mkdir /tmp/a; test -d /tmp/a; echo $?',
    );
    expect(done.stdout).toBe('0\n');
  });

  test('applies to the native architecture even if the profile names only another', () => {
    const other = process.arch === 'arm64' ? 'SCMP_ARCH_ARM' : 'SCMP_ARCH_X86';
    const profile = { ...allowing({ names: mkdirs, action: 'SCMP_ACT_ERRNO' }), architectures: [other] };
    expect(run(profile, 'mkdir /tmp/a || echo denied').stdout).toBe('denied\n');
  });

  test.for(['TSYNC', 'LOG', 'SPEC_ALLOW'])(
    'is loaded with the flag SECCOMP_FILTER_FLAG_%s',
    (flag, context) => {
      skipWhere(context, 'runc 1.1', 'accepts no flags');
      const flags = [`SECCOMP_FILTER_FLAG_${flag}`];
      const report = box.inside(
        filtered({ ...allowing({ names: mkdirs, action: 'SCMP_ACT_ERRNO' }), flags }),
      );
      expect(report.status).toMatchObject({ Seccomp: '2', Seccomp_filters: '1' });
    },
  );

  test('denies calls that it does not name with the default error', () => {
    // The calls that are required to get here and to run a shell with echo.
    const profile: TestSeccomp = {
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 13,
      syscalls: [{ names: needed, action: 'SCMP_ACT_ALLOW' }],
    };
    const done = run(profile, 'mkdir /tmp/a || echo denied');
    expect(done.stderr).toContain('Permission denied');
    expect(done.stdout).toBe('denied\n');
  });

  test('ignores unknown names', () => {
    const profile = allowing({ names: ['no_such_call', ...mkdirs], action: 'SCMP_ACT_ERRNO' });
    expect(run(profile, 'mkdir /tmp/a || echo denied').stdout).toBe('denied\n');
  });

  test('applies to executed programs', () => {
    const profile = allowing({ names: mkdirs, action: 'SCMP_ACT_ERRNO' });
    const bundle = box.running(filtered(profile));
    const report = parseReport(box.must(['exec', bundle.id, '/bin/inside', '--probe']).stdout);
    expect(report.status).toMatchObject({ Seccomp: '2', Seccomp_filters: '1' });
    const done = box.oci(['exec', bundle.id, '/bin/mkdir', '/tmp/a']);
    expect([done.status, done.stderr]).toEqual([1, expect.stringContaining('Operation not permitted')]);
  });
});

// Any program makes 32-bit calls with int 0x80, with their numbers: getpid is 20 there, and mkdir 39.
describe.skipIf(process.arch !== 'x64' || requires('root', 'busybox'))('a 32-bit call under a filter', () => {
  const box = sandbox();
  const call = (number: number, argument: number, architectures: string[], ...syscalls: Rules) =>
    box.run(
      box.bundle(bundle => {
        bundle.config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', architectures, syscalls };
        bundle.config.process.args = ['/bin/inside', '--int80', String(number), String(argument)];
      }),
    );
  const native = ['SCMP_ARCH_X86_64'];
  const both = [...native, 'SCMP_ARCH_X86'];
  const denied = (...names: string[]): Rules[number] => ({ names, action: 'SCMP_ACT_ERRNO', errnoRet: 95 });

  test('is made if SCMP_ARCH_X86 is in the list', () => {
    expect(call(20, 0, both, denied('getppid')).stdout).toBe('1\n');
  });

  test('ends its caller if SCMP_ARCH_X86 is not in the list', () => {
    const done = call(20, 0, native, denied('getppid'));
    // 128 + SIGSYS
    expect([done.stdout, done.status]).toEqual(['', 159]);
  });

  test('has the verdict of its name, not of its number', () => {
    // EFAULT from mkdir(2) without a path: its number is that of the 64-bit getpid(2).
    expect(call(39, 0, both, denied('getpid')).stdout).toBe('-14\n');
    expect(call(20, 0, both, denied('getpid')).stdout).toBe('-95\n');
  });

  test('has the verdict of the inner call of socketcall(2)', () => {
    const [socket, bind] = [1, 2].map(inner => call(102, inner, both, denied('socket')).stdout);
    // EFAULT: there is no argument array at its address.
    expect([socket, bind]).toEqual(['-95\n', '-14\n']);
  });

  test('compares the lower half of an argument', () => {
    // close(2)
    const args = [{ index: 0, value: 77, op: 'SCMP_CMP_EQ' }];
    const [same, other] = [77, 78].map(fd => call(6, fd, both, { ...denied('close'), args }).stdout);
    expect([same, other]).toEqual(['-95\n', '-9\n']);
  });
});

describe.skipIf(requires('root', 'busybox'))('a seccomp filter that ends the init itself', () => {
  const box = sandbox();

  test('is named by the error', () => {
    const bundle = box.bundle(made => {
      made.config.process.noNewPrivileges = false;
      made.config.linux.seccomp = allowing({
        names: ['setresuid', 'setuid'],
        action: 'SCMP_ACT_KILL_PROCESS',
      });
    });
    const failure = box.refuses(bundle);
    if (!isTsubo) return;
    expect(failure.record).toMatchObject({ code: 'container.ended', pointer: '/linux/seccomp' });
    expect(failure.message).toContain('SIGSYS');
  });
});

describe.skipIf(requires('root', 'busybox'))('a seccomp profile that denies calls of the init', () => {
  const box = sandbox();

  /** All calls that the init makes under the filter until it waits for `start`. */
  const upToReady =
    'write prctl setgroups setresgid setresuid capset chdir getcwd statx faccessat2 close sendto'.split(' ');
  const profile = (allowed: readonly string[], defaultErrnoRet: number): TestSeccomp => ({
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet,
    syscalls: allowed.length === 0 ? [] : [{ names: [...allowed], action: 'SCMP_ACT_ALLOW' }],
  });
  const bundle = (noNewPrivileges: boolean, seccomp: TestSeccomp) =>
    box.bundle(made => {
      made.config.process.args = ['/bin/true'];
      made.config.process.noNewPrivileges = noNewPrivileges;
      made.config.linux.seccomp = seccomp;
    });
  test.for([
    ['every call', 5, []],
    ['every call with EINTR', 4, []],
    ['every call except exit_group', 5, ['exit_group']],
    ['every call except write', 5, ['write']],
    ['every call after its report that it is ready', 5, [...upToReady]],
    ['every later call except exit_group', 5, [...upToReady, 'exit_group']],
  ] as const)('fails create and run without delay if it denies %s', ([, error, allowed], context) => {
    context.skip(!isTsubo, 'the init of runc makes other calls');
    const refused = bundle(false, profile(allowed, error));
    const before = box.traces();
    for (const command of ['create', 'run']) {
      const done = box.oci([command, '--bundle', refused.dir, refused.id]);
      expect([command, done.status, done.signal]).toEqual([command, 1, null]);
      expect(done.stderr).toContain('unable to start container process: ');
      expect(done.stderr).toMatch(
        /error during container init: .*(\/linux\/seccomp|input\/output error|function not implemented)/,
      );
      expect(box.traces()).toEqual(before);
    }
  });

  test.for([
    ['every call', []],
    ['every call but exit_group', ['exit_group']],
  ] as const)('fails run, also right before its program, when it refuses %s', ([, allowed], context) => {
    context.skip(!isTsubo, 'the init of runc makes other calls');
    const refused = bundle(true, profile(allowed, 5));
    const before = box.traces();
    const done = box.run(refused);
    expect([done.status, done.signal]).toEqual([1, null]);
    expect(done.stderr).toContain('the init ended without a report');
    expect(done.stderr).toContain('/linux/seccomp');
    expect(box.traces()).toEqual(before);
  });

  test('stops the container at start when it prevents the exec of the program', context => {
    context.skip(!isTsubo, 'the init of runc makes other calls');
    const allowed = [...upToReady, 'exit_group', 'read', 'rt_sigaction', 'mmap'];
    const refused = bundle(false, profile(allowed, 5));
    box.create(refused);
    expect(box.state(refused.id).status).toBe('created');
    const failure = box.failsWith(
      ['start', refused.id],
      'exec /bin/true: input/output error',
      'container.program-not-executable',
    );
    if (isTsubo) expect(failure.record.pointer).toBe('/process/args/0');
    expect(box.state(refused.id).status).toBe('stopped');
  });

  // The init clears its parent-death signal with prctl(PR_SET_PDEATHSIG).
  test.each([1, 4, 22, 38])('may deny prctl(PR_SET_PDEATHSIG) with error %i', errnoRet => {
    const args = [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }];
    const created = box.created(made => {
      made.config.process.noNewPrivileges = false;
      made.config.linux.seccomp = allowing({ names: ['prctl'], action: 'SCMP_ACT_ERRNO', errnoRet, args });
    });
    // The runtime has ended: the signal would have been sent by now.
    box.must(['start', created.id]);
    expect(box.state(created.id).status).toBe('running');
    expect(box.oci(['exec', created.id, '/bin/true']).status).toBe(0);
  });
});

describe.skipIf(requires('root', 'busybox'))('a config with seccomp in another case', () => {
  const box = sandbox();

  test('has its filter, in executed programs too', context => {
    context.skip(!isTsubo, 'tests that tsubo ignores the case of names, as Go does');
    const bundle = box.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
    });
    const { linux, ...rest } = bundle.config;
    bundle.write(
      JSON.stringify({ ...rest, Linux: { ...linux, SecComp: { DefaultAction: 'SCMP_ACT_LOG' } } }),
    );
    box.create(bundle);
    box.must(['start', bundle.id]);
    const report = parseReport(box.must(['exec', bundle.id, '/bin/inside', '--probe']).stdout);
    expect(report.status).toMatchObject({ Seccomp: '2', Seccomp_filters: '1' });
  });
});

const needed = (
  'access arch_prctl brk capget capset chdir clone clone3 close close_range dup dup2 dup3 epoll_create1 epoll_ctl ' +
  'epoll_pwait execve exit exit_group faccessat faccessat2 fchdir fchown fchownat fcntl fstat fstatfs futex getcwd ' +
  'getdents64 getegid geteuid getgid getgroups getpgrp getpid getppid getrandom getrlimit gettid getuid ioctl lseek ' +
  'lstat madvise mmap mprotect mremap munmap nanosleep newfstatat open openat openat2 pipe pipe2 poll ppoll prctl ' +
  'prlimit64 read readlink readlinkat rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield ' +
  'sendto seccomp set_robust_list set_tid_address setgid setgroups setresgid setresuid setuid sigaltstack stat ' +
  'statx tgkill umask uname vfork wait4 write writev keyctl sethostname fsync recvfrom sendmsg recvmsg'
).split(' ');
