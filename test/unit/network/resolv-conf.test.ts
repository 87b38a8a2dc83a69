// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { hostsFile } from '../../../src/network/hosts-file.ts';
import { containerResolvConf } from '../../../src/network/resolv-conf.ts';

describe('the resolv.conf of a container', () => {
  const both = { ipv6: true };

  it('has the servers of the host that the container can reach, and the other lines', () => {
    const host = [
      '# made by hand',
      'nameserver 127.0.0.53',
      'nameserver 192.0.2.53',
      'nameserver ::1',
      'nameserver fe80::1%eth0',
      'nameserver fe80::1',
      'nameserver 2001:db8::53',
      'search example.org',
      'options edns0',
      '',
    ].join('\n');
    const kept = 'nameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch example.org\noptions edns0\n';
    expect(containerResolvConf(host, both)).toBe(kept);
    expect(containerResolvConf(host, { ipv6: false })).toBe(kept.replace('nameserver 2001:db8::53\n', ''));
  });

  it.each([
    ['nothing', ''],
    ['a server on loopback', 'nameserver 127.0.0.53\noptions edns0\n'],
    ['a server without an address', 'nameserver\nnameserver example.org\nnameserver 0.0.0.0\n'],
  ])('cannot be made from %s', (_, text) => {
    expect(containerResolvConf(text, both)).toBeUndefined();
  });
});

describe('the hosts file of a container', () => {
  it('has its names beside each of its addresses', () => {
    expect(hostsFile(['10.63.0.2', 'fd00::2'], ['web', 'www'])).toBe(
      '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n10.63.0.2\tweb www\nfd00::2\tweb www\n',
    );
  });
});
