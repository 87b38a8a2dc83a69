// SPDX-License-Identifier: Apache-2.0
import type { Seccomp, Syscall } from '../../oci/seccomp.ts';
import type { Check, CheckContext, Draft } from '../context.ts';

const at = '/linux/seccomp';
const spec = 'config-linux.md#seccomp';
/** Of system calls on Linux. */
const lastArgument = 5;
/** What an action can carry: MAX_ERRNO, and 16 bits for a tracer. */
const largest: Readonly<Record<string, number>> = { SCMP_ACT_ERRNO: 4095, SCMP_ACT_TRACE: 65535 };

export const checkSeccomp: Check = context => {
  const profile = context.config.linux?.seccomp;
  if (profile === undefined) return;
  checkAction(context, profile.defaultAction, `${at}/defaultAction`);
  checkErrno(context, profile.defaultAction, profile.defaultErrnoRet, `${at}/defaultErrnoRet`);
  checkFlags(context, profile);
  for (const [index, syscall] of profile.syscalls?.entries() ?? []) {
    checkSyscall(context, syscall, `${at}/syscalls/${index}`);
  }
};

function checkFlags(context: CheckContext, { flags }: Draft<Seccomp>): void {
  const index = flags?.indexOf('SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV') ?? -1;
  if (index < 0) return;
  context.problem({
    ...unsupported,
    pointer: `${at}/flags/${index}`,
    message: 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is not supported by this version',
    hint: 'it is of use with SCMP_ACT_NOTIFY only',
  });
}

function checkSyscall(context: CheckContext, syscall: Draft<Syscall>, pointer: string): void {
  checkAction(context, syscall.action, `${pointer}/action`);
  checkErrno(context, syscall.action, syscall.errnoRet, `${pointer}/errnoRet`);
  const { names, args } = syscall;
  const empty = names?.indexOf('') ?? -1;
  if (names?.length === 0 || empty >= 0) {
    context.problem({
      code: 'config.seccomp.names',
      message: empty >= 0 ? 'an empty string is not a valid syscall' : 'a seccomp rule without names',
      pointer: empty >= 0 ? `${pointer}/names/${empty}` : `${pointer}/names`,
      spec,
    });
  }
  for (const [index, argument] of args?.entries() ?? []) {
    if (argument.index === undefined || argument.index <= lastArgument) continue;
    context.problem({
      code: 'config.seccomp.argument',
      message: `there is no argument ${argument.index}: system calls have six, from 0 to ${lastArgument}`,
      pointer: `${pointer}/args/${index}/index`,
      value: String(argument.index),
      spec,
    });
  }
}

const unsupported = { code: 'config.unsupported', spec } as const;

function checkAction(context: CheckContext, action: string | undefined, pointer: string): void {
  if (action !== 'SCMP_ACT_NOTIFY') return;
  context.problem({
    ...unsupported,
    pointer,
    message: `${action} is not supported by this version`,
    hint: 'take SCMP_ACT_ERRNO for calls that are to fail',
  });
}

function checkErrno(
  context: CheckContext,
  action: string | undefined,
  errnoRet: number | undefined,
  pointer: string,
): void {
  if (action === undefined || errnoRet === undefined) return;
  const most = largest[action];
  if (most !== undefined && errnoRet <= most) return;
  context.problem({
    code: 'config.seccomp.errnoRet',
    message:
      most === undefined
        ? `${action} cannot return an errno`
        : `${action} cannot return ${errnoRet}: the largest is ${most}`,
    pointer,
    value: String(errnoRet),
    hint: most === undefined ? 'only SCMP_ACT_ERRNO and SCMP_ACT_TRACE take one: remove it' : undefined,
    spec,
  });
}
