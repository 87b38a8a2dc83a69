// SPDX-License-Identifier: Apache-2.0
import { encodeMessage, Fields, type Message, type Schema } from './protobuf.ts';

/** Types of requests and responses: `criu_req_type`. All numbers in this file are those of criu's rpc.proto. */
export const requestTypes = {
  dump: 1,
  restore: 2,
  preDump: 4,
  notify: 6,
  featureCheck: 9,
  version: 10,
} as const;

export type RequestType = keyof typeof requestTypes;

/** `criu_cg_mode`. */
export const cgroupModes = { ignore: 0, soft: 3, full: 4, strict: 5 } as const;

/** `criu_network_lock_method`. */
export const networkLocks = { iptables: 1, nftables: 2, skip: 3 } as const;

const pair: Schema = { key: 1, val: 2 };
const inherited: Schema = { key: 1, fd: 2 };

const optionSchema = {
  imagesDirFd: 1,
  pid: 2,
  leaveRunning: 3,
  extUnixSk: 4,
  tcpEstablished: 5,
  evasiveDevices: 6,
  shellJob: 7,
  fileLocks: 8,
  logLevel: 9,
  logFile: 10,
  pageServer: [11, { address: 1, port: 2 }],
  notifyScripts: 12,
  root: 13,
  parentImage: 14,
  trackMemory: 15,
  autoDedup: 16,
  workDirFd: 17,
  linkRemap: 18,
  externalMounts: [23, pair],
  manageCgroups: 24,
  cgroupRoots: [25, { ctrl: 1, path: 2 }],
  restoreSibling: 26,
  inheritedFds: [27, inherited],
  manageCgroupsMode: 34,
  external: 37,
  emptyNamespaces: 38,
  joinNamespaces: [39, { ns: 1, ns_file: 2 }],
  freezeCgroup: 44,
  tcpSkipInFlight: 46,
  lazyPages: 48,
  orphanTerminals: 50,
  configFile: 51,
  tcpClose: 52,
  lsmProfile: 53,
  lsmMountContext: 63,
  networkLock: 64,
} as const satisfies Schema;

const requestSchema: Schema = {
  type: 1,
  options: [2, optionSchema],
  notifySuccess: 3,
  features: [5, { memoryTracking: 1, lazyPages: 2 }],
};

export interface PathPair {
  readonly key: string;
  readonly val: string;
}

/** `criu_opts`, the part that the runtime uses. Descriptors are those of the runtime, except in `inheritedFds`. */
export interface CriuOptions {
  readonly imagesDirFd: number;
  readonly pid?: number;
  readonly leaveRunning?: boolean;
  readonly extUnixSk?: boolean;
  readonly tcpEstablished?: boolean;
  readonly evasiveDevices?: boolean;
  readonly shellJob?: boolean;
  readonly fileLocks?: boolean;
  readonly logLevel?: number;
  readonly logFile?: string;
  readonly pageServer?: { readonly address: string; readonly port: number };
  readonly notifyScripts?: boolean;
  readonly root?: string;
  readonly parentImage?: string;
  readonly trackMemory?: boolean;
  readonly autoDedup?: boolean;
  readonly workDirFd?: number;
  readonly linkRemap?: boolean;
  /** Dump: path in the container, and the key in the image. Restore: that key, and a path of the host. */
  readonly externalMounts?: readonly PathPair[];
  readonly manageCgroups?: boolean;
  readonly cgroupRoots?: readonly { readonly ctrl: string; readonly path: string }[];
  /** The restored process becomes a child of the runtime. */
  readonly restoreSibling?: boolean;
  /** Descriptors of criu for files that are not in the image. */
  readonly inheritedFds?: readonly { readonly key: string; readonly fd: number }[];
  readonly manageCgroupsMode?: number;
  readonly external?: readonly string[];
  /** CLONE_NEW* flags. */
  readonly emptyNamespaces?: number;
  readonly joinNamespaces?: readonly { readonly ns: string; readonly ns_file: string }[];
  /** Directory of the cgroup with which the processes are stopped. */
  readonly freezeCgroup?: string;
  readonly tcpSkipInFlight?: boolean;
  readonly lazyPages?: boolean;
  readonly orphanTerminals?: boolean;
  readonly configFile?: string;
  readonly tcpClose?: boolean;
  readonly lsmProfile?: string;
  readonly lsmMountContext?: string;
  readonly networkLock?: number;
}

export interface CriuRequest {
  readonly type: RequestType;
  readonly options?: CriuOptions;
  /** In the answer to a notification; true: criu continues. */
  readonly notifySuccess?: boolean;
  readonly features?: { readonly memoryTracking?: boolean; readonly lazyPages?: boolean };
}

export interface CriuResponse {
  /** A number of `requestTypes`. */
  readonly type: number;
  readonly success: boolean;
  /** The restored process. */
  readonly pid?: number;
  readonly notify?: { readonly script: string; readonly pid?: number };
  /** Error number of the failure; 0 if criu gives none. */
  readonly errno: number;
  readonly message?: string;
  readonly features?: { readonly memoryTracking: boolean; readonly lazyPages: boolean };
  /** 40201 for 4.2.1. */
  readonly version?: number;
}

/** @param utf8 - the function of the binding */
export function encodeRequest(
  { type, options, notifySuccess, features }: CriuRequest,
  utf8: (text: string) => Uint8Array,
): Uint8Array {
  const message: Message = {
    type: requestTypes[type],
    options: options as Message | undefined,
    notifySuccess,
    features,
  };
  return encodeMessage(message, requestSchema, utf8);
}

/** @throws Error if the bytes are not a response */
export function decodeResponse(bytes: Uint8Array): CriuResponse {
  const fields = new Fields(bytes);
  const pid = fields.message(4)?.number(1);
  const notify = fields.message(5);
  const notifyPid = notify?.number(2);
  const features = fields.message(8);
  const message = fields.text(9);
  const version = fields.message(10);
  return {
    type: fields.number(1) ?? 0,
    success: fields.boolean(2),
    ...(pid !== undefined && { pid }),
    ...(notify !== undefined && {
      notify: { script: notify.text(1) ?? '', ...(notifyPid !== undefined && { pid: notifyPid }) },
    }),
    errno: fields.number(7) ?? 0,
    ...(message !== undefined && { message }),
    ...(features !== undefined && {
      features: { memoryTracking: features.boolean(1), lazyPages: features.boolean(2) },
    }),
    ...(version !== undefined && {
      version: (version.number(1) ?? 0) * 10_000 + (version.number(2) ?? 0) * 100 + (version.number(4) ?? 0),
    }),
  };
}
