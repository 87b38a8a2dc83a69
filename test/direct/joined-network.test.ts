// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, test } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';

const skipped = requires('root', 'busybox', 'filesystem:overlay', 'ip', 'nft');

describe.skipIf(skipped)('a container with the network of another one', () => {
  const machine = directMachine();
  beforeEach(() => {
    machine.image('busybox');
  });
  const names = 'hostname; cat /etc/hosts /etc/resolv.conf';
  const inside = (name: string, script: string) => machine.done('exec', name, 'sh', '-c', script);

  test('has its interfaces, its loopback, its host name, and its names', () => {
    machine.detached(
      '--name',
      'web',
      '--hostname',
      'jar',
      'busybox',
      'sh',
      '-c',
      'exec nc -l -p 80 -e echo served',
    );
    const id = machine.detached('--network', 'container:web', '--name', 'side', 'busybox', 'sleep', '1000');
    expect(inside('side', 'readlink /proc/self/ns/net')).toBe(inside('web', 'readlink /proc/self/ns/net'));
    expect(inside('side', names)).toBe(inside('web', names));
    expect(inside('side', 'hostname')).toBe('jar\n');
    expect(inside('side', 'nc 127.0.0.1 80 </dev/null')).toBe('served\n');
    const web = machine.inspect('web').Id;
    expect(machine.inspect(id)).toMatchObject({ HostConfig: { NetworkMode: `container:${web}` } });
  });

  test('keeps the network when the other one ends, and cannot be started without it', () => {
    machine.detached('--name', 'web', 'busybox', 'sleep', '1000');
    machine.detached('--network', 'container:web', '--name', 'side', 'busybox', 'sleep', '1000');
    const first = inside('side', 'ip -o addr show lo');
    machine.done('stop', '-t', '0', 'web');
    expect(inside('side', 'ip -o addr show lo')).toBe(first);
    machine.done('stop', '-t', '0', 'side');
    expect(machine.fails(1, 'start', 'side')).toMatchObject({
      code: 'direct.not-running',
      msg: expect.stringContaining('cannot join network of a non running container: web'),
    });
    // With the new network of the next run.
    machine.done('start', 'web');
    machine.done('start', 'side');
    expect(inside('side', 'readlink /proc/self/ns/net')).toBe(inside('web', 'readlink /proc/self/ns/net'));
    expect(inside('side', names)).toBe(inside('web', names));
    machine.done('rm', '-f', 'web');
    machine.done('stop', '-t', '0', 'side');
    expect(machine.fails(1, 'start', 'side')).toMatchObject({ code: 'direct.no-container' });
  });

  test('is made for a container that does not run, and then started only with it', () => {
    machine.done('create', '--name', 'web', '--network', 'none', 'busybox', 'sleep', '1000');
    machine.done('create', '--name', 'side', '--network', 'container:web', 'busybox', 'sleep', '1000');
    expect(machine.fails(1, 'start', 'side').code).toBe('direct.not-running');
    machine.done('start', 'web');
    machine.done('start', 'side');
    expect(inside('side', names)).toBe(inside('web', names));
  });

  test('is refused with options that belong to the other one', () => {
    machine.done('create', '--name', 'web', '--network', 'none', 'busybox', 'true');
    const conflicts: readonly (readonly [words: readonly string[], text: string])[] = [
      [['-p', '80:80'], 'conflicting options: port publishing and the container type network mode'],
      [['-P'], 'conflicting options: port publishing and the container type network mode'],
      [['--expose', '80'], 'conflicting options: port exposing and the container type network mode'],
      [['--hostname', 'jar'], 'conflicting options: hostname and the network mode'],
      [['--dns', '10.0.0.1'], 'conflicting options: dns and the network mode'],
      [['--add-host', 'db:10.0.0.5'], 'conflicting options: custom host-to-IP mapping and the network mode'],
      [['--ip', '10.0.0.9'], 'the addresses are those of the container web'],
      [['--network', 'default'], 'it cannot be combined with another network'],
    ];
    for (const [words, text] of conflicts) {
      const failure = machine.fails(125, 'run', '--network', 'container:web', ...words, 'busybox', 'true');
      expect({ words, ...failure }).toMatchObject({
        words,
        code: 'usage.bad-value',
        msg: expect.stringContaining(text),
      });
    }
  });

  test('is refused if there is no such container', () => {
    const words = ['--network', 'container:none', 'busybox', 'true'];
    expect(machine.fails(125, 'run', ...words).code).toBe('direct.no-container');
    expect(machine.directory('containers')).toEqual([]);
  });
});
