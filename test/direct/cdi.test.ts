// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';

const skipped = requires('root', 'busybox', 'filesystem:overlay', 'ip', 'nft');

describe.skipIf(skipped)('a container with --device vendor.com/class=name', () => {
  const machine = directMachine();
  beforeEach(() => {
    machine.image('busybox');
  });

  test('has the device of the vendor at each start, as the file defines it at that time', () => {
    const etc = join(machine.box.dir, 'etc');
    mkdirSync(join(etc, 'cdi'), { recursive: true });
    machine.box.view.sh(
      'mount -t overlay -o "lowerdir=$1:/etc" overlay /etc && mount --bind "$1/cdi" /etc/cdi',
      etc,
    );
    try {
      const write = (variable: string) =>
        writeFileSync(
          join(etc, 'cdi/vendor.json'),
          JSON.stringify({
            cdiVersion: '0.6.0',
            kind: 'vendor.com/gpu',
            devices: [
              {
                name: '0',
                containerEdits: {
                  env: [variable],
                  deviceNodes: [{ path: '/dev/gpu0', hostPath: '/dev/zero' }],
                },
              },
            ],
          }),
        );
      write('DRIVER=1');
      const flags = ['--network', 'none', '--device', 'vendor.com/gpu=0', '--device', '/dev/full:/dev/f'];
      const script = 'stat -c "%n %t:%T" /dev/gpu0 /dev/f; head -c 2 /dev/gpu0 | wc -c; echo $DRIVER';
      const out = (driver: number) => `/dev/gpu0 1:5\n/dev/f 1:7\n2\n${driver}\n`;
      expect(
        machine.container('run', '--name', 'gpu', ...flags, 'busybox', 'sh', '-c', script),
      ).toMatchObject({
        stdout: out(1),
        status: 0,
      });
      write('DRIVER=2');
      expect(machine.container('start', '--attach', 'gpu')).toMatchObject({ stdout: out(2), status: 0 });
      machine.container('rm', 'gpu');
      machine.fails(125, 'run', '--rm', '--device', 'vendor.com/gpu=1', 'busybox');
    } finally {
      machine.box.view.sh('umount /etc/cdi; umount /etc');
    }
  });
});
