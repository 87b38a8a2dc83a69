// SPDX-License-Identifier: Apache-2.0
// With the policy of test/vm/guest/policy.cil: jar_t may not read files of type jar_secret_t.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';
import { asUser, prepareUser, unprivileged } from '../helpers/user.ts';

const label = 'system_u:system_r:jar_t:s0:c1,c2';
const other = 'system_u:system_r:jar_t:s0:c3';
const mountLabel = 'system_u:object_r:jar_file_t:s0:c1,c2';
const unknown = 'system_u:system_r:no_such_t:s0';

/** Contexts in /proc end with a NUL, a space or a line feed. */
const trimmed = (text: string | undefined): string => (text ?? '').replace(/[\0\s]+$/, '');
const labelOf = (pid: number): string => trimmed(readFileSync(`/proc/${pid}/attr/current`, 'utf8'));

describe.skipIf(requires('root', 'busybox', 'selinux-policy'))('the SELinux label', () => {
  const box = sandbox();
  const byUser = sandbox('unified', asUser());
  prepareUser(byUser);

  const confined = (made: Bundle): void => {
    made.config.process.selinuxLabel = label;
    made.file('/etc/secret', 'secret');
    made.file('/etc/open', 'open');
    box.view.sh('chcon system_u:object_r:jar_secret_t:s0 "$1"', made.inRoot('etc/secret'));
  };

  test('applies to the program, inside and outside of the container, and is enforced', () => {
    const bundle = box.running(confined);
    expect(labelOf(box.state(bundle.id).pid)).toBe(label);
    const report = box.inside(confined, { probe: ['/etc/secret', '/etc/open', '/proc/self/attr/current'] });
    expect(trimmed(report.probes['/proc/self/attr/current']?.read?.text)).toBe(label);
    expect(report.probes['/etc/open']?.read?.text).toBe('open');
    expect(report.probes['/etc/secret']?.read).toMatchObject({ errno: 13 });
    // Without the label the secret is readable.
    const free = box.inside(
      made => {
        confined(made);
        delete made.config.process.selinuxLabel;
      },
      { probe: ['/etc/secret'] },
    );
    expect(free.probes['/etc/secret']?.read?.text).toBe('secret');
  });

  test('applies to the init at the exec of the program, and not before', () => {
    const bundle = box.created(confined);
    const { pid } = box.state(bundle.id);
    const before = labelOf(pid);
    expect(before).toBe('system_u:system_r:kernel_t:s0');
    box.must(['start', bundle.id]);
    expect(labelOf(pid)).toBe(label);
  });

  test('applies to the session keyring', () => {
    expect(trimmed(box.inside(confined).keyringLabel)).toBe(label);
  });

  test('applies to a program of exec that has no label of its own', () => {
    const bundle = box.running(confined);
    const look = 'cat /proc/self/attr/current; echo; cat /etc/secret || echo denied';
    const exec = (...flags: string[]): string =>
      box
        .must(['exec', ...flags, bundle.id, '/bin/sh', '-c', look])
        .stdout.replaceAll('\0', '')
        .replaceAll(' \n', '\n');
    expect(exec()).toBe(`${label}\ndenied\n`);
    expect(exec('--process-label', other)).toBe(`${other}\ndenied\n`);
    const file = join(box.mkdir('process'), 'process.json');
    const args = ['/bin/cat', '/proc/self/attr/current'];
    writeFileSync(file, JSON.stringify({ args, cwd: '/', selinuxLabel: other }));
    expect(trimmed(box.must(['exec', '--process', file, bundle.id]).stdout)).toBe(other);
  });

  test('applies to a program in a user namespace', () => {
    const bundle = box.running(made => {
      confined(made);
      made.userNamespace();
    });
    expect(labelOf(box.state(bundle.id).pid)).toBe(label);
  });

  test('applies to a program of a non-root user', () => {
    const bundle = byUser.running(made => {
      unprivileged(made);
      confined(made);
    });
    expect(labelOf(byUser.state(bundle.id).pid)).toBe(label);
  });

  test('applies without no_new_privs, and with a seccomp filter that is loaded early', () => {
    const bundle = box.running(made => {
      confined(made);
      made.config.process.noNewPrivileges = false;
      made.config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW' };
    });
    expect(labelOf(box.state(bundle.id).pid)).toBe(label);
  });

  test('that the policy does not define is reported by create with its pointer, and by exec', () => {
    const failure = box.refuses(
      box.bundle(made => {
        made.config.process.selinuxLabel = unknown;
      }),
    );
    expect(failure.message).toContain('invalid argument');
    if (isTsubo) {
      expect(failure.record).toMatchObject({
        code: 'container.label',
        pointer: '/process/selinuxLabel',
        value: unknown,
        errnoName: 'EINVAL',
      });
    }
    const bundle = box.running(confined);
    const refused = box.fails(['exec', '--process-label', unknown, bundle.id, '/bin/true']);
    expect(refused.message).toContain('invalid argument');
    if (isTsubo) expect(refused.record).toMatchObject({ code: 'container.label', value: unknown });
  });

  test('of mounts applies to all content of the new file systems of the container', () => {
    const bundle = box.running(made => {
      made.config.linux.mountLabel = mountLabel;
    });
    const { pid } = box.state(bundle.id);
    const contexts = box.view.sh(
      'cd "$1" && touch dev/shm/new && stat -c "%n %C" dev dev/null dev/shm/new dev/pts dev/pts/ptmx dev/mqueue proc etc',
      `/proc/${pid}/root`,
    );
    expect(contexts.trim().split('\n')).toEqual([
      ...['dev', 'dev/null', 'dev/shm/new', 'dev/pts', 'dev/pts/ptmx', 'dev/mqueue'].map(
        name => `${name} ${mountLabel}`,
      ),
      'proc system_u:object_r:file_t:s0',
      'etc system_u:object_r:file_t:s0',
    ]);
    expect(readFileSync(`/proc/${pid}/mounts`, 'utf8')).toMatch(
      /^\w+ \/dev\/shm tmpfs \S*context="?system_u:object_r:jar_file_t:s0:c1,c2/m,
    );
  });

  test.for([
    ['an option for each layer', []],
    ['one call for all layers', ['setarch', '--uname-2.6']],
  ] as const)('of mounts applies to a root of layers that is made by %s', ([, before], context) => {
    context.skip(!isTsubo, 'other runtimes have no root of layers or no mountLabel on it');
    const bundle = box.bundle(made => {
      made.config.linux.mountLabel = mountLabel;
      const [image, layer] = ['image', 'layer'].map(name => join(made.dir, name)) as [string, string];
      box.view.sh('mv "$1" "$2" && mkdir "$1" "$3"', made.rootfs, image, layer);
      const options = [`lowerdir=${layer}:${image}`];
      made.config.mounts.unshift({ destination: '/', type: 'overlay', source: 'overlay', options });
      made.config.process.args = ['/bin/sleep', '1000'];
    });
    const done = box.view.exec([...before, ...box.command('create', '--bundle', bundle.dir, bundle.id)], {
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    expect(done.status).toBe(0);
    const { pid } = box.state(bundle.id);
    const contexts = box.view.sh('cd "$1" && stat -c %C . etc etc/passwd', `/proc/${pid}/root`);
    expect(contexts.trim().split('\n')).toEqual([mountLabel, mountLabel, mountLabel]);
  });

  test('of mounts is overridden by the context option of a mount', context => {
    skipWhere(context, 'runc', 'passes both contexts to the mount, which the kernel refuses');
    const own = 'system_u:object_r:jar_file_t:s0:c3';
    const bundle = box.running(made => {
      made.config.linux.mountLabel = mountLabel;
      made.mount('/dev/shm').options.push(`context=${own}`);
    });
    const { pid } = box.state(bundle.id);
    const path = `/proc/${pid}/root/dev/shm`;
    expect(box.view.sh('stat -c %C "$1"', path).trim()).toBe(own);
  });

  test('of mounts that the policy does not define is reported with its pointer', () => {
    for (const unmounted of [[], ['/dev', '/dev/pts', '/dev/shm', '/dev/mqueue']]) {
      const failure = box.refuses(
        box.bundle(made => {
          made.config.linux.mountLabel = unknown;
          for (const destination of unmounted) made.unmount(destination);
          if (unmounted.length > 0) {
            made.config.mounts.push({ destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue' });
          }
        }),
      );
      expect(failure.message).toContain('invalid argument');
      if (isTsubo) {
        expect(failure.record).toMatchObject({ code: 'container.mount', pointer: '/linux/mountLabel' });
      }
    }
  });
});
