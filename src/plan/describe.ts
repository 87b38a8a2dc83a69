// SPDX-License-Identifier: Apache-2.0

import { visibleLine } from '../errors/visible.ts';
import { type Address, formatAddress } from '../network/cidr.ts';
import { append } from '../oci/append.ts';
import type { Step } from '../wire/steps.ts';
import { decodeField, listTexts } from './decode-field.ts';
import { exactJson } from './exact-json.ts';
import { hostText } from './facilities.ts';
import { cloneFlagNames } from './flag-names.ts';
import { type HostStep, type Plan, times, type When } from './plan.ts';
import { type SyncPoint, syncPoints } from './sync-points.ts';

/** Column of the origin; a longer line pushes its own origin to the right. */
const originColumn = 96;

/** Titles of the times after the clone at which the runtime performs steps. */
const titles: Readonly<Record<Exclude<When, 'before'>, string>> = {
  after: 'the runtime, while the init prepares itself',
  ...syncPointTitles(),
  connected: 'the runtime, while the init prepares itself after network',
  ready: 'the runtime, when the init is ready',
  poststart: 'the runtime, when the program runs',
  poststop: 'the runtime, after the delete',
};

function syncPointTitles(): Record<SyncPoint, string> {
  const pairs = Object.keys(syncPoints).map(point => [point, `the runtime, while the init waits: ${point}`]);
  return Object.fromEntries(pairs) as Record<SyncPoint, string>;
}

/**
 * Returns the plan in readable form.
 *
 * `text`: one line for each step (number, operation, decoded fields, and the JSON pointer of its origin on the right).
 *
 * `json`: the plan's own values with exact integers and addresses as text, the same text for the same plan; ends with a newline like `text`.
 */
export function describePlan(plan: Plan, format: 'text' | 'json'): string {
  if (format === 'text') return text(plan);
  const container = plan.container.map(step => decodeLists(withoutPlaces(step)));
  return `${exactJson({ ...plan, host: plan.host.map(addressesAsText), container })}\n`;
}

/** `places` only serves the explanation of a failure. */
function withoutPlaces({ places: _, ...step }: Step): Omit<Step, 'places'> {
  return step;
}

/** Addresses are numbers of up to 128 bits, and most readers of JSON round numbers of more than 53. */
function addressesAsText(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof BigUint64Array) return value;
  if (Array.isArray(value)) return value.map(addressesAsText);
  const { family, value: number, ...others } = value as Partial<Address>;
  if (family !== undefined && typeof number === 'bigint' && Object.keys(others).length === 0) {
    return formatAddress({ family, value: number });
  }
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, addressesAsText(member)]));
}

/** Shows lists of numbers that have texts, such as addresses of interfaces, as these texts. */
function decodeLists(step: Omit<Step, 'places'>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(step).map(([name, value]) => [name, listTexts(step.op, name, value) ?? value]),
  );
}

function text(plan: Plan): string {
  const lines = ['the runtime, before the clone'];
  const host = plan.host.map(hostLine);
  append(
    lines,
    host.filter((_, i) => plan.host[i]?.when === 'before'),
  );
  lines.push('', 'clone', line('', spawnText(plan), ''), '', 'the init');
  for (const [index, step] of plan.container.entries())
    lines.push(line(`${index}`, stepText(step), step.origin));
  for (const when of times) {
    const steps = host.filter((_, i) => plan.host[i]?.when === when);
    if (when !== 'before' && steps.length > 0) append(lines, ['', titles[when], ...steps]);
  }
  if (plan.warnings.length > 0) {
    lines.push('', 'warnings', ...plan.warnings.map(warning => line('', warning.message, warning.pointer)));
  }
  return `${lines.join('\n')}\n`;
}

function line(number: string, words: string, origin: string): string {
  const left = `${number.padStart(4)}  ${visibleLine(words)}`;
  return origin === '' ? left : `${left.padEnd(originColumn)} ${visibleLine(origin)}`;
}

function hostLine(step: HostStep, index: number): string {
  return line(`${index}`, hostText(step), step.origin);
}

function spawnText({ spawn }: Plan): string {
  const { cloneFlags, preserveFds, startFifo } = spawn;
  const waits = startFifo === undefined ? '' : ` startFifo=${startFifo}`;
  return `clone3 flags=${cloneFlagNames(cloneFlags)} preserveFds=${preserveFds}${waits}`;
}

/** `mount fstype=tmpfs target=/dev attributes=MOUNT_ATTR_NOSUID ...` */
export function stepText(step: Step): string {
  const { op, origin: _, places: __, ...fields } = step;
  const words: string[] = [op];
  for (const [name, value] of Object.entries(fields)) {
    const decoded = decodeField(op, name, value);
    if (decoded !== undefined) words.push(`${name}=${decoded}`);
  }
  return words.join(' ');
}
