// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const label = 'system_u:system_r:container_t:s0:c1,c2';

describe.skipIf(requires('root', 'busybox', 'no-lsm:apparmor', 'no-lsm:selinux'))(
  'labels where no security module takes them',
  () => {
    const box = sandbox();

    test.each<[string, string, (bundle: Bundle) => void]>([
      [
        '/process/apparmorProfile',
        'apparmor: config provided but apparmor not supported',
        made => {
          made.config.process.apparmorProfile = 'jar';
        },
      ],
      [
        '/process/selinuxLabel',
        'selinux label is specified in config, but selinux is disabled or not supported',
        made => {
          made.config.process.selinuxLabel = label;
        },
      ],
      [
        '/linux/mountLabel',
        'selinux label is specified in config, but selinux is disabled or not supported',
        made => {
          made.config.linux.mountLabel = 'system_u:object_r:container_file_t:s0';
        },
      ],
    ])('at %s refuse the create', (pointer, text, modify) => {
      const failure = box.refuses(box.bundle(modify));
      if (pointer !== '/linux/mountLabel' || !disagrees('runc', 'leaves a mount label to the kernel')) {
        expect(failure.message).toContain(text);
      }
      if (isTsubo) expect(failure.record).toMatchObject({ code: 'host.unsupported', pointer });
    });

    test.each([
      ['apparmorProfile', 'apparmor: config provided but apparmor not supported'],
      ['selinuxLabel', 'selinux label is specified in config, but selinux is disabled or not supported'],
    ])('refuse the exec of a document with %s', (name, text) => {
      const bundle = box.running();
      const file = join(box.mkdir('process'), 'process.json');
      writeFileSync(file, JSON.stringify({ args: ['/bin/true'], cwd: '/', [name]: label }));
      const failure = box.fails(['exec', '--process', file, bundle.id]);
      expect(failure.status).toBe(255);
      if (!disagrees('runc 1.1', 'checks the SELinux label of the container alone')) {
        expect(failure.message).toContain(text);
      }
      if (isTsubo) expect(failure.record).toMatchObject({ code: 'host.unsupported', pointer: `/${name}` });
    });

    test.each(['--apparmor', '--process-label'])('refuse the exec with %s', flag => {
      const bundle = box.running();
      const failure = box.fails(['exec', flag, label, bundle.id, '/bin/true']);
      expect(failure.status).toBe(255);
      if (isTsubo) expect(failure.record).toMatchObject({ code: 'host.unsupported', value: label });
      expect(box.must(['exec', flag, '', bundle.id, '/bin/true']).status).toBe(0);
    });
  },
);

describe.skipIf(requires('root', 'busybox', 'lsm:apparmor'))('the AppArmor profile', () => {
  const box = sandbox();

  test('is what the program runs under', () => {
    const printed = box.shell('cat /proc/self/attr/apparmor/current || cat /proc/self/attr/current', made => {
      made.config.process.apparmorProfile = 'unconfined';
    });
    expect(printed.trim()).toBe('unconfined');
  });

  test('that is not loaded fails the create at its place', () => {
    const failure = box.refuses(
      box.bundle(made => {
        made.config.process.apparmorProfile = 'no-such-jar';
      }),
    );
    expect(failure.message).toMatch(/\/proc\/[a-z-]+\/attr\/(apparmor\/)?exec/);
    if (isTsubo) {
      expect(failure.record).toMatchObject({
        code: 'container.label',
        pointer: '/process/apparmorProfile',
        errnoName: 'ENOENT',
      });
    }
  });
});
