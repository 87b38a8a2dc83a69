// SPDX-License-Identifier: Apache-2.0
import type { IDMapping } from '../../oci/config.ts';
import type { CheckContext, Draft } from '../context.ts';

const spec = 'config-linux.md#user-namespace-mappings';

/** Lines of a mapping, and the number after the highest ID: the kernel's (user_namespaces(7)). */
const most = 340;
const end = 0xffff_ffff;

type Mappings = readonly Draft<IDMapping>[];

/** What the kernel would refuse with a bare EINVAL. `pointer` is that of the list. */
export function checkIdMappings(context: CheckContext, mappings: Mappings, pointer: string): void {
  if (mappings.length > most) {
    context.problem({
      code: 'config.id-mapping.too-many',
      message: `${mappings.length} ID mappings are more than the ${most} that the kernel takes`,
      pointer,
      value: String(mappings.length),
      spec,
    });
  }
  mappings.forEach((mapping, index) => {
    const at = `${pointer}/${index}`;
    const { size } = mapping;
    if (size === 0) {
      context.problem({
        code: 'config.id-mapping.empty',
        message: 'an ID mapping of size 0 maps nothing',
        pointer: `${at}/size`,
        value: '0',
        hint: 'size is how many IDs are mapped, from containerID and hostID on',
        spec,
      });
      return;
    }
    for (const side of ['containerID', 'hostID'] as const) checkRange(context, mappings, index, side, at);
  });
}

function checkRange(
  context: CheckContext,
  mappings: Mappings,
  index: number,
  side: 'containerID' | 'hostID',
  at: string,
): void {
  const range = rangeOf(mappings[index], side);
  if (range === undefined) return;
  if (range.after > end) {
    context.problem({
      code: 'config.id-mapping.range',
      message: `the mapped IDs from ${range.first} on must end before ${end}`,
      pointer: `${at}/size`,
      value: String(range.after - range.first),
      spec,
    });
    return;
  }
  const other = mappings.slice(0, index).findIndex(mapping => {
    const earlier = rangeOf(mapping, side);
    return earlier !== undefined && earlier.first < range.after && range.first < earlier.after;
  });
  if (other < 0) return;
  const where = side === 'containerID' ? 'in the container' : 'on the host';
  context.problem({
    code: 'config.id-mapping.overlap',
    message: `IDs ${where} from ${range.first} to ${range.after - 1} are mapped twice`,
    pointer: `${at}/${side}`,
    value: String(range.first),
    hint: `they overlap with those of the mapping number ${other}`,
    spec,
  });
}

/** Undefined where something is missing, and for an empty mapping, which overlaps with nothing. */
function rangeOf(
  mapping: Draft<IDMapping> | undefined,
  side: 'containerID' | 'hostID',
): { readonly first: number; readonly after: number } | undefined {
  const first = mapping?.[side];
  const size = mapping?.size;
  if (first === undefined || size === undefined || size === 0) return undefined;
  return { first, after: first + size };
}

export function isMapped(mappings: Mappings, id: number): boolean {
  return mappings.some(mapping => {
    const range = rangeOf(mapping, 'containerID');
    return range !== undefined && id >= range.first && id < range.after;
  });
}
