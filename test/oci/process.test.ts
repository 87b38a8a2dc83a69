// SPDX-License-Identifier: Apache-2.0
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox'))('the process of a container', () => {
  const box = sandbox();
  const path = 'PATH=/usr/sbin:/usr/bin:/sbin:/bin';

  test('has its arguments unchanged', () => {
    const report = box.inside(bundle => {
      bundle.config.process.args = ['/bin/inside', '', 'two words', '$HOME', 'ä'];
    });
    expect(report.args).toEqual(['/bin/inside', '', 'two words', '$HOME', 'Ã¤']);
  });

  test('is found in the PATH of the container', () => {
    const report = box.inside(bundle => {
      bundle.config.process.args = ['inside'];
      bundle.config.process.env = ['PATH=/nowhere:/bin'];
    });
    expect(report.exe).toBe('/bin/inside');
    expect(report.args).toEqual(['inside']);
  });

  test('is resolved from its working directory if its name has a slash', () => {
    const report = box.inside(bundle => {
      bundle.config.process.args = ['./inside'];
      bundle.config.process.cwd = '/bin';
    });
    expect(report.exe).toBe('/bin/inside');
  });

  test.each<[string, string[], (bundle: Bundle) => void, string]>([
    ['is nowhere in PATH', ['nope'], () => {}, 'exec: "nope": executable file not found in $PATH'],
    [
      'is searched without a PATH',
      ['inside'],
      b => (b.config.process.env = []),
      'exec: "inside": executable file not found in $PATH',
    ],
    [
      'does not exist',
      ['/bin/nope'],
      () => {},
      'exec: "/bin/nope": stat /bin/nope: no such file or directory',
    ],
    ['may not be executed', ['/etc/passwd'], () => {}, 'exec: "/etc/passwd": permission denied'],
  ])('fails at create with the text that engines match if the program %s', (_, args, modify, text) => {
    const bundle = box.bundle(made => {
      made.config.process.args = args;
      modify(made);
    });
    const failure = box.refuses(bundle);
    expect(failure.message).toContain(text);
    if (isTsubo) expect(failure.record.pointer).toBe('/process/args/0');
  });

  test('that is a directory is refused at create', () => {
    const bundle = box.bundle(made => {
      made.config.process.args = ['/bin'];
    });
    expect(box.refuses(bundle).message).toMatch(/exec: "\/bin": (is a directory|permission denied)/);
  });

  test('that the kernel refuses is reported by run as one line alone, and in the log with its pointer', context => {
    const bundle = box.bundle(made => {
      made.config.process.args = ['/run.sh'];
      made.file('run.sh', '#!/mmnnttbb foo bar\nsh\n');
      chmodSync(made.inRoot('run.sh'), 0o755);
    });
    skipWhere(context, 'runc 1.1', 'writes a record of its own beside the line');
    const done = box.run(bundle);
    expect([done.status, done.stdout, done.stderr]).toEqual([
      1,
      '',
      'exec /run.sh: no such file or directory\n',
    ]);
    if (!isTsubo) return;
    const { record } = box.fails(['run', '--bundle', bundle.dir, bundle.id]);
    expect(record.msg).toMatch(
      /^tsubo run failed: unable to start container process: exec \/run\.sh: no such file /,
    );
    expect(record.pointer).toBe('/process/args/0');
  });

  describe('environment', () => {
    test('has the values of the config, and HOME', () => {
      const report = box.inside(bundle => {
        bundle.config.process.env = [path, 'EMPTY=', 'EQUALS=a=b', 'LINES=one\ntwo'];
      });
      expect([...report.env].sort()).toEqual(
        ['EMPTY=', 'EQUALS=a=b', 'HOME=/root', 'LINES=one\ntwo', path].sort(),
      );
    });

    test('has no value of the runtime', () => {
      const report = box.inside(undefined, {
        exec: { env: { PATH: '/usr/bin:/bin', SECRET: 'of the host' } },
      });
      expect(report.env.join(' ')).not.toMatch(/SECRET|LIBCONTAINER|TSUBO/);
    });

    test('has the last of two values for one name', () => {
      const report = box.inside(bundle => {
        bundle.config.process.env = [path, 'ONE=first', 'TWO=2', 'ONE=last'];
      });
      expect(report.env.filter(entry => entry.startsWith('ONE='))).toEqual(['ONE=last']);
    });

    test('keeps a given HOME', () => {
      const report = box.inside(bundle => {
        bundle.config.process.env = [path, 'HOME=/elsewhere'];
      });
      expect(report.env).toContain('HOME=/elsewhere');
    });

    test('has the HOME from the passwd file of the container', () => {
      const report = box.inside(bundle => {
        bundle.config.process.user = { uid: 1000, gid: 1000 };
      });
      expect(report.env).toContain('HOME=/home/lady');
    });

    test.each([
      ['a user who is not in passwd', 4711],
      ['a container whose passwd is empty', 0],
    ])('has / as HOME for %s', (_, uid) => {
      const report = box.inside(bundle => {
        bundle.config.process.user = { uid, gid: 0 };
        bundle.file('etc/passwd', '');
      });
      expect(report.env).toContain('HOME=/');
    });

    test.each<[string, string, string]>([
      ['a FIFO', 'mkfifo "$1"', '/'],
      ['a directory', 'mkdir "$1"', '/'],
      ['a link to itself', 'ln -s passwd "$1"', '/'],
      ['a link to a FIFO', 'mkfifo "$1.fifo"; ln -s passwd.fifo "$1"', '/'],
      ['a device', 'mknod "$1" c 1 5', '/'],
      ['a line without its end', 'printf "lady:x:1000:1000::/home/lady:/bin/sh" >"$1"', '/home/lady'],
      [
        'a line of 100 kB before that of the user',
        'head -c 100000 /dev/zero | tr "\\0" x >"$1"; printf ":x:7:7::/seven:/bin/sh\\nlady:x:1000:1000::/home/lady:/bin/sh\\n" >>"$1"',
        '/home/lady',
      ],
    ])('has a HOME and does not block if passwd is %s', (_, script, home) => {
      const report = box.inside(bundle => {
        bundle.config.process.user = { uid: 1000, gid: 1000 };
        box.view.sh(`rm -f "$1"; ${script}`, bundle.inRoot('etc/passwd'));
      });
      expect(report.env.filter(entry => entry.startsWith('HOME='))).toEqual([`HOME=${home}`]);
    });

    test('has the default HOME if the config has an empty one', () => {
      const report = box.inside(bundle => {
        bundle.config.process.env = [path, 'HOME='];
      });
      const home = report.env.filter(entry => entry.startsWith('HOME='));
      expect(home).toEqual(['HOME=/root']);
    });
  });

  describe('working directory', () => {
    test('is that of the config', () => {
      expect(box.inside(bundle => (bundle.config.process.cwd = '/usr')).cwd).toBe('/usr');
    });

    test('is created if it is missing', () => {
      const report = box.inside(
        bundle => {
          bundle.config.process.cwd = '/made/for/me';
        },
        { probe: ['/made', '/made/for/me'] },
      );
      expect(report.cwd).toBe('/made/for/me');
      for (const directory of ['/made', '/made/for/me']) {
        expect(report.probes[directory]).toMatchObject({ kind: 'directory', mode: 0o755, uid: 0, gid: 0 });
      }
    });

    test('may be inaccessible to the user, because root enters it first', () => {
      const report = box.inside(bundle => {
        bundle.config.process.user = { uid: 1000, gid: 1000 };
        bundle.config.process.cwd = '/closed';
        bundle.directory('closed');
        chmodSync(bundle.inRoot('closed'), 0o700);
      });
      expect(report.cwd).toBe('/closed');
    });

    test('may be accessible to the user alone', () => {
      const report = box.inside(bundle => {
        bundle.config.process.user = { uid: 1000, gid: 1000 };
        bundle.config.process.cwd = '/own';
        mkdirSync(bundle.inRoot('own'), { mode: 0o700 });
        chownSync(bundle.inRoot('own'), 1000, 1000);
      });
      expect(report.cwd).toBe('/own');
    });

    test('that is a file is refused with the text that engines match', () => {
      const bundle = box.bundle(made => {
        made.config.process.cwd = '/etc/passwd';
      });
      const done = box.run(bundle);
      expect(done.status).toBe(1);
      expect(done.stderr).toContain('not a directory');
    });

    test('cannot leave the container through a descriptor of the runtime', () => {
      for (let fd = 3; fd < 12; fd++) {
        const bundle = box.bundle(made => {
          made.shell('test -e usr/bin/env && echo escaped || true');
          made.config.process.cwd = `/proc/self/fd/${fd}`;
        });
        // Refused, or a harmless place inside.
        expect(box.run(bundle).stdout).not.toContain('escaped');
      }
    });
  });

  describe('user', () => {
    test('is root without groups by default', () => {
      const report = box.inside();
      expect(report).toMatchObject({ uids: [0, 0, 0], gids: [0, 0, 0], groups: [] });
    });

    test('has the uid, the gid and the additional groups', () => {
      const report = box.inside(bundle => {
        bundle.config.process.user = { uid: 1000, gid: 1001, additionalGids: [5, 10, 70000] };
      });
      expect(report).toMatchObject({
        uids: [1000, 1000, 1000],
        gids: [1001, 1001, 1001],
        groups: [5, 10, 70000],
      });
    });

    test('need not be in passwd', () => {
      const report = box.inside(bundle => {
        bundle.config.process.user = { uid: 2_000_000_000, gid: 1_999_999_999 };
      });
      expect(report).toMatchObject({
        uids: Array(3).fill(2_000_000_000),
        gids: Array(3).fill(1_999_999_999),
      });
    });

    test('may have any id except the last one', () => {
      const bundle = box.bundle(made => {
        made.config.process.user = { uid: 4_294_967_294, gid: 4_000_000_000 };
      });
      if (disagrees('runc', 'accepts only user and group ids below 2^31')) {
        expect(box.refuses(bundle).message).toContain('uids and gids must be in range 0-2147483647');
      } else {
        expect(parseReport(box.run(bundle).stdout)).toMatchObject({ uids: Array(3).fill(4_294_967_294) });
      }
    });

    test('can reopen its pipes', () => {
      const bundle = box.bundle(made => {
        made.config.process.user = { uid: 1000, gid: 1000 };
        made.shell('echo again >/dev/stdout');
      });
      const command = box.command('run', '--bundle', bundle.dir, bundle.id);
      // A pipe of the shell: a pipe of Node is a socket, which cannot be opened.
      const done = box.view.exec(['/bin/sh', '-c', '"$@" | cat', 'sh', ...command]);
      expect(done).toMatchObject({ stdout: 'again\n', stderr: '' });
    });

    test('has umask 0022 by default', () => {
      expect(box.inside(undefined, { exec: { env: { PATH: '/bin' } } }).umask).toBe(0o022);
    });

    test('has the umask of the config', () => {
      expect(box.inside(bundle => (bundle.config.process.user.umask = 0o077)).umask).toBe(0o077);
      expect(box.inside(bundle => (bundle.config.process.user.umask = 0)).umask).toBe(0);
    });
  });

  test('starts a new session', () => {
    expect(box.inside()).toMatchObject({ pid: 1, ppid: 0, sid: 1, pgid: 1 });
  });

  test('has no death signal and no blocked signals, and is dumpable', () => {
    const report = box.inside();
    expect(report).toMatchObject({ parentDeathSignal: 0, dumpable: 1, securebits: 0 });
    expect(report.status['SigBlk']).toBe('0000000000000000');
  });

  test('does not inherit ignored signals from the caller', () => {
    const bundle = box.bundle();
    const command = box.command('run', '--bundle', bundle.dir, bundle.id);
    const done = box.view.exec(['/bin/sh', '-c', 'trap "" HUP USR1 TERM; exec "$@"', 'sh', ...command]);
    expect(done.status).toBe(0);
    expect(parseReport(done.stdout).status['SigIgn']).toBe('0000000000000000');
  });

  test.each([true, false])('has noNewPrivileges %s', value => {
    const report = box.inside(bundle => {
      bundle.config.process.noNewPrivileges = value;
    });
    expect(report.noNewPrivileges).toBe(value ? 1 : 0);
  });

  test('has no noNewPrivileges by default', () => {
    const report = box.inside(bundle => {
      delete bundle.config.process.noNewPrivileges;
    });
    expect(report.noNewPrivileges).toBe(0);
  });

  test.each([1000, 1, 0])('has oomScoreAdj %i', value => {
    const report = box.inside(bundle => {
      bundle.config.process.oomScoreAdj = value;
    });
    expect(report.oomScoreAdj).toBe(`${value}\n`);
  });

  test('keeps the oomScoreAdj of the runtime by default', () => {
    const bundle = box.bundle(made => made.shell('cat /proc/self/oom_score_adj'));
    const command = box.command('run', '--bundle', bundle.dir, bundle.id);
    const done = box.view.exec([
      '/bin/sh',
      '-c',
      'echo 321 > /proc/self/oom_score_adj; exec "$@"',
      'sh',
      ...command,
    ]);
    expect(done.stdout).toBe('321\n');
  });

  describe('session keyring', () => {
    test('is new, with the name that engines expect', () => {
      const bundle = box.bundle();
      const report = box.run(bundle);
      const keyring = (JSON.parse(report.stdout) as { sessionKeyring: string }).sessionKeyring;
      expect(keyring.split(';').at(-1)).toBe(`_ses.${bundle.id}`);
    });

    test('is that of the caller with --no-new-keyring', () => {
      const before = box.inside(undefined, { flags: ['--no-new-keyring'] }).sessionKeyring;
      expect(before?.split(';').at(-1)).not.toMatch(/^_ses\./);
    });
  });
});
