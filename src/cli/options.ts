// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';
import { RuntimeError } from '../errors/error.ts';
import type { AttachmentOptions } from '../lifecycle/attachment.ts';
import type { CreateOptions } from '../lifecycle/create.ts';
import { parsePublishFlags } from '../network/publish.ts';
import { parseNetworkFlags } from '../network/request.ts';

/** The maximum of `--preserve-fds`: no process can have more descriptors. */
const mostFds = 1 << 20;

/** Declares the options that `create` and `run` share. */
export function defineCreateOptions(command: Command): void {
  command
    .option(
      '-b, --bundle <dir>',
      'the bundle: the directory with config.json (default: the current directory)',
    )
    .option('--pid-file <file>', 'write the process id of the init to this file')
    .option('--console-socket <path>', "Unix socket that receives the master of the container's terminal")
    .option('--pidfd-socket <path>', 'Unix socket that receives a pidfd of the init')
    .option('--no-pivot', 'do not use pivot_root(2), which fails on a host that runs from an initramfs')
    .option('--no-new-keyring', "use the caller's session keyring instead of a new one")
    .option(
      '--preserve-fds <count>',
      'pass this number of descriptors, from 3 on (after those of LISTEN_FDS), to the program (default: 0)',
      text => wholeNumber('preserve-fds', text),
    )
    .option(deviceOption, deviceHelp)
    .option(networkOption, networkHelp)
    .option(publishOption, publishHelp)
    .option(attachmentOption, attachmentHelp);
}

/** Converts commander's result. For `--no-x`, commander sets `x` to false. */
export function createOptions(id: string, options: Readonly<Record<string, unknown>>): CreateOptions {
  return {
    id,
    bundle: typeof options['bundle'] === 'string' && options['bundle'] !== '' ? options['bundle'] : '.',
    ...given(options, 'pidFile'),
    ...given(options, 'consoleSocket'),
    ...given(options, 'pidfdSocket'),
    noPivot: options['pivot'] === false,
    noNewKeyring: options['newKeyring'] === false,
    ...networksGiven(options),
    ...devicesGiven(options),
    preserveFds: typeof options['preserveFds'] === 'number' ? options['preserveFds'] : 0,
  };
}

const deviceOption = '--device <name...>';
const deviceHelp =
  'add a device of /etc/cdi or /var/run/cdi (Container Device Interface): VENDOR/CLASS=NAME (repeatable)';

/** Declares the devices for a command that only plans. */
export function defineDevices(command: Command): void {
  command.option(deviceOption, deviceHelp);
}

/** Returns the devices of `--device`. */
export function devicesGiven({ device }: Readonly<Record<string, unknown>>): { readonly devices?: string[] } {
  return Array.isArray(device) ? { devices: device as string[] } : {};
}

const networkOption = '--network <name...>';
const networkHelp =
  'attach the container to this network: NAME, or NAME:ip=ADDRESS with keys ip, mac, interface, alias (repeatable)';

const attachmentOption = '--network-config <file>';
const attachmentHelp =
  'networks, ports and name servers as JSON: {"networks": [{"name": "default"}], "ports": [{"hostPort": 8800, "containerPort": 80}]}';

const publishOption = '-p, --publish <map...>';
const publishHelp =
  'let a port of the host lead to the container: 8800:80, ranges, with an address in front or /udp at the end (repeatable)';

/** Declares the options of networks. */
export function defineNetworks(command: Command): void {
  command
    .option(networkOption, networkHelp)
    .option(publishOption, publishHelp)
    .option(attachmentOption, attachmentHelp);
}

/** @throws RuntimeError `usage.network`, `usage.publish` */
export function networksGiven(options: Readonly<Record<string, unknown>>): AttachmentOptions {
  const { network, publish } = options;
  return {
    ...(Array.isArray(network) && { networks: parseNetworkFlags(network as string[]) }),
    ...given(options, 'networkConfig'),
    ...(Array.isArray(publish) && { ports: parsePublishFlags(publish as string[]) }),
  };
}

function given<Name extends string>(
  options: Readonly<Record<string, unknown>>,
  name: Name,
): Partial<Readonly<Record<Name, string>>> {
  const value = options[name];
  return typeof value === 'string' && value !== '' ? ({ [name]: value } as Record<Name, string>) : {};
}

export function wholeNumber(name: string, text: string): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= mostFds) return number;
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid value ${JSON.stringify(text)} for --${name}`,
    value: text,
    hint: `use a whole number from 0 to ${mostFds}`,
  });
}

/**
 * Returns the value of `--format`; the first format is the default.
 *
 * @throws RuntimeError `usage.bad-value`
 */
export function formatOf<Format extends string>(
  options: Readonly<Record<string, unknown>>,
  formats: readonly [Format, Format],
): Format {
  const given = options['format'] ?? formats[0];
  const format = formats.find(known => known === given);
  if (format !== undefined) return format;
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid format option ${JSON.stringify(given)}`,
    value: String(given),
    hint: `use ${formats.join(' or ')}`,
  });
}

/** Declares the bundle of `check` and `plan`: an argument, or an option like that of `run`. */
export function defineBundle(command: Command): void {
  command
    .argument('[bundle]', 'the bundle: the directory with config.json (default: the current directory)')
    .option('-b, --bundle <dir>', 'the bundle, as an option instead of the argument');
}

/** @throws RuntimeError `usage.arguments` if both are given */
export function bundleOf(argument: string | undefined, options: Readonly<Record<string, unknown>>): string {
  const option =
    typeof options['bundle'] === 'string' && options['bundle'] !== '' ? options['bundle'] : undefined;
  if (argument === undefined || option === undefined) return argument ?? option ?? '.';
  throw new RuntimeError({
    code: 'usage.arguments',
    message: `the bundle is given twice: --bundle ${option} and ${argument}`,
    value: argument,
    hint: 'use one of them',
  });
}
