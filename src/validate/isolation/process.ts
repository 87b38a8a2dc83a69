// SPDX-License-Identifier: Apache-2.0
import type { IsolationCheck } from './weakness.ts';

export const checkSeccomp: IsolationCheck = config => {
  const seccomp = config.linux?.seccomp;
  const spec = 'config-linux.md#seccomp';
  if (seccomp === undefined) {
    return [
      {
        code: 'isolation.seccomp',
        message: 'there is no seccomp filter',
        pointer: '/linux/seccomp',
        why: 'the program can make every system call, including rarely used ones that had vulnerabilities',
        hint: 'add linux.seccomp, such as the profile that an engine ships',
        spec,
      },
    ];
  }
  const { defaultAction } = seccomp;
  if (defaultAction !== 'SCMP_ACT_ALLOW' && defaultAction !== 'SCMP_ACT_LOG') return [];
  return [
    {
      code: 'isolation.seccomp',
      message: 'the seccomp filter allows calls that it does not list',
      pointer: '/linux/seccomp/defaultAction',
      why: 'new system calls of later kernels are allowed too',
      hint: 'use SCMP_ACT_ERRNO as defaultAction, and list the allowed calls',
      spec,
    },
  ];
};

/** A setuid program gives root no further privileges. */
export const checkNoNewPrivileges: IsolationCheck = config => {
  const { process } = config;
  if (process === undefined || process.noNewPrivileges === true || (process.user?.uid ?? 0) === 0) return [];
  if (process.capabilities?.bounding?.length === 0) return [];
  return [
    {
      code: 'isolation.new-privileges',
      message: 'the program may gain privileges by executing another one',
      pointer: '/process/noNewPrivileges',
      why: 'a setuid program in the root file system gives its user root, and the capabilities of the bounding set',
      hint: 'set process.noNewPrivileges to true',
      spec: 'config.md#linux-process',
    },
  ];
};
