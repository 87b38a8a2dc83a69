// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';
import { cgroupModes, networkLocks } from '../criu/messages.ts';
import { RuntimeError } from '../errors/error.ts';
import type { ImageOptions } from '../lifecycle/criu-options.ts';

type Options = Readonly<Record<string, unknown>>;

/** Declares the options that `checkpoint` and `restore` share. */
export function defineImageOptions(command: Command): void {
  command
    .option('--image-path <dir>', 'the directory of the image files (default: checkpoint)')
    .option('--work-path <dir>', 'the directory of the log of criu (default: that of the image files)')
    .option('--tcp-established', 'keep established TCP connections')
    .option('--ext-unix-sk', 'keep Unix sockets that are connected to processes outside')
    .option('--shell-job', 'the session or the terminal may belong to a process outside')
    .option('--file-locks', 'keep locks of files')
    .option('--lazy-pages', 'copy memory when it is used (userfaultfd)')
    .option('--auto-dedup', 'shrink the image of the memory when a part is read or replaced')
    .option('--empty-ns <type...>', 'a namespace whose content is not kept: network, which is always so')
    .option(
      '--manage-cgroups-mode <mode>',
      'how criu handles cgroups: ignore, soft, full or strict (default: ignore, because tsubo makes the cgroup)',
    )
    .option('--network-lock <method>', 'how criu blocks connections meanwhile: iptables, nftables or skip');
}

/** @throws RuntimeError `usage.bad-value` */
export function imageOptions(options: Options): ImageOptions {
  for (const type of list(options['emptyNs'])) {
    if (type !== 'network')
      throw badValue(`namespace ${JSON.stringify(type)} is not supported`, type, 'use network');
  }
  const mode = oneOf(options['manageCgroupsMode'], cgroupModes, 'invalid manage-cgroups-mode value');
  const lock = oneOf(options['networkLock'], networkLocks, 'invalid network-lock value');
  return {
    ...textOption(options, 'imagePath'),
    ...textOption(options, 'workPath'),
    tcpEstablished: options['tcpEstablished'] === true,
    extUnixSk: options['extUnixSk'] === true,
    shellJob: options['shellJob'] === true,
    fileLocks: options['fileLocks'] === true,
    lazyPages: options['lazyPages'] === true,
    autoDedup: options['autoDedup'] === true,
    ...(mode !== undefined && { manageCgroupsMode: mode }),
    ...(lock !== undefined && { networkLock: lock }),
  };
}

function list(value: unknown): readonly string[] {
  return Array.isArray(value) ? (value as string[]) : [];
}

function oneOf<Name extends string>(
  value: unknown,
  names: Readonly<Record<Name, number>>,
  message: string,
): Name | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const known = Object.keys(names) as Name[];
  const found = known.find(name => name === value);
  if (found !== undefined) return found;
  throw badValue(`${message}: ${JSON.stringify(value)}`, value, `use one of ${known.join(', ')}`);
}

export function badValue(message: string, value: string, hint: string): RuntimeError {
  return new RuntimeError({ code: 'usage.bad-value', message, value, hint });
}

/** Returns an option with a text that is not empty. */
export function textOption<Name extends string>(
  options: Options,
  name: Name,
): Partial<Readonly<Record<Name, string>>> {
  const value = options[name];
  return typeof value === 'string' && value !== '' ? ({ [name]: value } as Record<Name, string>) : {};
}
