// SPDX-License-Identifier: Apache-2.0
import { capabilityNumbers } from '../oci/capabilities.ts';
import { namespaceFlags } from '../oci/namespaces.ts';
import { rlimitNumbers } from '../oci/rlimits.ts';
import { ioClasses, schedulerFlags, schedulerPolicies } from '../oci/scheduler.ts';
import { callersUmask, mountFlags, type Step } from '../wire/steps.ts';
import { bitNames, flagNames, MOUNT_ATTR, MS, S_IF, SECCOMP_FILTER_FLAG } from './kernel-flags.ts';
import { memoryPolicyText } from './memory-policy.ts';

/** RLIM_INFINITY. */
const noLimit = 0xffff_ffff_ffff_ffffn;
const permissionBits = 0o7777;

export function capabilityNames(mask: number | bigint): string {
  return BigInt(mask) === 0n ? 'none' : bitNames(mask, capabilityNumbers).join('|');
}

/** `CLONE_NEWNET|CLONE_NEWNS`. */
export function cloneFlagNames(flags: number | bigint): string {
  return flagNames(flags, cloneNames);
}

const cloneNames = {
  CLONE_NEWCGROUP: namespaceFlags.cgroup,
  CLONE_NEWIPC: namespaceFlags.ipc,
  CLONE_NEWNET: namespaceFlags.network,
  CLONE_NEWNS: namespaceFlags.mount,
  CLONE_NEWPID: namespaceFlags.pid,
  CLONE_NEWTIME: namespaceFlags.time,
  CLONE_NEWUSER: namespaceFlags.user,
  CLONE_NEWUTS: namespaceFlags.uts,
};

/** `0755`; with a file type `S_IFCHR|0666`. */
export function modeText(mode: number | bigint): string {
  const number = Number(mode);
  const permissions = `0${(number & permissionBits).toString(8).padStart(3, '0')}`;
  const type = number & ~permissionBits;
  return type === 0 ? permissions : `${typeName(type)}|${permissions}`;
}

/** File types are numbers and not flags: S_IFBLK has the bits of S_IFCHR. */
function typeName(type: number): string {
  return Object.entries(S_IF).find(([, value]) => value === type)?.[0] ?? `0x${type.toString(16)}`;
}

export function rlimitName(resource: number | bigint): string {
  return (
    Object.entries(rlimitNumbers).find(([, number]) => BigInt(number) === BigInt(resource))?.[0] ??
    `${resource}`
  );
}

export function limitText(value: number | bigint): string {
  return BigInt(value) === noLimit ? 'unlimited' : value.toString();
}

/** Signals stay numbers: names would need a table per machine. */
function signalNumbers(mask: number | bigint): string {
  const names = bitNames(mask, {}).map(name => Number(name.slice('bit '.length)) + 1);
  return names.length === 0 ? 'none' : names.join(' ');
}

/** The caller's umask is unknown until the runtime runs: it has a fixed text. */
function umaskText(mask: number | bigint): string {
  return BigInt(mask) === BigInt(callersUmask) ? "the caller's" : modeText(mask);
}

/** Bit N of the kernel's flags is the Nth name. */
const schedulerFlagBits = Object.fromEntries(schedulerFlags.map((name, bit) => [name, bit]));

type Decoder = (value: number | bigint) => string;

const attributeNames: Decoder = value => flagNames(value, MOUNT_ATTR);
const propagationNames: Decoder = value => flagNames(value, MS);
const mountFlagNames: Decoder = value => flagNames(value, mountFlags);

/** Decoders of numbers by field; by `op.field` if a field has several meanings. */
const decoders: Readonly<Record<string, Decoder>> = {
  'resetSignals.mask': signalNumbers,
  'unshare.flags': cloneFlagNames,
  'setPropagation.flags': propagationNames,
  'setRootPropagation.flags': propagationNames,
  'setMountPropagation.flags': propagationNames,
  'setUmask.mask': umaskText,
  'setAmbientSet.mask': capabilityNames,
  'loadSeccomp.flags': value => flagNames(value, SECCOMP_FILTER_FLAG),
  'setScheduler.policy': value => schedulerPolicies[Number(value)] ?? `${value}`,
  'setScheduler.flags': value => bitNames(value, schedulerFlagBits).join('|'),
  'setIoPriority.ioClass': value => ioClasses[Number(value) - 1] ?? `${value}`,
  'setPersonality.persona': value => (Number(value) === 8 ? 'PER_LINUX32' : 'PER_LINUX'),
  'setMemoryPolicy.mode': memoryPolicyText,
  kind: cloneFlagNames,
  kinds: cloneFlagNames,
  propagation: propagationNames,
  attributes: attributeNames,
  attributesSet: attributeNames,
  attributesClear: attributeNames,
  attributesInsist: attributeNames,
  flags: mountFlagNames,
  mode: modeText,
  resource: rlimitName,
  soft: limitText,
  hard: limitText,
  keep: capabilityNames,
  effective: capabilityNames,
  permitted: capabilityNames,
  inheritable: capabilityNames,
};

/** Fields whose zero is the default: they are left out of the text. */
const zeroDefaults = new Set([
  'flags',
  'attributes',
  'attributesSet',
  'attributesClear',
  'attributesInsist',
  'propagation',
  'recursive',
  'mayFail',
  'keepGroups',
  'home',
  'timeout',
  'nice',
  'runtime',
  'deadline',
  'period',
  'tree',
  'inRoot',
  'into',
  'count',
  'oneCall',
]);

/** Fields whose empty text is the default. */
const emptyDefaults = new Set(['mountRoot.lower']);

/** Text of one field of a step, or undefined if it has the default value. Texts are quoted if needed. */
export function decodeField(op: Step['op'], name: string, value: unknown): string | undefined {
  if (value === '' && emptyDefaults.has(`${op}.${name}`)) return undefined;
  if (typeof value === 'string') return quoted(value);
  if (op === 'loadSeccomp' && name === 'program')
    return `${(value as ArrayLike<bigint>).length} instructions`;
  if (Array.isArray(value)) {
    return value.length === 0 ? undefined : decodeList(value);
  }
  const number = value as number | bigint;
  if (BigInt(number) === 0n && zeroDefaults.has(name)) return undefined;
  const decode = decoders[`${op}.${name}`] ?? decoders[name];
  return decode === undefined ? number.toString() : decode(number);
}

/** Unchanged if it is one plain word, otherwise as JSON. */
function quoted(text: string): string {
  return /^[\w./:=,@%+-]+$/.test(text) ? text : JSON.stringify(text);
}

/** The texts of lists: hooks share the environment and the state, which may be large. */
const decodedLists = new WeakMap<readonly unknown[], string>();

function decodeList(list: readonly unknown[]): string {
  let text = decodedLists.get(list);
  if (text === undefined) {
    text = `[${list.map(item => quoted(String(item))).join(' ')}]`;
    decodedLists.set(list, text);
  }
  return text;
}
