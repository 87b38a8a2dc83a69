// SPDX-License-Identifier: Apache-2.0
// The programs with which engines make the network of a container, from Debian's packages if they are installed.
import { existsSync } from 'node:fs';
import { type Column, host } from './columns.ts';

const plugins = '/usr/lib/cni';
const netavark = '/usr/lib/podman/netavark';

/** In scripts, $1 is the name of the network namespace, and $2 a port of the host. */
export function engineNetworks(directory: string, say: (text: string) => void): Column[] {
  const candidates = [
    {
      name: 'cni',
      programs: ['bridge', 'host-local', 'portmap'].map(name => `${plugins}/${name}`),
      debian: 'containernetworking-plugins',
      scripts: [cniScript('ADD', directory), cniScript('DEL', directory)],
    },
    {
      name: 'netavark',
      programs: [netavark],
      debian: 'netavark',
      scripts: [netavarkScript('setup', directory), netavarkScript('teardown', directory)],
    },
  ];
  return candidates.flatMap(({ name, programs, debian, scripts }) => {
    if (!programs.every(existsSync)) {
      say(`${name} is left out: ${debian} is not installed`);
      return [];
    }
    return { name, view: host.name, command: scripts, kind: 'network', state: name };
  });
}

function cniScript(command: 'ADD' | 'DEL', directory: string): string {
  const bridge = JSON.stringify({
    cniVersion: '0.4.0',
    name: 'bench',
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    ipMasq: true,
    hairpinMode: true,
    ipam: {
      type: 'host-local',
      subnet: '10.88.0.0/16',
      routes: [{ dst: '0.0.0.0/0' }],
      dataDir: `${directory}/cni`,
    },
  });
  const portmap = JSON.stringify({
    cniVersion: '0.4.0',
    name: 'bench',
    type: 'portmap',
    capabilities: { portMappings: true },
    runtimeConfig: { portMappings: [{ hostPort: 'PORT', containerPort: 80, protocol: 'tcp' }] },
    prevResult: 'RESULT',
  })
    .replace('"PORT"', `'"$2"'`)
    .replace('"RESULT"', `'"$result"'`);
  const setting = `export CNI_COMMAND=${command} CNI_CONTAINERID="$1" CNI_NETNS="/run/netns/$1" CNI_IFNAME=eth0 CNI_PATH=${plugins}`;
  const address = '{"cniVersion":"0.4.0","ips":[{"version":"4","interface":0,"address":"10.88.0.2/16"}]}';
  return command === 'ADD'
    ? `${setting}; result=$(echo '${bridge}' | ${plugins}/bridge) && echo '${portmap}' | ${plugins}/portmap`
    : `${setting}; result='${address}'; echo '${portmap}' | ${plugins}/portmap && echo '${bridge}' | ${plugins}/bridge`;
}

function netavarkScript(command: 'setup' | 'teardown', directory: string): string {
  const config = JSON.stringify({
    container_id: 'ID',
    container_name: 'ID',
    port_mappings: [{ container_port: 80, host_ip: '', host_port: 'PORT', protocol: 'tcp', range: 1 }],
    networks: { bench: { interface_name: 'eth0', static_ips: ['10.89.0.5'] } },
    network_info: {
      bench: {
        dns_enabled: false,
        driver: 'bridge',
        id: '0'.repeat(64),
        internal: false,
        ipv6_enabled: false,
        name: 'bench',
        network_interface: 'netavark0',
        ipam_options: { driver: 'host-local' },
        subnets: [{ gateway: '10.89.0.1', subnet: '10.89.0.0/16' }],
      },
    },
  })
    .replaceAll('"ID"', `"'"$1"'"`)
    .replace('"PORT"', `'"$2"'`);
  return `echo '${config}' | ${netavark} --config ${directory} ${command} "/run/netns/$1"`;
}
