// SPDX-License-Identifier: Apache-2.0
import type { Pids } from '../oci/resources.ts';
import { type CgroupWrite, isNumber, optionalIf, type ResourceContext } from './write.ts';

/**
 * Writes pids.max. A negative number means no limit. 0 becomes 1, like in runc: systemd does not accept 0, and both
 * values prevent a second process after the init is in the cgroup.
 */
export function pidsWrites(pids: Pids | undefined, { origin }: ResourceContext): CgroupWrite[] {
  const limit = pids?.limit;
  if (limit === undefined) return [];
  const value = limit < 0 ? 'max' : isNumber(limit, 0) ? '1' : String(limit);
  return [
    {
      file: 'pids.max',
      value,
      origin: `${origin}/pids/limit`,
      controller: 'pids',
      ...optionalIf(value === 'max'),
    },
  ];
}
