// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import type { HostFacts } from '../host/facts.ts';
import { findProgram } from '../host/find-program.ts';
import { entryPath } from '../host/paths.ts';
import { formatAddress } from '../network/cidr.ts';
import { defaultNetwork } from '../network/names.ts';
import type { PublishedPorts } from '../network/publish.ts';
import type { NetworkRequest } from '../network/request.ts';
import type { PlanOptions } from '../plan/context.ts';
import type { UserNetwork } from '../plan/user-network.ts';
import type { HostOperation } from './host-context.ts';
import { identify } from './init-process.ts';
import { resolveNetworks } from './network/resolve.ts';
import type { Runtime } from './runtime.ts';

const programName = 'pasta';
const pidFile = 'pasta.pid';

/**
 * Returns the network of a container without root. Only root can make bridges and rules, therefore there is one
 * network, and it has the addresses of the host.
 *
 * @throws RuntimeError `host.unsupported`, `network.program`
 */
function resolveUserNetwork(binding: Binding, requests: readonly NetworkRequest[]): UserNetwork {
  const [first, second] = requests;
  const other = requests.find(({ name }) => name !== defaultNetwork) ?? second;
  if (first === undefined || other !== undefined) {
    throw needsRoot(other, `network ${other?.name}`, `the network of a user is ${defaultNetwork}`);
  }
  if (first.addresses.length > 0 || first.mac !== undefined) {
    throw needsRoot(first, 'a chosen address of a container', 'the container has the addresses of the host');
  }
  const program = findProgram(binding, programName);
  if (program === undefined) {
    throw new RuntimeError({
      code: 'network.program',
      document: first.origin,
      message: `a network without root needs the program ${programName}, which is not installed`,
      value: programName,
      hint: 'install passt (the name of the package in Debian, Fedora, Arch and Alpine), or run tsubo as root',
    });
  }
  const { interface: name = 'eth0', aliases, origin } = first;
  return { program, interface: name, aliases, origin };
}

/** Returns the networks of the plan for these requests, of which there is at least one. Changes nothing. */
export function planNetworks(
  runtime: Pick<Runtime, 'binding'>,
  { euid }: Pick<HostFacts, 'euid'>,
  requests: readonly NetworkRequest[],
): Pick<PlanOptions, 'networks' | 'userNetwork'> {
  return euid === 0
    ? { networks: resolveNetworks(runtime, requests) }
    : { userNetwork: resolveUserNetwork(runtime.binding, requests) };
}

function needsRoot(request: NetworkRequest | undefined, subject: string, hint: string): RuntimeError {
  return new RuntimeError({
    code: 'host.unsupported',
    document: request?.origin,
    message: `${subject} needs root: only root can make bridges and rules of the host`,
    value: request?.name,
    hint,
  });
}

export const connectNetwork: HostOperation<'connectNetwork'> = {
  apply([step], context) {
    if (step === undefined) return;
    const { program, interface: name, ports, origin } = step;
    const { binding } = context.runtime;
    const { pid, pidfd } = context.init;
    // The sockets reserved the ports until now: close them, because the program must bind the ports.
    for (const { fds } of context.heldPorts) {
      for (const fd of fds.splice(0)) binding.close(fd);
    }
    const file = entryPath(context.stateDirectory, pidFile);
    const keeper = onHost('unable to start the keeper of the network', () =>
      binding.startKeeper({
        pidfd,
        listeners: [],
        restore: [],
        end: [],
        program: { pidFile: file, arguments: programArguments(program, name, file, ports, pid) },
      }),
    );
    if (keeper.output !== undefined) throw programFailed(program, keeper.output, origin);
    // No undo: the keeper ends the program after the init has exited.
    const startTime = identify(binding, keeper.pid)?.startTime;
    if (startTime !== undefined) context.keeper = { pid: keeper.pid, startTime };
  },
};

/**
 * Returns arguments with which the container reaches neither the host's loopback interface nor, by the gateway's
 * address, the host.
 */
function programArguments(
  program: string,
  name: string,
  file: string,
  ports: readonly PublishedPorts[],
  pid: number,
): string[] {
  const specs = (protocol: 'tcp' | 'udp') => {
    const own = ports.filter(published => published.protocol === protocol).map(portSpec);
    return (own.length === 0 ? ['none'] : own).flatMap(spec => [`--${protocol}-ports`, spec]);
  };
  return [
    ...[program, '--config-net', '--quiet', '--no-map-gw', '--ns-ifname', name, '--pid', file],
    ...[...specs('tcp'), ...specs('udp'), '--tcp-ns', 'none', '--udp-ns', 'none'],
    String(pid),
  ];
}

/** `127.0.0.1/8800-8809:80-89` */
function portSpec({ address, hostPort, containerPort, count }: PublishedPorts): string {
  const range = (first: number) => (count === 1 ? `${first}` : `${first}-${first + count - 1}`);
  const at = address === undefined ? '' : `${formatAddress(address)}/`;
  return `${at}${range(hostPort)}:${range(containerPort)}`;
}

function programFailed(program: string, output: string, origin: string): RuntimeError {
  const lines = output.split('\n').filter(line => line !== '' && !line.includes('to syslog'));
  return new RuntimeError({
    code: 'network.program',
    document: origin,
    message: `${program} cannot connect the container: ${lines.at(-1) ?? 'no output'}`,
    value: program,
    hint: hints.find(([text]) => output.includes(text))?.[1],
  });
}

const hints: readonly (readonly [string, string])[] = [
  ['tun socket', 'the program needs access to /dev/net/tun: chmod 666 /dev/net/tun'],
  ['No external routable interface', 'the host has no default route'],
  ['bind', 'another program took a port meanwhile: try again'],
];
