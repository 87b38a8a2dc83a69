// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';
import { asUser, prepareUser, unprivileged } from '../helpers/user.ts';

const label = 'system_u:system_r:container_t:s0:c1,c2';

describe.skipIf(requires('root', 'busybox', 'no-lsm:apparmor', 'no-lsm:selinux'))(
  'labels without an enabled security module',
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
    ])('at %s fail the create', (pointer, text, modify) => {
      const failure = box.refuses(box.bundle(modify));
      if (pointer !== '/linux/mountLabel' || !disagrees('runc', 'does not validate a mount label')) {
        expect(failure.message).toContain(text);
      }
      if (isTsubo) expect(failure.record).toMatchObject({ code: 'host.unsupported', pointer });
    });

    test.each([
      ['apparmorProfile', 'apparmor: config provided but apparmor not supported'],
      ['selinuxLabel', 'selinux label is specified in config, but selinux is disabled or not supported'],
    ])('fail the exec of a document with %s', (name, text) => {
      const bundle = box.running();
      const file = join(box.mkdir('process'), 'process.json');
      writeFileSync(file, JSON.stringify({ args: ['/bin/true'], cwd: '/', [name]: label }));
      const failure = box.fails(['exec', '--process', file, bundle.id]);
      expect(failure.status).toBe(255);
      if (!disagrees('runc 1.1', 'validates only the SELinux label of the container')) {
        expect(failure.message).toContain(text);
      }
      if (isTsubo) expect(failure.record).toMatchObject({ code: 'host.unsupported', pointer: `/${name}` });
    });

    test.each(['--apparmor', '--process-label'])('fail the exec with %s', flag => {
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

  test('is that of the program', () => {
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
    if (!disagrees('runc', 'reports another path of the file')) {
      expect(failure.message).toMatch(/\/proc\/[a-z-]+\/attr\/(apparmor\/)?exec/);
    }
    if (isTsubo) {
      expect(failure.record).toMatchObject({
        code: 'container.label',
        pointer: '/process/apparmorProfile',
        errnoName: 'ENOENT',
      });
    }
  });
});

/** Denies the secret and allows everything else. */
const rules = `{
  capability, network, signal, unix, ptrace, mount, umount, pivot_root,
  file,
  deny /etc/secret rwklx,
}`;

describe.skipIf(requires('root', 'busybox', 'lsm:apparmor', 'apparmor_parser'))(
  'an AppArmor profile that is loaded',
  () => {
    const box = sandbox();
    const byUser = sandbox('unified', asUser());
    prepareUser(byUser);
    /** Also part of the names, so that no other test uses them. */
    const [init, executed] = ['jar-of-init', 'jar-of-exec'] as const;
    const profiles = [init, executed]
      .map(name => `profile ${name} flags=(attach_disconnected, mediate_deleted) ${rules}\n`)
      .join('');
    const load = (flag: string) =>
      spawnSync('apparmor_parser', ['--skip-cache', flag], { input: profiles, encoding: 'utf8' });
    beforeAll(() => expect(load('--replace')).toMatchObject({ status: 0 }));
    afterAll(() => expect(load('--remove')).toMatchObject({ status: 0 }));

    const look = 'cat /proc/self/attr/current; cat /etc/secret || echo denied';
    const confined = (made: Bundle): void => {
      made.config.process.apparmorProfile = init;
      made.file('/etc/secret', 'secret');
      made.file('/etc/open', 'open ');
    };
    const profileOf = (pid: number): string =>
      readFileSync(`/proc/${pid}/attr/apparmor/current`, 'utf8').trim();

    test('applies to the program, seen from inside and outside, and its denials take effect', () => {
      const bundle = box.running(confined);
      expect(profileOf(box.state(bundle.id).pid)).toBe(`${init} (enforce)`);
      const report = box.inside(confined, { probe: ['/etc/secret', '/etc/open', '/proc/self/attr/current'] });
      expect(report.probes['/proc/self/attr/current']?.read?.text?.trim()).toBe(`${init} (enforce)`);
      expect(report.probes['/etc/open']?.read?.text).toBe('open ');
      expect(report.probes['/etc/secret']?.read).toMatchObject({ errno: 13 });
      // Without the profile the secret is readable.
      const free = box.inside(also => also.file('/etc/secret', 'secret'), { probe: ['/etc/secret'] });
      expect(free.probes['/etc/secret']?.read?.text).toBe('secret');
    });

    test('applies to the init at the exec of the program, and not before', () => {
      const bundle = box.created(confined);
      const { pid } = box.state(bundle.id);
      expect(profileOf(pid)).toBe('unconfined');
      box.must(['start', bundle.id]);
      expect(profileOf(pid)).toBe(`${init} (enforce)`);
    });

    test('applies to executed programs unless they have another', () => {
      const bundle = box.running(confined);
      const exec = (...flags: string[]) =>
        box.must(['exec', ...flags, bundle.id, '/bin/sh', '-c', look]).stdout;
      expect(exec()).toBe(`${init} (enforce)\ndenied\n`);
      expect(exec('--apparmor', executed)).toBe(`${executed} (enforce)\ndenied\n`);
    });

    test('applies to a program in a user namespace', () => {
      const bundle = box.running(made => {
        confined(made);
        made.userNamespace();
      });
      expect(profileOf(box.state(bundle.id).pid)).toBe(`${init} (enforce)`);
    });

    test('applies to a program of a non-root user, whose /proc is masked', () => {
      const bundle = byUser.running(made => {
        unprivileged(made);
        confined(made);
      });
      expect(profileOf(byUser.state(bundle.id).pid)).toBe(`${init} (enforce)`);
    });

    test('applies without no_new_privs, and with a seccomp filter that is loaded early', () => {
      const bundle = box.running(made => {
        confined(made);
        made.config.process.noNewPrivileges = false;
        made.config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW' };
      });
      expect(profileOf(box.state(bundle.id).pid)).toBe(`${init} (enforce)`);
    });
  },
);
