// SPDX-License-Identifier: Apache-2.0
// Attacks on the runtime that no other file tries; test/security/attacks.ts has the list of all.
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Bundle, bind, tmpfs } from '../helpers/bundle.ts';
import { helperProgram, mountAt, parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, skipWhere } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';
import { withFile } from '../helpers/view.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2', 'g++'))('a hostile container', () => {
  const box = sandbox();

  test('cannot write to the program of the init after its execution (CVE-2019-5736)', context => {
    skipWhere(context, 'runc', 'runs its init as a clone of its own executable');
    skipWhere(context, 'crun', 'runs its init as a clone of its own executable');
    const bundle = box.created();
    const { pid } = box.state(bundle.id);
    // Like an attacker, it keeps the file, and opens it for writing when no process executes it any more.
    const fd = openSync(`/proc/${pid}/exe`, 'r');
    try {
      box.must(['start', bundle.id]);
      expect(readlinkSync(`/proc/${pid}/exe`)).toMatch(/busybox$/);
      const path = `/proc/self/fd/${fd}`;
      const written = () => withFile(path, 'r+', file => writeFileSync(file, 'changed'));
      expect(written).toThrow('EPERM');
      expect(readFileSync(path).subarray(0, 4).toString('latin1')).toBe('\x7fELF');
    } finally {
      closeSync(fd);
    }
  });

  test('that is executed as /proc/self/exe leaves the runtime unchanged (CVE-2019-5736)', () => {
    const before = readFileSync(box.command()[0] as string);
    const bundle = box.running(made => {
      made.file('/bin/trap', '#!/proc/self/exe\n', 0o755);
    });
    for (const program of ['/proc/self/exe', '/bin/trap', '/proc/1/exe']) {
      box.oci(['exec', bundle.id, program, '--version']);
      box.oci(['exec', bundle.id, '/bin/sh', '-c', `echo changed >${program}`]);
    }
    expect(readFileSync(box.command()[0] as string).equals(before)).toBe(true);
    box.must(['exec', bundle.id, '/bin/true']);
  });

  /** A volume in which another container repeatedly exchanges the directory `target` for a link out of the root. */
  const racing = async (swap: (volume: string, outside: string) => void) => {
    const volume = box.mkdir('volume');
    const outside = box.mkdir('outside');
    swap(volume, outside);
    const attacker = box.bundle(made => {
      made.file('/bin/swapper', readFileSync(helperProgram('swapper')), 0o755);
      made.config.mounts.push(bind(volume, '/volume'));
      made.config.process.args = ['/bin/swapper', '/volume/target', '/volume/link'];
    });
    const running = box.spawn(['run', '--bundle', attacker.dir, attacker.id]);
    await until('it is ready', () => running.stdout() === 'ready\n');
    const isLink = () => lstatSync(join(volume, 'target')).isSymbolicLink();
    await until('the path is a link', isLink);
    await until('the path is a directory', () => !isLink());
    return {
      volume,
      outside,
      end: async () => {
        box.must(['kill', attacker.id, 'KILL']);
        await running.ended;
        // It has exchanged the paths until its end.
        expect(running.stderr()).toBe('');
      },
    };
  };

  const links: [string, (outside: string) => string][] = [
    ['an absolute link', outside => outside],
    ['a relative link', outside => `../../../../../../../../../..${outside}`],
  ];

  test.each(links)(
    'that exchanges the targets of mounts for %s gets nothing outside the root of another (CVE-2021-30465)',
    async (_, link) => {
      const race = await racing((volume, outside) => {
        mkdirSync(join(volume, 'target'));
        symlinkSync(link(outside), join(volume, 'link'));
      });
      let ran = 0;
      for (let round = 0; round < 25 || (ran === 0 && round < 1000); round++) {
        const victim = box.bundle(made => {
          made.config.mounts.push(
            bind(race.volume, '/volume'),
            tmpfs('/volume/target/new/deep'),
            bind(join(box.source(), 'note'), '/volume/target/file'),
          );
          made.config.process.args = ['/bin/inside'];
        });
        const done = box.run(victim);
        // The directory may be made, and the mount refused, because the path has become another one in between.
        if (done.status !== 0) continue;
        ran += 1;
        const at = parseReport(done.stdout).mounts.map(mount => mount.target);
        expect(at.filter(target => target.endsWith('/new/deep'))).toHaveLength(1);
      }
      await race.end();
      expect(ran).toBeGreaterThan(0);
      // Neither a directory nor a file was made there (CVE-2024-45310).
      expect(readdirSync(race.outside)).toEqual([]);
    },
  );

  test('that exchanges the target of a proc for a link never leads it away (CVE-2019-19921)', async () => {
    // A second proc, because the /proc of the root cannot be in a volume.
    const race = await racing((volume, outside) => {
      mkdirSync(join(volume, 'target'));
      mkdirSync(join(volume, 'false'));
      symlinkSync('false', join(volume, 'link'));
      writeFileSync(join(outside, 'note'), '');
    });
    let [ran, refused] = [0, 0];
    for (let round = 0; round < 25; round++) {
      const victim = box.bundle(made => {
        made.config.mounts.push(bind(race.volume, '/volume'), {
          destination: '/volume/target',
          type: 'proc',
          source: 'proc',
        });
        made.config.process.args = ['/bin/inside'];
      });
      const done = box.run(victim);
      if (done.status !== 0) {
        expect(done.stderr).toMatch(/must be mounted on ordinary directory|not a directory|symbolic link/);
        refused += 1;
        continue;
      }
      ran += 1;
      const at = parseReport(done.stdout).mounts.map(mount => mount.target);
      expect(at).not.toContain('/volume/false');
    }
    await race.end();
    expect(ran + refused).toBe(25);
    expect(readdirSync(race.outside)).toEqual(['note']);
  });

  test('cannot lead the directory of an exec out through a descriptor (CVE-2024-21626)', () => {
    const bundle = box.running();
    for (let fd = 3; fd < 16; fd++) {
      const args = ['--cwd', `/proc/self/fd/${fd}`, bundle.id];
      const stdio = ['ignore', 'pipe', 'pipe'] as const;
      const done = withFile(box.dir, 'r', open =>
        box.oci(['exec', ...args, '/bin/ls', '-d', 'programs', 'state'], {
          stdio: [...stdio, ...Array<number>(fd - 2).fill(open)],
        }),
      );
      // Refused, or a harmless place inside.
      expect(done.stdout).not.toMatch(/programs|state/);
    }
  });

  test('has no descriptor of the caller in its hooks', () => {
    const seen = box.mkdir('seen');
    const inside = box.mkdir('seen-inside');
    const list = (file: string) => `for fd in /proc/self/fd/*; do readlink $fd; done >${file}; true`;
    const bundle = box.bundle(made => {
      const hook = (file: string) => [
        { path: '/bin/sh', args: ['sh', '-c', list(file)], env: ['PATH=/bin:/usr/bin'] },
      ];
      made.config.hooks = {
        createRuntime: hook(join(seen, 'createRuntime')),
        createContainer: hook(join(seen, 'createContainer')),
        startContainer: hook('/seen/startContainer'),
        poststart: hook(join(seen, 'poststart')),
        poststop: hook(join(seen, 'poststop')),
      };
      made.config.mounts.push(bind(inside, '/seen'));
      made.config.process.args = ['/bin/true'];
    });
    const done = withFile(box.dir, 'r', open =>
      box.oci(['run', '--bundle', bundle.dir, bundle.id], {
        stdio: ['ignore', 'ignore', 'ignore', open, open, open],
      }),
    );
    expect(done).toMatchObject({ status: 0, stderr: '' });
    const files = [...readdirSync(seen).map(name => join(seen, name)), join(inside, 'startContainer')];
    expect(files).toHaveLength(5);
    for (const file of files) {
      const targets = readFileSync(file, 'utf8').split('\n').filter(Boolean);
      // The standard streams and files of the shell itself, of which none is a directory of the host.
      expect(targets, file).not.toContain(box.dir);
      expect(targets.filter(target => existsSync(target) && lstatSync(target).isDirectory())).toEqual([]);
    }
  });

  const denying = (name: string) => (made: Bundle) => {
    made.config.linux.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: [name, `${name}at`], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }],
    };
  };

  test('never runs with the seccomp filter of another one, nor of its predecessor', () => {
    const makesDirectory = (id: string) =>
      box.oci(['exec', id, '/bin/mkdir', `/made-${Math.random()}`]).status;
    const makesLink = (id: string) =>
      box.oci(['exec', id, '/bin/busybox', 'ln', '-s', 'a', `/link-${Math.random()}`]).status;
    const one = box.running(denying('mkdir'));
    const other = box.running(denying('symlink'));
    const free = box.running();
    expect([one, other, free].map(({ id }) => makesDirectory(id))).toEqual([1, 0, 0]);
    expect([one, other, free].map(({ id }) => makesLink(id))).toEqual([0, 1, 0]);
    // The same id again, with the other filter.
    box.must(['delete', '--force', one.id]);
    denying('symlink')(one);
    one.write();
    box.create(one);
    box.must(['start', one.id]);
    expect([makesDirectory(one.id), makesLink(one.id)]).toEqual([0, 1]);
  });

  test('of which an exec gets more capabilities has none of them as inheritable (CVE-2022-29162)', () => {
    const bundle = box.running();
    const status = (...flags: string[]) =>
      box.must(['exec', ...flags, bundle.id, '/bin/cat', '/proc/self/status']).stdout;
    for (const flags of [[], ['--cap', 'CAP_SYS_PTRACE'], ['--cap', 'CAP_CHOWN', '--user', '1000']]) {
      expect(/^CapInh:\s*(\w+)/m.exec(status(...flags))?.[1]).toBe('0'.repeat(16));
    }
    const specified = box.mkdir('specified');
    box.must(['spec', '--bundle', specified]);
    const { process } = JSON.parse(readFileSync(join(specified, 'config.json'), 'utf8'));
    if (disagrees('runc 1.1', 'may list them')) return;
    expect(process.capabilities.inheritable ?? []).toEqual([]);
  });

  test('cannot give its users another meaning: a number in its passwd is a name (CVE-2026-30892)', () => {
    const bundle = box.running(made => {
      made.file('/etc/passwd', '1000:x:0:0:root:/root:/bin/sh\nroot:x:0:0::/:/bin/sh\n');
      made.file('/etc/group', '100:x:0:\n');
    });
    const ids = box.must(['exec', '--user', '1000:100', bundle.id, '/bin/inside']);
    expect(parseReport(ids.stdout)).toMatchObject({ uids: [1000, 1000, 1000], gids: [100, 100, 100] });
  });

  test('cannot change the environment of the runtime by the mounts it brings along', () => {
    // A volume that looks like a procfs: the sysctl goes to the kernel, not to the volume.
    const volume = box.mkdir('volume');
    mkdirSync(join(volume, 'net/ipv4'), { recursive: true });
    writeFileSync(join(volume, 'net/ipv4/ip_default_ttl'), 'untouched');
    const bundle = box.bundle(made => {
      made.config.linux.sysctl = { 'net.ipv4.ip_default_ttl': '33' };
      // The root file system has such files itself, below the procfs that will cover them.
      made.file('/proc/sys/net/ipv4/ip_default_ttl', 'untouched');
      made.config.process.args = ['/bin/inside', '--probe', '/proc/sys/net/ipv4/ip_default_ttl'];
    });
    const report = parseReport(box.run(bundle).stdout);
    expect(mountAt(report, '/proc').type).toBe('proc');
    expect(report.probes['/proc/sys/net/ipv4/ip_default_ttl']?.read?.text).toBe('33\n');
    expect(readFileSync(bundle.inRoot('/proc/sys/net/ipv4/ip_default_ttl'), 'utf8')).toBe('untouched');
  });
});
