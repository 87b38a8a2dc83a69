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
    }
  });
  for (const side of ['containerID', 'hostID'] as const) checkSide(context, mappings, side, pointer);
}

type Side = 'containerID' | 'hostID';

interface Range {
  /** Of its mapping. */
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

/** Each range that overlaps with an earlier one of the list, and such a one. In the order of the list. */
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

/** Without those where something is missing, and empty ones, which overlap with nothing. */
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

/** Answers whether an id of the container is mapped. */
export function mappedIds(mappings: Mappings): (id: number) => boolean {
  const ranges = sorted(rangesOf(mappings, 'containerID'));
  /** The end of the widest range up to each. */
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
