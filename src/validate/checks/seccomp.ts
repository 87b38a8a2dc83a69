// SPDX-License-Identifier: Apache-2.0
import { lookUp } from '../../oci/look-up.ts';
import type { Seccomp, Syscall } from '../../oci/seccomp.ts';
import type { Check, CheckContext, Draft } from '../context.ts';

const at = '/linux/seccomp';
const spec = 'config-linux.md#seccomp';
const notify = 'SCMP_ACT_NOTIFY';
/** The index of the last argument of a Linux system call. */
const lastArgument = 5;
/** The largest value of an action: MAX_ERRNO, and 16 bits for a tracer. */
const largest: Readonly<Record<string, number>> = { SCMP_ACT_ERRNO: 4095, SCMP_ACT_TRACE: 65535 };

export const checkSeccomp: Check = context => {
  const profile = context.config.linux?.seccomp;
  if (profile === undefined) return;
  checkErrno(context, profile.defaultAction, profile.defaultErrnoRet, `${at}/defaultErrnoRet`);
  checkListener(context, profile);
  for (const [index, syscall] of profile.syscalls?.entries() ?? []) {
    checkSyscall(context, syscall, `${at}/syscalls/${index}`);
  }
};

/** A notifying profile requires a listener, and write(2), which the init needs to send the descriptor to it. */
function checkListener(context: CheckContext, profile: Draft<Seccomp>): void {
  const { defaultAction, listenerPath, listenerMetadata, syscalls = [] } = profile;
  const code = 'config.seccomp.notify';
  if (defaultAction === notify) {
    context.problem({
      code,
      message: `${notify} cannot be used as default action`,
      pointer: `${at}/defaultAction`,
      hint: 'the init would wait for the agent before the agent has the listener: use this action only in rules',
      spec,
    });
  }
  const rule = syscalls.findIndex(({ action }) => action === notify);
  const write = syscalls.findIndex(({ action, names }) => action === notify && names?.includes('write'));
  if (write >= 0) {
    context.problem({
      code,
      message: `${notify} cannot be used for the write syscall`,
      pointer: `${at}/syscalls/${write}/names/${syscalls[write]?.names?.indexOf('write')}`,
      hint: 'the init uses it to report to the runtime',
      spec,
    });
  }
  if (listenerPath) return;
  if (rule >= 0) {
    context.problem({
      code,
      message: 'seccomp listenerPath is not set',
      pointer: `${at}/syscalls/${rule}/action`,
      hint: `${notify} leaves the call to the agent that listens at listenerPath, a Unix socket`,
      spec,
    });
  }
  if (listenerMetadata) {
    context.problem({
      code,
      message: 'listenerMetadata is given without listenerPath',
      pointer: `${at}/listenerMetadata`,
      spec,
    });
  }
}

function checkSyscall(context: CheckContext, syscall: Draft<Syscall>, pointer: string): void {
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

function checkErrno(
  context: CheckContext,
  action: string | undefined,
  errnoRet: number | undefined,
  pointer: string,
): void {
  if (action === undefined || errnoRet === undefined) return;
  const most = lookUp(largest, action);
  if (most !== undefined && errnoRet <= most) return;
  context.problem({
    code: 'config.seccomp.errnoRet',
    message:
      most === undefined
        ? `${action} cannot return an errno`
        : `${action} cannot return ${errnoRet}: the largest is ${most}`,
    pointer,
    value: String(errnoRet),
    hint:
      most === undefined
        ? 'remove errnoRet: only SCMP_ACT_ERRNO and SCMP_ACT_TRACE return an errno'
        : undefined,
    spec,
  });
}
