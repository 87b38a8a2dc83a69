// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import type { Integer } from '../oci/config.ts';
import type { Memory } from '../oci/resources.ts';
import { type CgroupWrite, isNumber, isUnset, limitText, optionalIf, type ResourceContext } from './write.ts';

/**
 * Writes memory.swap.max, memory.max and memory.low in this order: a lower swap limit must hold before a lower memory
 * limit makes the kernel swap.
 */
export function memoryWrites(memory: Memory | undefined, context: ResourceContext): CgroupWrite[] {
  if (memory === undefined) return [];
  warnOfVersion1(memory, context);
  const origin = `${context.origin}/memory`;
  const write = (file: string, property: string, value: string, optional: boolean): CgroupWrite => ({
    file,
    value,
    origin: `${origin}/${property}`,
    controller: 'memory',
    ...optionalIf(optional),
  });
  const writes: CgroupWrite[] = [];
  const swap = swapAlone(memory, `${origin}/swap`);
  if (swap !== undefined) {
    // A kernel without swap accounting has no such file; it needs no write for `max` or `0`.
    const property = isUnset(memory.swap) ? 'limit' : 'swap';
    writes.push(write('memory.swap.max', property, swap, swap === 'max' || swap === '0'));
  }
  if (!isUnset(memory.limit)) {
    writes.push(write('memory.max', 'limit', limitText(memory.limit), isNumber(memory.limit, -1)));
  }
  if (!isUnset(memory.reservation)) {
    writes.push(write('memory.low', 'reservation', limitText(memory.reservation), false));
  }
  return writes;
}

/**
 * The limit in the config is for memory and swap together, that of the kernel for swap only. If memory is unlimited,
 * swap is too, unless the config sets `swap`.
 *
 * @throws RuntimeError `config.resources.memory-swap`
 */
function swapAlone({ limit, swap }: Memory, pointer: string): string | undefined {
  if (isUnset(swap)) return isNumber(limit, -1) ? 'max' : undefined;
  if (isNumber(swap, -1)) return 'max';
  const refuse = (message: string, hint?: string): RuntimeError =>
    new RuntimeError({
      code: 'config.resources.memory-swap',
      pointer,
      message,
      hint,
      value: String(swap),
      spec: 'config-linux.md#memory',
    });
  if (swap < 0) throw refuse(`invalid memory swap value: ${swap}`, '-1 means no limit');
  if (isNumber(limit, -1)) return String(swap);
  if (isUnset(limit)) {
    throw refuse(
      'unable to set swap limit without memory limit',
      'swap is the sum of memory and swap: set limit too',
    );
  }
  if (swap < (limit as Integer)) {
    throw refuse(
      `memory+swap limit should be >= memory limit`,
      `swap is the sum of memory and swap: use at least ${limit}, which allows no swap`,
    );
  }
  return String(BigInt(swap) - BigInt(limit as Integer));
}

function warnOfVersion1(memory: Memory, { origin, warn }: ResourceContext): void {
  const { kernel, kernelTCP, swappiness, disableOOMKiller } = memory;
  const ignored = (property: string, why: string): void =>
    warn(`${origin}/memory/${property}`, `${property} is ignored: ${why}`);
  if (!isUnset(kernel)) ignored('kernel', 'cgroup version 2 counts kernel memory within limit');
  if (!isUnset(kernelTCP)) ignored('kernelTCP', 'cgroup version 2 counts TCP buffers within limit');
  // Some engines write -1 (unset) as 2^64-1.
  if (swappiness !== undefined && BigInt(swappiness) !== 18446744073709551615n) {
    ignored('swappiness', 'cgroup version 2 has no swappiness of a single cgroup');
  }
  if (disableOOMKiller)
    ignored('disableOOMKiller', 'cgroup version 2 always kills a process of a cgroup that is out of memory');
}
