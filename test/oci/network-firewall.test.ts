// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { machine, neighbour, networkMachine } from '../helpers/network.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';

const skipped =
  !isTsubo || requires('root', 'busybox', 'ip', 'ping', 'nc', 'nft', 'ps', 'iptables-nft', 'iptables-legacy');

describe.skipIf(skipped)('a network beside the firewall of another program', () => {
  const lan = networkMachine();
  const warnings = (...args: string[]) => {
    const bundle = lan.bundle();
    const done = lan.oci('create', '--bundle', bundle.dir, ...args, bundle.id);
    expect(done.status).toBe(0);
    return done.log.filter(({ level }) => level === 'warning').map(({ msg }) => msg);
  };
  const iptables = (...words: string[]) => lan.in(lan.pid, 'iptables-nft', ...words);

  test('warns that forwarded packets are dropped, with the commands to accept them, and allow-forward accepts them', async () => {
    iptables('-P', 'FORWARD', 'DROP');
    expect(warnings('--network', 'default')).toContainEqual(
      'chain FORWARD of table ip filter drops the packets of network default: run tsubo network allow-forward, or ' +
        'iptables -I FORWARD -i tsubo0 -j ACCEPT; iptables -I FORWARD -o tsubo0 -j ACCEPT',
    );
    await lan.serve(lan.neighbour, 9000);
    const { pid } = lan.running(['--publish', '8800:80']);
    await lan.serve(pid, 80);
    expect(lan.ask(pid, neighbour.ipv4, 9000)).toBeUndefined();
    expect(lan.ask(lan.neighbour, machine.ipv4, 8800)).toBeUndefined();
    expect(lan.ask(lan.pid, machine.ipv4, 8800)).toBe(machine.ipv4);
    expect(lan.must('network', 'allow-forward')).toBe('ip filter FORWARD tsubo0\n');
    expect(lan.ask(pid, neighbour.ipv4, 9000)).toBe(machine.ipv4);
    expect(lan.ask(lan.neighbour, machine.ipv4, 8800)).toBe(neighbour.ipv4);
    const rules = iptables('-S', 'FORWARD').split('\n');
    expect(rules.slice(0, 3).sort()).toEqual([
      '-A FORWARD -i tsubo0 -j ACCEPT',
      '-A FORWARD -o tsubo0 -j ACCEPT',
      '-P FORWARD DROP',
    ]);
    expect(lan.must('network', 'allow-forward')).toBe('');
    expect(warnings('--publish', '8801:80')).toEqual([]);
  });

  test('warns of the same rule of iptables-legacy, which nf_tables does not list', async () => {
    const legacy = (...words: string[]) => lan.in(lan.pid, 'iptables-legacy', ...words);
    legacy('-P', 'FORWARD', 'DROP');
    expect(warnings('--network', 'default')).toContainEqual(
      'chain FORWARD of table ip filter of iptables-legacy drops the packets of network default: run tsubo network allow-forward, or ' +
        'iptables-legacy -I FORWARD -i tsubo0 -j ACCEPT; iptables-legacy -I FORWARD -o tsubo0 -j ACCEPT',
    );
    const { pid } = lan.running(['--publish', '8800:80']);
    await lan.serve(pid, 80);
    expect(lan.ask(lan.neighbour, machine.ipv4, 8800)).toBeUndefined();
    expect(lan.must('network', 'allow-forward')).toBe('ip filter FORWARD tsubo0 (iptables-legacy)\n');
    expect(lan.ask(lan.neighbour, machine.ipv4, 8800)).toBe(neighbour.ipv4);
    expect(legacy('-S', 'FORWARD').trim().split('\n').sort()).toEqual([
      '-A FORWARD -i tsubo0 -j ACCEPT',
      '-A FORWARD -o tsubo0 -j ACCEPT',
      '-P FORWARD DROP',
    ]);
    expect(lan.must('network', 'allow-forward')).toBe('');
    expect(warnings('--publish', '8801:80')).toEqual([]);
  });

  test('uses the chain that Docker leaves to the administrator', () => {
    iptables('-P', 'FORWARD', 'DROP');
    iptables('-N', 'DOCKER-USER');
    iptables('-A', 'FORWARD', '-j', 'DOCKER-USER');
    lan.running(['--network', 'default']);
    expect(lan.must('network', 'allow-forward')).toBe('ip filter DOCKER-USER tsubo0\n');
    expect(iptables('-S', 'DOCKER-USER').split('\n')).toContain('-A DOCKER-USER -i tsubo0 -j ACCEPT');
    expect(iptables('-S', 'FORWARD')).not.toContain('tsubo0');
  });

  test('changes nothing of a firewall that accepts', () => {
    iptables('-A', 'FORWARD', '-s', '198.51.100.0/24', '-j', 'DROP');
    const before = iptables('-S');
    expect(warnings('--network', 'default').filter(text => text.includes('drops'))).toEqual([]);
    expect(lan.must('network', 'allow-forward')).toBe('');
    expect(iptables('-S')).toBe(before);
  });
});
