// SPDX-License-Identifier: Apache-2.0
import { formatPointer } from '../bundle/pointer.ts';
import type { CgroupWrite, ResourceContext } from './write.ts';

/** Returns one write for each line, because files such as io.max accept one device per write. */
export function unifiedWrites(
  files: Readonly<Record<string, string>> | undefined = {},
  context: ResourceContext,
): CgroupWrite[] {
  // The kernel accepts a weight only if cpu.idle is 0.
  const idleFirst = Object.entries(files).sort(([a], [b]) => Number(b === idle) - Number(a === idle));
  return idleFirst.flatMap(([file, content]) => {
    const origin = `${context.origin}${formatPointer(['unified', file])}`;
    const write = (name: string, value: string): CgroupWrite => ({
      file: name,
      value,
      origin,
      controller: controllerOf(name),
    });
    const writes = content
      .split('\n')
      .filter(line => line !== '')
      .map(value => write(file, value));
    if (!weights.includes(file)) return writes;
    if (files[idle]?.trim() === '1') {
      const message = `unable to apply both ${file} and ${idle}, ignoring ${file}: an idle cgroup has the smallest weight`;
      context.warn(origin, message);
      return [];
    }
    const wakes = files[idle] === undefined && context.read(idle)?.trim() === '1';
    return wakes ? [write(idle, '0'), ...writes] : writes;
  });
}

const idle = 'cpu.idle';
const weights = ['cpu.weight', 'cpu.weight.nice'];

/** `memory` of `memory.high`. */
export function controllerOf(file: string): string {
  return file.split('.')[0] ?? '';
}
