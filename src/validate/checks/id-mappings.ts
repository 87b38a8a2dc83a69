// SPDX-License-Identifier: Apache-2.0
import type { IDMapping } from '../../oci/config.ts';
import type { CheckContext, Draft } from '../context.ts';

const spec = 'config-linux.md#user-namespace-mappings';

/** The kernel's limits (user_namespaces(7)): the number of lines, and the number after the highest ID. */
const most = 340;
const end = 0xffff_ffff;

type Mappings = readonly Draft<IDMapping>[];

/** Reports mappings that the kernel would reject with EINVAL. `pointer` is that of the list. */
export function checkIdMappings(context: CheckContext, mappings: Mappings, pointer: string): void {
  if (mappings.length > most) {
    context.problem({
      code: 'config.id-mapping.too-many',
      message: `${mappings.length} ID mappings exceed the kernel's limit of ${most}`,
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
        hint: 'size is the number of mapped IDs, from containerID and hostID on',
        spec,
      });
    }
  });
  for (const side of ['containerID', 'hostID'] as const) checkSide(context, mappings, side, pointer);
}

type Side = 'containerID' | 'hostID';

interface Range {
  /** Index of the mapping. */
  readonly index: number;
  readonly first: number;
  readonly after: number;
}

function checkSide(context: CheckContext, mappings: Mappings, side: Side, pointer: string): void {
  const ranges = rangesOf(mappings, side);
  for (const { index, first, after } of ranges) {
    if (after <= end) continue;
    context.problem({
      code: 'config.id-mapping.range',
      message: `the mapped IDs from ${first} on must end before ${end}`,
      pointer: `${pointer}/${index}/size`,
      value: String(after - first),
      spec,
    });
  }
  const where = side === 'containerID' ? 'in the container' : 'on the host';
  for (const [range, other] of overlaps(ranges.filter(({ after }) => after <= end))) {
    context.problem({
      code: 'config.id-mapping.overlap',
      message: `IDs ${where} from ${range.first} to ${range.after - 1} are mapped twice`,
      pointer: `${pointer}/${range.index}/${side}`,
      value: String(range.first),
      hint: `they overlap with those of the mapping number ${other.index}`,
      spec,
    });
  }
}

/** Returns each range that overlaps an earlier one of the list, with that range, in the order of the list. */
function overlaps(ranges: readonly Range[]): (readonly [range: Range, earlier: Range])[] {
  const found = new Map<Range, Range>();
  let widest: Range | undefined;
  for (const range of sorted(ranges)) {
    if (widest !== undefined && range.first < widest.after) {
      const [earlier, later] = range.index < widest.index ? [range, widest] : [widest, range];
      const known = found.get(later);
      if (known === undefined || earlier.index < known.index) found.set(later, earlier);
    }
    if (widest === undefined || range.after > widest.after) widest = range;
  }
  return [...found].sort(([one], [other]) => one.index - other.index);
}

function sorted(ranges: readonly Range[]): Range[] {
  return [...ranges].sort((one, other) => one.first - other.first || one.index - other.index);
}

/** Returns the ranges without incomplete mappings and without empty ones, which cannot overlap. */
function rangesOf(mappings: Mappings, side: Side): Range[] {
  const ranges: Range[] = [];
  for (let index = 0; index < mappings.length; index++) {
    const first = mappings[index]?.[side];
    const size = mappings[index]?.size;
    if (first === undefined || size === undefined || size === 0) continue;
    ranges.push({ index, first, after: first + size });
  }
  return ranges;
}

/** Returns a function that reports whether an id of the container is mapped. */
export function mappedIds(mappings: Mappings): (id: number) => boolean {
  const ranges = sorted(rangesOf(mappings, 'containerID'));
  /** For each range, the maximum end of all ranges up to it. */
  const ends: number[] = [];
  for (const { after } of ranges) ends.push(Math.max(after, ends.at(-1) ?? 0));
  return id => {
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranges[middle] as Range).first <= id) low = middle + 1;
      else high = middle;
    }
    return low > 0 && id < (ends[low - 1] as number);
  };
}
