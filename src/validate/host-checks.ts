// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';
import type { Config, IDMapping } from '../oci/config.ts';
import type { IntelRdt } from '../oci/config-linux.ts';
import { problemsInOwnNetwork } from '../plan/facilities.ts';
import { idMapText } from '../plan/id-map-text.ts';
import { resctrlMountpoint } from '../rdt/mountpoint.ts';
import { checkLabels } from './label-checks.ts';

/**
 * Returns the problems of a checked config that depend on the machine: a joined network namespace that is the
 * runtime's own and therefore has the host's sysctls, labels that the kernel does not support, and classes of
 * service. resolveRootfs checks the root file system.
 */
export function checkOnHost(binding: Binding, config: Config): ErrorFields[] {
  const at = (name: string): string => `/process/${name}`;
  return [
    ...checkLabels(binding, config.process, at, config.linux?.mountLabel),
    ...checkJoinedNetwork(binding, config),
    ...checkResctrl(binding, config),
    ...checkMappingsFit(binding, config),
  ];
}

/** Fewer lines than this are shorter than any page. */
const linesOfAPage = 120;

/** The kernel accepts mappings only if their text is shorter than a page. */
function checkMappingsFit(binding: Binding, { linux, mounts }: Config): ErrorFields[] {
  const isJoined = linux?.namespaces?.some(({ type, path }) => type === 'user' && path) ?? false;
  const lists: [pointer: string, list: readonly IDMapping[] | undefined][] = isJoined
    ? []
    : [
        ['/linux/uidMappings', linux?.uidMappings],
        ['/linux/gidMappings', linux?.gidMappings],
      ];
  mounts?.forEach(({ uidMappings, gidMappings }, index) => {
    if (uidMappings !== undefined) lists.push([`/mounts/${index}/uidMappings`, uidMappings]);
    if (gidMappings !== undefined) lists.push([`/mounts/${index}/gidMappings`, gidMappings]);
  });
  return lists.flatMap(([pointer, list = []]) => {
    if (list.length < linesOfAPage) return [];
    const { length } = idMapText(list);
    const page = pageSize(binding);
    if (length < page) return [];
    return [
      {
        code: 'config.id-mapping.too-many',
        message: `${list.length} ID mappings are ${length} bytes as lines, and the kernel accepts fewer than ${page}`,
        pointer,
        value: String(list.length),
        hint: 'merge adjacent ranges',
        spec: 'config-linux.md#user-namespace-mappings',
      },
    ];
  });
}

/** Only arm64 kernels have other page sizes. */
function pageSize(binding: Binding): number {
  if (binding.identity().machine === 'x86_64') return 4096;
  const kilobytes = /^KernelPageSize:\s+(\d+)/m.exec(binding.readTextIfThere('/proc/self/smaps') ?? '')?.[1];
  return kilobytes === undefined ? 65536 : Number(kilobytes) * 1024;
}

/** The messages are those of runc. */
function checkResctrl(binding: Binding, { linux }: Config): ErrorFields[] {
  const rdt = linux?.intelRdt;
  if (rdt === undefined) return [];
  const problem = (name: string, message: string, hint: string): ErrorFields => ({
    code: 'host.unsupported',
    message,
    pointer: `/linux/intelRdt${name}`,
    hint,
    spec: 'config-linux.md#intelrdt',
  });
  const root = resctrlMountpoint(binding);
  if (root === undefined) {
    if (onlyMonitors(rdt)) return [];
    const hint =
      'resctrl is not mounted: mount -t resctrl resctrl /sys/fs/resctrl, if processor and kernel support it';
    return [problem('', 'intelRdt is specified in config, but Intel RDT is not enabled', hint)];
  }
  const has = (...names: string[]): boolean =>
    names.some(name => binding.stat(`${root}/info/${name}`) !== undefined);
  const found: ErrorFields[] = [];
  if (rdt.l3CacheSchema && !has('L3', 'L3CODE')) {
    const message = 'intelRdt.l3CacheSchema is specified in config, but Intel RDT/CAT is not enabled';
    found.push(problem('/l3CacheSchema', message, `${root}/info has no L3`));
  }
  if (rdt.memBwSchema && !has('MB')) {
    const message = 'intelRdt.memBwSchema is specified in config, but Intel RDT/MBA is not enabled';
    found.push(problem('/memBwSchema', message, `${root}/info has no MB`));
  }
  return found;
}

/**
 * Returns warnings for parts of a checked config that this machine ignores, like in runc: a class of service that
 * limits neither cache nor bandwidth, if resctrl is not available.
 */
export function warnOnHost(
  binding: Binding,
  { linux }: Config,
): (ErrorFields & { readonly pointer: string })[] {
  const rdt = linux?.intelRdt;
  if (rdt === undefined || !onlyMonitors(rdt) || resctrlMountpoint(binding) !== undefined) return [];
  return [
    {
      code: 'config.ignored',
      message: 'linux.intelRdt is ignored: Intel RDT is not enabled',
      pointer: '/linux/intelRdt',
      hint: 'resctrl is not mounted: mount -t resctrl resctrl /sys/fs/resctrl, if processor and kernel support it',
      spec: 'config-linux.md#intelrdt',
    },
  ];
}

/** Returns true for a class that consists only of a name and monitoring. */
function onlyMonitors({ l3CacheSchema, memBwSchema, schemata = [] }: IntelRdt): boolean {
  return !l3CacheSchema && !memBwSchema && schemata.every(line => line === '');
}

function checkJoinedNetwork(binding: Binding, config: Config): ErrorFields[] {
  const path = config.linux?.namespaces?.find(({ type }) => type === 'network')?.path;
  if (path === undefined) return [];
  const found = problemsInOwnNetwork(config);
  if (found.length === 0) return [];
  const joined = binding.stat(path);
  const own = binding.stat('/proc/self/ns/net');
  // The join itself reports a missing path.
  if (joined === undefined || own === undefined) return [];
  if (joined.dev !== own.dev || joined.ino !== own.ino) return [];
  return found.map(fields => ({
    ...fields,
    path,
    hint: "the joined network namespace is the runtime's own",
  }));
}
