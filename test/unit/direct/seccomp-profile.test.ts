// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { defaultCapabilities } from '../../../src/direct/defaults.ts';
import { defaultProfile, readProfile } from '../../../src/direct/seccomp-profile.ts';
import { armSyscalls } from '../../../src/seccomp/syscalls-arm.ts';
import { x86Syscalls } from '../../../src/seccomp/syscalls-x86.ts';
import { engineProfile } from '../../helpers/engine-profile.ts';
import { thrown } from '../../helpers/fake-machine.ts';

const allowedNames = (profile: ReturnType<typeof defaultProfile>): Set<string> =>
  new Set(
    (profile.syscalls ?? [])
      .filter(({ action, args }) => action === 'SCMP_ACT_ALLOW' && args === undefined)
      .flatMap(({ names }) => names),
  );

describe('the default profile', () => {
  const names = allowedNames(defaultProfile(defaultCapabilities, 'x86_64'));

  it('names each call once, and only calls that a processor has', () => {
    const [first] = defaultProfile(defaultCapabilities, 'x86_64').syscalls ?? [];
    expect(first?.names).toHaveLength(names.size);
    const known = new Set([...Object.keys(x86Syscalls.places), ...Object.keys(armSyscalls.places)]);

    expect([...names].filter(name => !known.has(name))).toEqual([]);
  });

  it('allows no call that affects the machine', () => {
    const dangerous = (
      'acct add_key bpf clock_settime delete_module finit_module fsopen init_module ioperm iopl kcmp kexec_load keyctl ' +
      'lookup_dcookie mount move_mount nfsservctl open_by_handle_at open_tree perf_event_open pivot_root quotactl reboot ' +
      'request_key setns settimeofday swapon sysfs syslog umount2 unshare userfaultfd uselib ustat vm86 vhangup io_uring_setup'
    ).split(' ');
    expect(dangerous.filter(name => names.has(name))).toEqual([]);
  });

  it('allows the calls that programs use, as engines do', () => {
    const usual = 'read write openat execve fork vfork wait4'.split(' ');
    expect(usual.filter(name => !names.has(name))).toEqual([]);
    // Calls of these families that the profile of an engine allows and this one does not.
    const engine = engineProfile('short').syscalls?.[0]?.names ?? [];
    const missing = engine
      .filter(name => !names.has(name))
      .filter(name => /^(open|stat|futex|epoll|sched)/.test(name));
    expect(missing).toEqual([]);
  });

  it('forbids namespaces, and makes programs use clone instead of clone3', () => {
    const { syscalls = [] } = defaultProfile(defaultCapabilities, 'x86_64');
    expect(syscalls).toContainEqual({
      names: ['clone'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
    });
    expect(syscalls).toContainEqual({ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 });
  });

  it('allows further calls with the capabilities that they need', () => {
    const more = allowedNames(
      defaultProfile([...defaultCapabilities, 'CAP_SYS_ADMIN', 'CAP_SYS_TIME'], 'x86_64'),
    );
    for (const name of ['mount', 'unshare', 'clone3', 'clock_settime']) {
      expect([name, names.has(name), more.has(name)]).toEqual([name, false, true]);
    }
    expect(allowedNames(defaultProfile([], 'x86_64')).has('chroot')).toBe(false);
  });

  it('contains only calls and architectures of the processor', () => {
    expect(defaultProfile([], 'aarch64').architectures).toEqual(['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
    expect(allowedNames(defaultProfile([], 'aarch64')).has('arch_prctl')).toBe(false);
    expect(names.has('arch_prctl')).toBe(true);
  });
});

describe('a profile of a file', () => {
  const machine = { machine: 'x86_64', release: '6.1.0-18-amd64' };
  const read = (document: object, capabilities: readonly string[] = []) =>
    readProfile(JSON.stringify(document), 'p.json', capabilities, machine);

  it('may be in the format of config.json', () => {
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['chmod'], action: 'SCMP_ACT_ERRNO' }],
    };
    expect(read(profile)).toEqual(profile);
  });

  it('may be in the format of Docker, with conditions', () => {
    const rule = (name: string, more: object) => ({
      names: [name],
      action: 'SCMP_ACT_ALLOW',
      args: null,
      ...more,
    });
    const document = {
      defaultAction: 'SCMP_ACT_ERRNO',
      archMap: [
        { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
        { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
      ],
      syscalls: [
        rule('read', { comment: 'all' }),
        rule('mount', { includes: { caps: ['CAP_SYS_ADMIN'] } }),
        rule('clone', { excludes: { caps: ['CAP_SYS_ADMIN'] } }),
        rule('arch_prctl', { includes: { arches: ['amd64'] } }),
        rule('set_tls', { includes: { arches: ['arm64'] } }),
        rule('ptrace', { includes: { minKernel: '4.8' } }),
        rule('future', { includes: { minKernel: '6.2' } }),
        { name: 'old', action: 'SCMP_ACT_ALLOW' },
      ],
    };
    const allow = (name: string) => ({ names: [name], action: 'SCMP_ACT_ALLOW' });
    expect(read(document)).toEqual({
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
      syscalls: ['read', 'clone', 'arch_prctl', 'ptrace', 'old'].map(allow),
    });
    expect(read(document, ['CAP_SYS_ADMIN']).syscalls?.map(({ names: [name] }) => name)).toEqual([
      'read',
      'mount',
      'arch_prctl',
      'ptrace',
      'old',
    ]);
  });

  it.each<[object, string]>([
    [{ archMap: {} }, '/archMap must be a list of objects, not an object'],
    [{ archMap: [null] }, '/archMap/0 must be an object, not null'],
    [{ archMap: [{ subArchitectures: 5 }] }, '/archMap/0/subArchitectures must be a list of strings, not 5'],
    [{ syscalls: [5] }, '/syscalls/0 must be an object, not 5'],
    [{ syscalls: [{ name: {} }] }, '/syscalls/0/name must be a string, not an object'],
    [
      { syscalls: [{ includes: { caps: 'A' } }] },
      '/syscalls/0/includes/caps must be a list of strings, not the string "A"',
    ],
    [
      { syscalls: [{ excludes: { minKernel: 4.8 } }] },
      '/syscalls/0/excludes/minKernel must be a string, not 4.8',
    ],
  ])('is refused if it is %j', (document, problem) => {
    expect(thrown(() => read(document))).toMatchObject({
      code: 'usage.bad-value',
      message: `invalid seccomp profile p.json: ${problem}`,
    });
  });

  it('may have null for conditions and lists, as Go writes them', () => {
    const rule = { names: ['read'], action: 'SCMP_ACT_ALLOW', includes: null, excludes: { caps: null } };
    const archMap = [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: null }];
    expect(read({ defaultAction: 'SCMP_ACT_ERRNO', archMap, syscalls: [rule] })).toEqual({
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: ['SCMP_ARCH_X86_64'],
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }],
    });
  });

  it.each(['', '[]', '{'])('is refused if it is %j', text => {
    expect(thrown(() => readProfile(text, 'p.json', [], machine))).toMatchObject({
      code: 'usage.bad-value',
      path: 'p.json',
    });
  });
});
