// SPDX-License-Identifier: Apache-2.0
import type { Step } from '../wire/steps.ts';
import { facilityOf } from './facilities.ts';
import type { ListText, NumberText } from './facility.ts';
import { listText, quoted } from './quoted.ts';

/** Fields whose default is zero. The text omits a default. */
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

type Fields = Readonly<Record<string, Readonly<Record<string, NumberText>>>>;

type Lists = Readonly<Record<string, Readonly<Record<string, ListText>>>>;

/** Text of one field of a step, or undefined if it has the default value. Texts are quoted if needed. */
export function decodeField(op: Step['op'], name: string, value: unknown): string | undefined {
  if (value === '' && emptyDefaults.has(`${op}.${name}`)) return undefined;
  if (typeof value === 'string') return quoted(value);
  if (op === 'loadSeccomp' && name === 'program')
    return `${(value as ArrayLike<bigint>).length} instructions`;
  if (Array.isArray(value)) {
    const items = listTexts(op, name, value) ?? value;
    return items.length === 0 ? undefined : listText(items);
  }
  const number = value as number | bigint;
  if (BigInt(number) === 0n && zeroDefaults.has(name)) return undefined;
  const texts = facilityOf(op).fields as Fields | undefined;
  const decode = texts?.[op]?.[name];
  return decode === undefined ? number.toString() : decode(number);
}

/** Texts of the items of a list of numbers; undefined if it has none. */
export function listTexts(op: Step['op'], name: string, value: unknown): readonly string[] | undefined {
  const lists = facilityOf(op).lists as Lists | undefined;
  return Array.isArray(value) ? lists?.[op]?.[name]?.(value as number[]) : undefined;
}
