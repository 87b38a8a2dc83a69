// SPDX-License-Identifier: Apache-2.0
import { fileNumber, fileText, integer, linesOf } from '../cgroup/stats/files.ts';
import type { Binding } from '../host/binding.d.ts';
import type { CacheInfo, MemoryBandwidthInfo, RdtStats } from '../oci/stats.ts';
import type { RdtGroup } from './group.ts';

/**
 * Returns the limits of the container's class of service, and its usage if the processor supports monitoring. Without a
 * monitoring group for the container, the usage is that of the whole class.
 */
export function rdtStats(binding: Binding, { root, path, monitoring }: RdtGroup): RdtStats {
  const defaults = schemataOf(binding, root);
  const own = schemataOf(binding, path);
  const line = (lines: readonly string[], name: string): string | undefined =>
    lines.find(text => text.startsWith(`${name}:`));
  const cache = cacheInfo(binding, `${root}/info/L3`);
  const bandwidth = bandwidthInfo(binding, `${root}/info/MB`);
  return withoutAbsent({
    l3_cache_info: cache,
    l3_cache_schema_root: cache && line(defaults, 'L3'),
    l3_cache_schema: cache && line(own, 'L3'),
    mem_bw_info: bandwidth,
    mem_bw_schema_root: bandwidth && line(defaults, 'MB'),
    mem_bw_schema: bandwidth && line(own, 'MB'),
    schemata: own,
    ...monitored(binding, root, `${monitoring ?? path}/mon_data`),
  });
}

function schemataOf(binding: Binding, path: string): string[] {
  return linesOf(fileText(binding, path, 'schemata')).map(line => line.trim());
}

function cacheInfo(binding: Binding, path: string): CacheInfo | undefined {
  const mask = fileText(binding, path, 'cbm_mask')?.trim();
  if (mask === undefined) return undefined;
  return {
    cbm_mask: mask,
    min_cbm_bits: integer(fileNumber(binding, path, 'min_cbm_bits')),
    num_closids: integer(fileNumber(binding, path, 'num_closids')),
  };
}

function bandwidthInfo(binding: Binding, path: string): MemoryBandwidthInfo | undefined {
  const step = fileNumber(binding, path, 'bandwidth_gran');
  if (step === undefined) return undefined;
  return {
    bandwidth_gran: integer(step),
    delay_linear: integer(fileNumber(binding, path, 'delay_linear')),
    min_bandwidth: integer(fileNumber(binding, path, 'min_bandwidth')),
    num_closids: integer(fileNumber(binding, path, 'num_closids')),
  };
}

/** Reads one set of numbers for each cache. */
function monitored(
  binding: Binding,
  root: string,
  data: string,
): Partial<Pick<RdtStats, 'mbm_stats' | 'cmt_stats'>> {
  const features = linesOf(fileText(binding, `${root}/info/L3_MON`, 'mon_features'));
  if (features.length === 0 || binding.stat(data) === undefined) return {};
  const caches = binding.readdir(data).map(name => `${data}/${name}`);
  const number = (cache: string, name: string) => integer(fileNumber(binding, cache, name));
  const bandwidth = features.includes('mbm_total_bytes') || features.includes('mbm_local_bytes');
  return {
    ...(bandwidth && {
      mbm_stats: caches.map(cache => ({
        mbm_total_bytes: number(cache, 'mbm_total_bytes'),
        mbm_local_bytes: number(cache, 'mbm_local_bytes'),
      })),
    }),
    ...(features.includes('llc_occupancy') && {
      cmt_stats: caches.map(cache => ({ llc_occupancy: number(cache, 'llc_occupancy') })),
    }),
  };
}

function withoutAbsent(stats: { readonly [Name in keyof RdtStats]: RdtStats[Name] | undefined }): RdtStats {
  return Object.fromEntries(Object.entries(stats).filter(([, value]) => value !== undefined)) as RdtStats;
}
