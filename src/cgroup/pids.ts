// SPDX-License-Identifier: Apache-2.0
import type { Pids } from '../oci/resources.ts';
import { type CgroupWrite, isNumber, optionalIf, type ResourceContext } from './write.ts';

/**
 * pids.max. Any negative number is no limit. 0 becomes 1, as with runc: systemd has no 0, and with the first process
 * inside both mean that there is no second.
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
