// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { parseAddress } from '../../../src/network/cidr.ts';
import { parsePublished } from '../../../src/network/publish.ts';
import { describePlan } from '../../../src/plan/describe.ts';
import { explainFailure } from '../../../src/plan/explain.ts';
import { type PlannedNetwork, withAddresses } from '../../../src/plan/network.ts';
import { planFor } from '../../helpers/plan.ts';

const address = (text: string) => parseAddress(text) ?? { family: 4 as const, value: 0n };

const web: PlannedNetwork = {
  network: {
    version: 1,
    name: 'web',
    bridge: 'tsubo1',
    ipv4: { subnet: '10.20.0.0/24', gateway: '10.20.0.1' },
    ipv6: { subnet: 'fd00:9::/64', gateway: 'fd00:9::1' },
    internal: false,
    isolated: true,
  },
  isNew: true,
  interface: 'eth0',
  mac: [2, 0x11, 0x22, 0x33, 0x44, 0x55],
  addresses: { ipv4: address('10.20.0.7'), ipv6: address('fd00:9::7') },
  fixed: { ipv4: false, ipv6: false },
  aliases: ['www'],
  origin: '--network',
};
const lab: PlannedNetwork = {
  network: {
    version: 1,
    name: 'lab',
    bridge: 'tsubo2',
    ipv4: { subnet: '10.21.0.0/16', gateway: '10.21.0.1' },
    internal: true,
    isolated: false,
  },
  isNew: false,
  interface: 'eth1',
  addresses: { ipv4: address('10.21.0.8') },
  fixed: { ipv4: true, ipv6: false },
  aliases: [],
  origin: '--network',
};

const plan = planFor({
  linux: { namespaces: [{ type: 'mount' }, { type: 'pid' }, { type: 'network' }] },
  options: { networks: [web, lab], ports: [parsePublished('127.0.0.1:8800:80')] },
});

describe('the plan of a container with networks', () => {
  it('shows the names, addresses and flags of each step', () => {
    const text = describePlan(plan, 'text');
    for (const line of [
      'reservePorts 127.0.0.1:8800:80/tcp',
      'publishPorts 127.0.0.1:8800:80/tcp',
      'makeNetwork name=web bridge=tsubo1 subnets=[10.20.0.0/24 fd00:9::/64] new isolated',
      'makeNetwork name=lab bridge=tsubo2 subnets=[10.21.0.0/16] internal',
      'claimAddress network=web addresses=[10.20.0.7 fd00:9::7]',
      'claimAddress network=lab addresses=[10.21.0.8]',
      'makeVeth bridge=tsubo1 name=eth0 mac=02:11:22:33:44:55 hairpin isolated',
      'makeVeth bridge=tsubo2 name=eth1 hairpin',
      'addresses=[0:10.20.0.7/24 0:fd00:9::7/64 1:10.21.0.8/16] routes=[0:10.20.0.1 0:fd00:9::1]',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toMatch(/writeNetworkFiles names=\[\S+ .*www\]/);
  });

  it('has its addresses as text in JSON, because readers round large numbers', () => {
    const json = JSON.parse(describePlan(plan, 'json'));
    const step = (op: string) => [...json.host, ...json.container].find(one => one.op === op);
    expect(step('claimAddress').addresses).toEqual({ ipv4: '10.20.0.7', ipv6: 'fd00:9::7' });
    expect(step('reservePorts').ports).toMatchObject({ address: '127.0.0.1', hostPort: 8800 });
    expect(step('configureLinks')).toMatchObject({
      addresses: ['0:10.20.0.7/24', '0:fd00:9::7/64', '1:10.21.0.8/16'],
      routes: ['0:10.20.0.1', '0:fd00:9::1'],
    });
  });

  it('reserves ports first, publishes them before it resumes the init, and makes a network before it claims addresses', () => {
    const operations = plan.host.map(({ op }) => op);
    const order = ['reservePorts', 'makeNetwork', 'claimAddress', 'makeVeth', 'publishPorts', 'resumeInit'];
    const positions = order.map(op => operations.indexOf(op as (typeof operations)[number]));
    expect(positions).toEqual([...positions].sort((one, other) => one - other));
    expect(positions).not.toContain(-1);
  });

  it('gets other addresses for one interface, and keeps those of the others', () => {
    const other = withAddresses(plan, 0, { ipv4: address('10.20.0.9'), ipv6: address('fd00:9::9') });
    expect(describePlan(other, 'text')).toContain('addresses=[0:10.20.0.9/24 0:fd00:9::9/64 1:10.21.0.8/16]');
    expect(describePlan(withAddresses(plan, 1, { ipv4: address('10.21.0.9') }), 'text')).toContain(
      'addresses=[0:10.20.0.7/24 0:fd00:9::7/64 1:10.21.0.9/16]',
    );
  });

  it.each([
    ['RTM_NEWADDR', errno.EACCES, 'IPv6 is turned off in new network namespaces here'],
    ['RTM_NEWROUTE', errno.ENETUNREACH, 'the gateway is not in the subnet of the interface'],
  ])('explains a refused %s', (syscall, error, hint) => {
    const step = plan.container.findIndex(({ op }) => op === 'configureLinks');
    const report = { kind: 'failed', step, syscall, errno: error, detail: '' } as const;
    expect(explainFailure(plan, report)).toMatchObject({
      code: 'container.network',
      pointer: '--network',
      message: expect.stringContaining(`unable to configure the network interfaces: ${syscall}`),
      value: expect.stringContaining('0:10.20.0.7/24'),
      hint: expect.stringContaining(hint),
    });
  });
});
