// SPDX-License-Identifier: Apache-2.0
import { schedulerFlags, schedulerPolicies } from '../oci/scheduler.ts';
import { boolean, id, int32, type Shape, string, strings, uint64 } from '../oci/shape.ts';

const user: Shape = {
  kind: 'object',
  spec: 'config.md#posix-platform-user',
  properties: {
    uid: id,
    gid: id,
    umask: { kind: 'integer', min: 0, max: 0o777 },
    additionalGids: { kind: 'list', of: id },
  },
  ignored: { username: 'on Linux the user is named by uid and gid' },
};

const scheduler: Shape = {
  kind: 'object',
  properties: {
    policy: { kind: 'string', values: schedulerPolicies },
    nice: int32,
    priority: int32,
    flags: { kind: 'list', of: { kind: 'string', values: schedulerFlags } },
    runtime: uint64,
    deadline: uint64,
    period: uint64,
  },
  required: ['policy'],
};

const ioPriority: Shape = {
  kind: 'object',
  properties: {
    class: { kind: 'string', values: ['IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE'] },
    priority: { kind: 'integer', min: 0, max: 7 },
  },
  required: ['class'],
};

/** config.md#process; also the format of a process.json. */
export const processShape: Shape = {
  kind: 'object',
  spec: 'config.md#process',
  properties: {
    terminal: boolean,
    consoleSize: {
      kind: 'object',
      properties: { height: uint64, width: uint64 },
      required: ['height', 'width'],
    },
    cwd: string,
    env: strings,
    args: strings,
    user,
    capabilities: {
      kind: 'object',
      spec: 'config.md#linux-process',
      properties: {
        bounding: strings,
        effective: strings,
        inheritable: strings,
        permitted: strings,
        ambient: strings,
      },
    },
    rlimits: {
      kind: 'list',
      of: {
        kind: 'object',
        spec: 'config.md#posix-process',
        properties: { type: string, soft: uint64, hard: uint64 },
        required: ['type', 'soft', 'hard'],
      },
    },
    noNewPrivileges: boolean,
    oomScoreAdj: { kind: 'integer', min: -1000, max: 1000 },
    apparmorProfile: string,
    selinuxLabel: string,
    scheduler,
    ioPriority,
    execCPUAffinity: { kind: 'object', properties: { initial: string, final: string } },
  },
  ignored: { commandLine: 'it is for Windows' },
};
