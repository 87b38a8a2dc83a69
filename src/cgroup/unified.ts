// SPDX-License-Identifier: Apache-2.0
import { formatPointer } from '../bundle/pointer.ts';
import type { CgroupWrite, ResourceContext } from './write.ts';

/** Each line by itself: files such as io.max take one device in a write. */
export function unifiedWrites(
  files: Readonly<Record<string, string>> | undefined,
  { origin }: ResourceContext,
): CgroupWrite[] {
  return Object.entries(files ?? {}).flatMap(([file, content]) =>
    content
      .split('\n')
      .filter(line => line !== '')
      .map(value => ({
        file,
        value,
        origin: `${origin}${formatPointer(['unified', file])}`,
        controller: controllerOf(file),
      })),
  );
}

/** `memory` of `memory.high`. */
export function controllerOf(file: string): string {
  return file.split('.')[0] ?? '';
}
