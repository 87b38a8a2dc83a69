// SPDX-License-Identifier: Apache-2.0
import { type Command, Option } from 'commander';
import { parseDeviceName } from '../../../cdi/spec.ts';
import { publishedPorts } from '../../../direct/create.ts';
import type { HealthRequest } from '../../../direct/health-check.ts';
import { checkJoined } from '../../../direct/joined-network.ts';
import {
  type ContainerRequest,
  parseBytes,
  parseCpus,
  parseDevice,
  parseEnv,
  parseEnvFile,
  parseHost,
  parseMemory,
  parseMount,
  parseNetworks,
  parseNumber,
  parsePairs,
  parseSecurity,
  parseTmpfs,
  parseUlimit,
  parseVolume,
} from '../../../direct/request.ts';
import { parseRestart } from '../../../direct/restart.ts';
import { RuntimeError } from '../../../errors/error.ts';
import { onHost } from '../../../errors/system.ts';
import type { Binding } from '../../../host/binding.d.ts';
import { resolvePath } from '../../../host/paths.ts';
import type { Context } from '../../command.ts';
import { durationMs } from '../../duration.ts';

type Options = Readonly<Record<string, unknown>>;

/** The options of `run` and `create`, with Docker's names. */
export function defineRequest(command: Command): void {
  command
    .option('-i, --interactive', 'keep standard input of the program open')
    .option('-t, --tty', 'give the program a terminal')
    .option('--rm', 'remove the container, its changes and its anonymous volumes after its end')
    .option(
      '--restart <no|always|unless-stopped|on-failure>',
      'start it again after its end; on-failure:5 limits the attempts',
    )
    .option('--name <name>', 'name of the container (default: two random words)')
    .option(
      '-p, --publish <map...>',
      'let a port of the host lead to the container: 8800:80, 127.0.0.1:53:53/udp',
    )
    .option('-P, --publish-all', 'publish all ports that the image declares, on free ports of the host')
    .option('--expose <port...>', 'declare a port of the container')
    .option('-v, --volume <map...>', 'mount a directory or a volume: /srv/www:/www:ro, data:/var/lib/data')
    .option('--mount <spec...>', 'the same in words: type=bind,source=/srv/www,target=/www,readonly')
    .option('--tmpfs <path...>', 'mount a tmpfs: /run, /tmp:size=64m')
    .option('-e, --env <pair...>', "set NAME=VALUE; NAME alone takes the caller's value")
    .option('--env-file <file...>', 'read such lines from a file')
    .option('-w, --workdir <dir>', 'the working directory in the container')
    .option('-u, --user <user>', 'user and group, as names or numbers: www, 1000:100')
    .option('--group-add <group...>', 'add a group')
    .option('--entrypoint <program>', "replace the image's entrypoint; an empty text removes it")
    .option('-h, --hostname <name>', 'the host name in the container (default: its short id)')
    .option('--domainname <name>', 'the NIS domain name in the container')
    .option(
      '--network <name...>',
      'a network: NAME, NAME:ip=ADDRESS, none, host or container:NAME (default: default)',
    )
    .addOption(new Option('--net <name...>', '').hideHelp())
    .option('--ip <address>', 'the IPv4 address in the first network')
    .option('--mac-address <address>', 'the hardware address in the first network')
    .option('--add-host <pair...>', 'add a line to /etc/hosts: NAME:ADDRESS')
    .option('--dns <address...>', 'use this name server')
    .option('-m, --memory <bytes>', 'limit the memory: 512m, 1g')
    .option('--memory-swap <bytes>', 'limit memory and swap together; -1: unlimited')
    .option('--memory-reservation <bytes>', 'protect this amount of memory')
    .option('--shm-size <bytes>', 'size of /dev/shm (default: 64m)')
    .option('--cpus <number>', 'limit the processor time to this number of processors')
    .option('-c, --cpu-shares <weight>', 'weight of the processor time, from 2 to 262144')
    .option('--cpuset-cpus <list>', 'run on these processors only: 0-2,4')
    .option('--pids-limit <number>', 'limit the number of processes; -1: unlimited')
    .option('--ulimit <limit...>', 'limit a resource of each process: nofile=1024:2048')
    .option('--cap-add <name...>', 'add a capability, or ALL')
    .option('--cap-drop <name...>', 'drop a capability, or ALL')
    .option('--privileged', 'all capabilities and devices, and no seccomp profile')
    .option('--security-opt <option...>', 'seccomp=FILE or unconfined, apparmor=PROFILE, no-new-privileges')
    .option('--init', 'run the program as the child of an init that passes signals on and reaps processes')
    .option('--read-only', 'mount the root file system read-only')
    .option(
      '--device <device...>',
      'give access to a device: /dev/fuse, /dev/sdb:/dev/xvdb:r, or the CDI device vendor.com/class=name',
    )
    .option('--sysctl <pair...>', 'set a parameter of the kernel in the namespaces of the container')
    .option('-l, --label <pair...>', 'add a label')
    .option('--label-file <file...>', 'read labels from a file, one in a line')
    .option('--stop-signal <signal>', 'signal that asks the program to end (default: SIGTERM)')
    .option('--stop-timeout <seconds>', 'time that it has to end (default: 10)')
    .option('--health-cmd <command>', 'check the health of the container with this command for /bin/sh')
    .option('--health-interval <duration>', 'time between two checks (default: 30s)')
    .option('--health-timeout <duration>', 'time that a check may take (default: 30s)')
    .option('--health-retries <number>', 'failures in a row until the container is unhealthy (default: 3)')
    .option('--health-start-period <duration>', 'time after the start in which failures do not count')
    .option('--health-start-interval <duration>', 'time between two checks in that time (default: 5s)')
    .option('--no-healthcheck', 'ignore the health check of the image')
    .option('--pull <when>', 'pull the image: missing, always or never (default: missing)')
    .option('--platform <platform>', 'pull the image for this platform: linux/arm64')
    .option('--cidfile <file>', 'write the id of the container to this file');
}

/** Options of Docker that tsubo does not support, with the reason. */
export const unsupportedOptions: Readonly<Record<string, string>> = {
  link: 'containers in one network reach each other by address: use --network',
  gpus: 'write --device nvidia.com/gpu=all; nvidia-ctk cdi generate writes the file that it needs',
  'log-driver': 'the log is a file: see tsubo container logs',
  runtime: 'tsubo itself is the runtime',
};

/**
 * Returns the request without the ports of `--publish-all`, because the image declares them (`portsOf`). Reads the
 * files that options name; call it once, because such a file may be a pipe.
 *
 * @throws RuntimeError `usage.bad-value`, `usage.publish`, `host.syscall`
 */
export function requestOf(
  { runtime }: Context,
  image: string,
  args: readonly string[],
  options: Options,
): ContainerRequest {
  const { binding } = runtime;
  const text = (name: string): string | undefined => textOf(options, name);
  const list = (name: string): string[] => listOf(options, name);
  const given = <Name extends string, T>(name: Name, value: T | undefined) =>
    (value === undefined ? {} : { [name]: value }) as { readonly [Key in Name]?: T };
  const withText = <T>(name: string, read: (value: string) => T): T | undefined => {
    const value = text(name);
    return value === undefined ? undefined : read(value);
  };
  const ip = text('ip');
  const mac = text('macAddress');
  const here = () => binding.getcwd();
  const request: ContainerRequest = {
    image,
    args,
    ...given('name', text('name')),
    ...given('entrypoint', typeof options['entrypoint'] === 'string' ? options['entrypoint'] : undefined),
    env: environmentOf(binding, options),
    ...given('workdir', text('workdir')),
    ...given('user', text('user')),
    groups: list('groupAdd'),
    ...given('hostname', withText('hostname', hostNameOf)),
    ...given('domainname', text('domainname')),
    terminal: options['tty'] === true,
    openStdin: options['interactive'] === true,
    remove: options['rm'] === true,
    ...restartOf(options),
    ...given('health', healthRequest(options)),
    labels: parsePairs('--label', [
      ...list('labelFile').flatMap(file => linesOf(readFile(binding, file))),
      ...list('label'),
    ]),
    mounts: [
      ...list('volume').map(value => parseVolume(value, here)),
      ...list('mount').map(value => parseMount(value, here)),
      ...list('tmpfs').map(parseTmpfs),
    ],
    network: parseNetworks([...list('network'), ...list('net')], {
      ...(ip !== undefined && { ip }),
      ...(mac !== undefined && { mac }),
    }),
    ports: publishedPorts(runtime, list('publish'), []),
    exposed: list('expose'),
    ...given(
      'memory',
      withText('memory', value => parseMemory('--memory', value)),
    ),
    ...given(
      'memorySwap',
      withText('memorySwap', value => (value === '-1' ? -1 : parseBytes('--memory-swap', value))),
    ),
    ...given(
      'memoryReservation',
      withText('memoryReservation', value => parseBytes('--memory-reservation', value)),
    ),
    ...given(
      'sharedMemory',
      withText('shmSize', value => parseBytes('--shm-size', value)),
    ),
    ...given('cpuQuota', withText('cpus', parseCpus)),
    ...given(
      'cpuShares',
      withText('cpuShares', value => parseNumber('--cpu-shares', value, 2)),
    ),
    ...given('cpus', text('cpusetCpus')),
    ...given(
      'pids',
      withText('pidsLimit', value => parseNumber('--pids-limit', value, -1)),
    ),
    capAdd: list('capAdd'),
    capDrop: list('capDrop'),
    readOnly: options['readOnly'] === true,
    privileged: options['privileged'] === true,
    devices: list('device')
      .filter(value => parseDeviceName(value) === undefined)
      .map(parseDevice),
    cdiDevices: list('device').filter(value => parseDeviceName(value) !== undefined),
    security: parseSecurity(list('securityOpt')),
    ulimits: list('ulimit').map(parseUlimit),
    sysctls: parsePairs('--sysctl', list('sysctl')),
    init: options['init'] === true,
    ...given('stopSignal', text('stopSignal')),
    ...given(
      'stopTimeout',
      withText('stopTimeout', value => parseNumber('--stop-timeout', value, -1)),
    ),
    hosts: list('addHost').map(parseHost),
    dns: list('dns'),
  };
  checkJoined(request, options['publishAll'] === true);
  return request;
}

/**
 * Returns the published ports, including those of `--publish-all`. The networks none and host ignore them, as in
 * Docker.
 *
 * @param declared - ports that the image declares
 */
export function portsOf(
  { runtime }: Context,
  { network, ports, exposed }: ContainerRequest,
  declared: readonly string[],
  options: Options,
): readonly string[] {
  const all = options['publishAll'] === true;
  if (network === 'host' && (all || ports.length > 0)) {
    runtime.log.warn('published ports are ignored: with --network host, all ports are those of the host');
  }
  if (typeof network === 'string' || 'container' in network) return [];
  return all ? publishedPorts(runtime, listOf(options, 'publish'), [...declared, ...exposed]) : ports;
}

/** @throws RuntimeError `usage.bad-value` */
function healthRequest(options: Options): HealthRequest | undefined {
  const command = textOf(options, 'healthCmd');
  const times = {
    interval: ['health-interval', textOf(options, 'healthInterval')],
    timeout: ['health-timeout', textOf(options, 'healthTimeout')],
    startPeriod: ['health-start-period', textOf(options, 'healthStartPeriod')],
    startInterval: ['health-start-interval', textOf(options, 'healthStartInterval')],
  } as const;
  const retries = textOf(options, 'healthRetries');
  const given = Object.entries(times).flatMap(([member, [name, text]]) =>
    text === undefined ? [] : [[member, durationMs(name, text)] as const],
  );
  const any = command !== undefined || retries !== undefined || given.length > 0;
  if (options['healthcheck'] === false) {
    if (!any) return 'none';
    throw new RuntimeError({
      code: 'usage.bad-value',
      message: 'conflicting options: --no-healthcheck and --health-* together',
      hint: 'leave out one of them',
    });
  }
  if (!any) return undefined;
  return {
    // As with Docker, the word none switches the check of the image off.
    ...(command !== undefined && { test: command === 'none' ? ['NONE'] : ['CMD-SHELL', command] }),
    ...Object.fromEntries(given),
    ...(retries !== undefined && { retries: parseNumber('--health-retries', retries, 1) }),
  };
}

function restartOf(options: Options): Pick<ContainerRequest, 'restart'> {
  const value = textOf(options, 'restart');
  if (value === undefined || parseRestart(value) === undefined) return {};
  if (options['rm'] !== true) return { restart: value };
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: 'conflicting options: cannot specify both --restart and --rm',
    value,
    hint: 'a container that is removed after its end cannot start again: leave out one of them',
  });
}

export function textOf(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function listOf(options: Options, name: string): string[] {
  const value = options[name];
  return Array.isArray(value) ? value.map(String) : [];
}

/** Values of `--env-file` and `--env`. A name without `=` removes the variable. */
export function environmentOf(binding: Binding, options: Options): string[] {
  const callersValue = (name: string) => binding.getenv(name);
  return [
    ...listOf(options, 'envFile').flatMap(file => parseEnvFile(readFile(binding, file), file, callersValue)),
    ...parseEnv('--env', listOf(options, 'env'), callersValue),
  ];
}

function readFile(binding: Binding, file: string): string {
  const path = resolvePath(() => binding.getcwd(), file);
  return onHost(`unable to read ${file}`, () => binding.readText(path));
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'));
}

const pullPolicies = ['missing', 'always', 'never'] as const;
export type PullPolicy = (typeof pullPolicies)[number];

/** @throws RuntimeError `usage.bad-value` */
export function pullPolicy(options: Options): PullPolicy {
  const text = textOf(options, 'pull') ?? 'missing';
  const policy = pullPolicies.find(known => known === text);
  if (policy !== undefined) return policy;
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid value ${JSON.stringify(text)} for --pull`,
    value: text,
    hint: `use ${pullPolicies.join(', ')}`,
  });
}

/** @throws RuntimeError `usage.bad-value` */
function hostNameOf(text: string): string {
  if (/^[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,62}[a-zA-Z0-9])?$/.test(text)) return text;
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid value ${JSON.stringify(text)} for --hostname`,
    value: text,
    hint: 'it has up to 64 letters, digits, and "." "_" "-" between them',
  });
}
