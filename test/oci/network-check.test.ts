// SPDX-License-Identifier: Apache-2.0
import { existsSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { machine, networkMachine } from '../helpers/network.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';

const skipped = !isTsubo || requires('root', 'busybox', 'ip', 'nc', 'nft', 'ps', 'iptables-nft');

interface Finding {
  readonly code: string;
  readonly message: string;
  readonly document?: string;
  readonly pointer?: string;
  readonly line?: number;
  readonly hint?: string;
}

describe.skipIf(skipped)('check of a container with networks', () => {
  const lan = networkMachine();

  const check = (flags: readonly string[], modify?: (bundle: Bundle) => void) => {
    const bundle = lan.bundle(modify);
    const { stdout, status } = lan.oci('check', '--format', 'json', ...flags, bundle.dir);
    const report = JSON.parse(stdout) as { problems: Finding[]; warnings: Finding[] };
    return { status, ...report };
  };
  const warned = (code: string, ...flags: string[]) =>
    check(flags).warnings.filter(warning => warning.code === code);
  const published = (...ports: string[]) =>
    warned('isolation.published', ...ports.flatMap(port => ['--publish', port]));

  test('names the ports that other machines reach, and makes nothing', () => {
    expect(published('127.0.0.1:8800:80', '[::1]:8801:80')).toEqual([]);
    const found = published('8800:80', `${machine.ipv4}:8801:80/udp`, '0.0.0.0:8802:80');
    expect(found.map(({ message, document }) => [message, document])).toEqual([
      ['8800:80/tcp can be reached from outside: it is published on all addresses of the host', '--publish'],
      [
        `${machine.ipv4}:8801:80/udp can be reached from outside: it is published on ${machine.ipv4}`,
        '--publish',
      ],
      [
        '0.0.0.0:8802:80/tcp can be reached from outside: it is published on all addresses of the host',
        '--publish',
      ],
    ]);
    expect(lan.try(lan.pid, 'ip', 'link', 'show', 'tsubo0').status).toBe(1);
    expect(existsSync(lan.file('definitions'))).toBe(false);
    expect(lan.rules()).toBe('');
    expect(lan.oci('check', '--publish', '8800:80', lan.bundle().dir).stdout).toContain(
      'published on all addresses of the host (--publish)',
    );
  });

  test('has the problems of a port in use, as create has them, and leaves the port free', async () => {
    await lan.serve(lan.pid, 8800);
    const { problems, status } = check(['--publish', '8800:80', '--publish', '8801:80']);
    expect(status).toBe(1);
    expect(problems).toMatchObject([{ code: 'network.port-taken', document: '--publish' }]);
    expect(problems[0]?.message).toMatch(/^port 8800\/tcp of .* is in use by process \d+ \(node\)$/);
    await lan.serve(lan.pid, 8801);
    const { id } = lan.running(['--network', 'default:ip=10.63.0.9', '--publish', '8802:80']);
    expect(check(['--publish', '8802:80']).problems[0]?.message).toContain(`in use by container ${id}`);
    expect(check(['--network', 'default:ip=10.63.0.9']).problems).toMatchObject([
      { code: 'network.address', document: '--network' },
    ]);
  });

  test('warns of a rule of another program for the same port', () => {
    const iptables = (...words: string[]) => lan.in(lan.pid, 'iptables-nft', '-t', 'nat', ...words);
    iptables('-N', 'DOCKER');
    iptables('-A', 'PREROUTING', '-j', 'DOCKER');
    iptables(
      '-A',
      'DOCKER',
      '-p',
      'tcp',
      '--dport',
      '8800',
      '-j',
      'DNAT',
      '--to-destination',
      '172.17.0.2:80',
    );
    iptables('-A', 'DOCKER', '-p', 'udp', '--dport', '8801', '-j', 'REDIRECT', '--to-ports', '53');
    iptables('-A', 'POSTROUTING', '-p', 'tcp', '--dport', '8803', '-j', 'MASQUERADE');
    lan.in(lan.pid, 'nft', 'add', 'table', 'inet', 'own');
    lan.in(lan.pid, 'nft', 'add chain inet own pre { type nat hook prerouting priority -100; }');
    lan.in(lan.pid, 'nft', 'add rule inet own pre tcp dport 9000-9010 dnat ip to 192.0.2.9:80');
    const foreign = (port: string) =>
      warned('network.foreign-rule', '--publish', port).map(({ message, hint }) => [message, hint]);
    expect(foreign('8800:80')).toEqual([
      [
        'a rule in chain DOCKER of table ip nat also translates 8800:80/tcp: only one of the two gets the connections',
        'publish another port, or remove the rule: nft list chain ip nat DOCKER',
      ],
    ]);
    expect(foreign('8795-8799:8795-8799')).toEqual([]);
    expect(foreign('8795-8800:8795-8800')).toHaveLength(1);
    expect([foreign('8801:80'), foreign('8803:80')]).toEqual([[], []]);
    expect(foreign('8801:53/udp')).toHaveLength(1);
    expect(foreign('9005:80')[0]?.[0]).toContain(
      'in chain pre of table inet own also translates 9005:80/tcp',
    );
    expect(foreign('9011:80')).toEqual([]);
  });

  test('warns of a chain that drops forwarded packets, with the command that opens it', () => {
    lan.in(lan.pid, 'iptables-nft', '-P', 'FORWARD', 'DROP');
    const [warning] = warned('network.foreign-rule', '--network', 'default');
    expect(warning?.message).toContain(
      'chain FORWARD of table ip filter drops the packets of network default',
    );
    expect(warning?.message).toContain('tsubo network allow-forward');
  });

  test('has all problems of a network config with their lines, and those of the machine', () => {
    const file = lan.box.fresh('network.json');
    const write = (document: unknown) => writeFileSync(file, JSON.stringify(document, null, 1));
    write({ networks: [{ name: 'a b', mac: 'x' }], ports: [{ hostPort: 0, containerPort: 1 }] });
    const wrong = check(['--network-config', file]);
    expect(wrong.problems).toMatchObject([
      { code: 'config.range', pointer: '/ports/0/hostPort', document: file, line: 10 },
    ]);
    write({ networks: [{ name: 'a b', mac: 'x' }], ports: [{ hostPort: 1, containerPort: 1 }] });
    expect(check(['--network-config', file]).problems.map(({ pointer, line }) => [pointer, line])).toEqual([
      ['/networks/0/name', 4],
      ['/networks/0/mac', 5],
    ]);
    write({ networks: [{ name: 'web' }] });
    expect(check(['--network-config', file]).problems).toMatchObject([
      { code: 'network.unknown', document: file, pointer: '/networks/0', line: 3 },
    ]);
    write({ ports: [{ hostPort: 1, containerPort: 1 }] });
    const [warning] = check(['--network-config', file]).warnings.filter(one => one.document === file);
    expect(warning).toMatchObject({ code: 'isolation.published', pointer: '/ports/0', line: 3 });
    const text = lan.oci('check', '--network-config', file, lan.bundle().dir).stdout;
    expect(text).toContain(`(${file}:3:3 /ports/0)`);
  });

  test('has the problem of a container without a network namespace of its own, also offline', () => {
    for (const flags of [[], ['--offline']]) {
      const { problems } = check(['--network', 'default', ...flags], bundle => bundle.namespace('network'));
      expect(problems).toMatchObject([{ code: 'config.network', pointer: '/linux/namespaces' }]);
    }
  });

  test('has the problem of an annotation that is not allowed', () => {
    const { problems } = check([], bundle => {
      bundle.config.annotations = { 'tsubo.attach.v1': '{"networks": [{"name": "default"}]}' };
    });
    expect(problems).toMatchObject([
      { code: 'network.not-allowed', pointer: '/annotations/tsubo.attach.v1', line: expect.any(Number) },
    ]);
  });
});
