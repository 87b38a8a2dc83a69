// SPDX-License-Identifier: Apache-2.0
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { helperProgram, parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, host, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox, until, watch } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('exec', () => {
  const box = sandbox();

  const inside = (bundle: Bundle, ...flags: string[]) =>
    parseReport(box.must(['exec', ...flags, bundle.id, '/bin/inside', '--probe']).stdout);
  const document = (value: unknown): string => {
    const path = join(box.mkdir('process'), 'process.json');
    writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value, undefined, 2));
    return path;
  };
  const failing = (...args: string[]) => {
    const failure = box.fails(['exec', ...args]);
    expect(failure.status).toBe(255);
    expect(failure.message).toMatch(/^exec failed: /);
    return failure;
  };

  test.each(['created', 'running'] as const)(
    'joins every namespace and the cgroup of a %s container',
    which => {
      const bundle = box[which]();
      const { pid } = box.state(bundle.id);
      const report = inside(bundle);
      for (const [kind, seen] of Object.entries(report.namespaces)) {
        if (seen !== null) expect([kind, seen]).toEqual([kind, readlinkSync(`/proc/${pid}/ns/${kind}`)]);
      }
      const outside = box.oci(['exec', bundle.id, '/bin/cat', '/proc/self/cgroup']).stdout;
      expect(outside).toBe(box.must(['exec', bundle.id, '/bin/cat', '/proc/1/cgroup']).stdout);
      expect(report.fdNumbers).toEqual([0, 1, 2]);
      expect(report.exe).toBe('/bin/inside');
      expect(report.parentDeathSignal).toBe(0);
    },
  );

  test('exposes nothing of the host to a container that may trace it', async () => {
    const marker = box.dir;
    const bundle = box.running(made => {
      const all = ['CAP_SYS_PTRACE', 'CAP_DAC_OVERRIDE', 'CAP_KILL'];
      made.config.process.capabilities = { bounding: all, effective: all, permitted: all };
      made.shell(`echo ready; while :; do
        for p in /proc/[0-9]*; do
          [ -e "$p/root/bin/inside" ] && echo own >/seen
          [ -e "$p/root${marker}" ] && echo host >/escaped
        done
      done`);
    });
    for (let n = 0; n < 40; n++) box.must(['exec', bundle.id, '/bin/true']);
    await until('it has looked', () => existsSync(bundle.inRoot('/seen')));
    expect(existsSync(bundle.inRoot('/escaped'))).toBe(false);
  });

  test('never runs on the memory of the runtime where a container may trace it', async () => {
    // Between clone and exec a process may share the memory of its parent; a tracer would then reach the runtime.
    const bundle = box.bundle(made => {
      const all = ['CAP_SYS_PTRACE'];
      made.config.process.capabilities = { bounding: all, effective: all, permitted: all };
      made.file('/bin/tracer', readFileSync(helperProgram('tracer')), 0o755);
      made.config.process.args = ['/bin/tracer'];
    });
    const watched = box.spawn(['run', '--bundle', bundle.dir, bundle.id]);
    await until('it watches', () => watched.stdout() === 'ready\n');
    // A process may be gone before the tracer looks at it.
    const sees = () => watched.stdout().includes('/bin/busybox\n');
    for (let n = 0; n < 60 || (!sees() && n < 3000); n++) {
      box.must(['exec', bundle.id, '/bin/true']);
      await new Promise(resolve => setImmediate(resolve));
    }
    expect(sees()).toBe(true);
    box.must(['kill', bundle.id, 'KILL']);
    await watched.ended;
    const own = new Set(['ready', '/bin/busybox', '/memfd:tsubo-init (deleted)', '']);
    const foreign = watched
      .stdout()
      .split('\n')
      .filter(line => !own.has(line));
    if (disagrees('runc', 'is visible there, with its own memory')) return;
    expect(foreign).toEqual([]);
  });

  test('has the capabilities, limits, user and groups of the container, and the requested ones', () => {
    const bundle = box.running(made => {
      made.config.process.capabilities = {
        bounding: ['CAP_KILL'],
        effective: ['CAP_KILL'],
        permitted: ['CAP_KILL'],
      };
      made.config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }];
    });
    const plain = inside(bundle);
    expect(plain.status['CapBnd']).toBe('0000000000000020');
    expect(plain.status['CapEff']).toBe('0000000000000020');
    expect(plain.rlimits[7]).toEqual(['100', '200']);
    const other = inside(
      bundle,
      '--user',
      '1000:100',
      '-g',
      '5',
      '-g=6',
      '--cwd',
      '/bin',
      '-e',
      'A=1',
      '-e',
      'B=2',
      '-c',
      'CAP_CHOWN',
      '--no-new-privs',
    );
    expect(other).toMatchObject({
      uids: [1000, 1000, 1000],
      gids: [100, 100, 100],
      cwd: '/bin',
      noNewPrivileges: 1,
    });
    expect(other.groups).toEqual(expect.arrayContaining([5, 6]));
    expect(other.env).toEqual(expect.arrayContaining(['A=1', 'B=2']));
    expect(other.status['CapBnd']).toBe('0000000000000021');
  });

  test('accepts a process document', () => {
    const bundle = box.running();
    const path = document({
      cwd: '/bin',
      args: ['/bin/inside', '--probe'],
      env: ['X=y', 'HOME=/h'],
      user: { uid: 7, gid: 8, umask: 0o27 },
    });
    const report = parseReport(box.must(['exec', '--process', path, bundle.id]).stdout);
    const umask = disagrees('runc 1.1', 'ignores the umask of an executed process') ? 0o22 : 0o27;
    expect(report).toMatchObject({ env: ['X=y', 'HOME=/h'], cwd: '/bin', umask });
    expect(report.uids[0]).toBe(7);
    expect(report.gids[0]).toBe(8);
  });

  test('ignores a config that changed after create', () => {
    const bundle = box.running();
    bundle.config.process.cwd = '/bin';
    bundle.write();
    expect(inside(bundle).cwd).toBe(isTsubo ? '/' : '/bin');
  });

  // A container that was started by `run`, or created by an older version.
  test.runIf(isTsubo)('behaves the same without the state that create keeps for it', () => {
    const bundle = box.running(made => {
      made.config.process.rlimits = [{ type: 'RLIMIT_NOFILE', hard: 700, soft: 600 }];
      made.config.process.user = { uid: 5, gid: 6, additionalGids: [7] };
      made.config.linux.personality = { domain: 'LINUX32' };
      made.config.linux.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 }],
      };
    });
    const looks = () => {
      const { uids, gids, groups, env, cwd, rlimits, personality, noNewPrivileges, status } = inside(bundle);
      const { Seccomp, Seccomp_filters, CapEff, CapBnd, CapPrm, CapInh, CapAmb } = status;
      const kernels = { Seccomp, Seccomp_filters, CapEff, CapBnd, CapPrm, CapInh, CapAmb };
      const { output: _, ...tried } = box.oci([
        'exec',
        bundle.id,
        '/bin/sh',
        '-c',
        'ulimit -n; uname -m; id -G; mkdir /tmp/a',
      ]);
      return { uids, gids, groups, env, cwd, rlimits, personality, noNewPrivileges, kernels, tried };
    };
    const before = looks();
    expect(before).toMatchObject({ kernels: { Seccomp: '2' }, tried: { stdout: '600\ni686\n6 7\n' } });
    expect(before.tried.stderr).toContain('not supported');
    rmSync(join(box.root, bundle.id, 'exec.json'));
    expect(looks()).toEqual(before);
  });

  test.each<[string, number]>([
    ['exit 0', 0],
    ['exit 7', 7],
    ['exit 255', 255],
    ['kill -KILL $$', 137],
    ['kill -TERM $$', 143],
  ])('of %s returns %i', (script, status) => {
    expect(box.oci(['exec', box.running().id, '/bin/sh', '-c', script]).status).toBe(status);
  });

  test('forwards signals', async () => {
    const bundle = box.running();
    const script = 'trap "exit 42" TERM; echo ready; while :; do sleep 0.01; done';
    const running = box.spawn(['exec', bundle.id, '/bin/sh', '-c', script]);
    await until('the program is ready', () => running.stdout() === 'ready\n');
    running.child.kill('SIGTERM');
    expect(await running.ended).toEqual({ status: 42, signal: null });
  });

  test('reports the texts that engines match when the program cannot be run', () => {
    const { id } = box.running();
    expect(failing(id, 'nothing-of-the-kind').message).toContain(
      'exec: "nothing-of-the-kind": executable file not found in $PATH',
    );
    expect(failing(id, '/nothing').message).toContain(
      'exec: "/nothing": stat /nothing: no such file or directory',
    );
    expect(failing(id, '/etc').message).toMatch(
      isTsubo ? 'exec: "/etc": is a directory' : /is a directory|permission denied/,
    );
  });

  test('returns at once when detached, with the pid in a file', () => {
    const bundle = box.running();
    const file = join(box.mkdir('pid'), 'pid');
    box.must(['exec', '--detach', '--pid-file', file, bundle.id, '/bin/sleep', '1000']);
    const pid = Number(readFileSync(file, 'utf8'));
    expect(box.lives(pid)).toBe(true);
    expect(readlinkSync(`/proc/${pid}/ns/pid`)).toBe(
      readlinkSync(`/proc/${box.state(bundle.id).pid}/ns/pid`),
    );
  });

  test('passes preserved descriptors, and no others', () => {
    const bundle = box.running();
    const fds = ['/etc/group', '/etc/passwd', '/'].map(path => openSync(path, 'r'));
    try {
      const done = box.must(['exec', '--preserve-fds', '2', bundle.id, '/bin/inside', '--probe'], {
        stdio: ['ignore', 'ignore', 'ignore', ...fds],
      });
      expect(parseReport(done.stdout).fdNumbers).toEqual([0, 1, 2, 3, 4]);
    } finally {
      for (const fd of fds) closeSync(fd);
    }
  });

  test.skipIf(requires('strace')).for(['clone3', 'sendmsg'])(
    'reports a stopped container if it ends before %s',
    async (call, context) => {
      context.skip(!isTsubo, 'other runtimes make other calls');
      const { id } = box.running();
      const inject = `inject=${call}:delay_enter=1000000:when=1+`;
      const trace = box.fresh('trace');
      const strace = ['strace', '-o', trace, '-e', `trace=${call}`, '-e', inject];
      const running = watch(box.view.spawn([...strace, ...box.command('exec', id, '/bin/true')]));
      await until(
        'it makes the call',
        () => existsSync(trace) && readFileSync(trace, 'latin1').includes(`${call}(`),
      );
      box.must(['kill', id, 'KILL']);
      expect((await running.ended).status).toBe(255);
      expect(running.stderr()).toContain('exec failed: cannot exec in a stopped container');
    },
  );

  test('during the end of the container either runs the program or reports that the container is stopped', async context => {
    context.skip(!isTsubo, 'other runtimes have other messages');
    for (let round = 0; round < 20; round++) {
      const { id } = box.running();
      const running = box.spawn(['exec', id, '/bin/sleep', '1000']);
      await new Promise(resolve => setTimeout(resolve, round * (host === 'node' ? 8 : 1)));
      box.must(['kill', id, 'KILL']);
      const { status } = await running.ended;
      // 137: the program ran and was killed with its pid namespace.
      if (status === 137) expect(running.stderr()).toBe('');
      else
        expect([status, running.stderr()]).toEqual([
          255,
          expect.stringContaining('cannot exec in a stopped container'),
        ]);
      box.must(['delete', '--force', id]);
    }
  });

  test('refuses a stopped and a paused container', async () => {
    expect(failing((await box.stopped()).id, '/bin/true').message).toContain(
      'cannot exec in a stopped container',
    );
    if (!isTsubo) return;
    const bundle = box.running();
    const cgroup = readFileSync(`/proc/${box.state(bundle.id).pid}/cgroup`, 'utf8');
    const path = box.view.path(`/sys/fs/cgroup${/^0::(.*)$/m.exec(cgroup)?.[1]}/cgroup.freeze`);
    writeFileSync(path, '1');
    expect(failing(bundle.id, '/bin/true').message).toContain('cannot exec in a paused container');
    const waiting = box.spawn(['exec', '--ignore-paused', bundle.id, '/bin/sh', '-c', 'exit 9']);
    writeFileSync(path, '0');
    expect((await waiting.ended).status).toBe(9);
  });

  /** The directory of the container's cgroup, as the view sees it. */
  const cgroupOf = (id: string): string => {
    const own = /^0::(.*)$/m.exec(readFileSync(`/proc/${box.state(id).pid}/cgroup`, 'utf8'))?.[1] ?? '';
    return box.view.path(`/sys/fs/cgroup${own}`);
  };

  test('joins no cgroup beside that of the container whose name begins with its name', context => {
    skipWhere(context, 'runc 1.1', 'compares only the prefix');
    const first = box.running(made => {
      made.config.linux.cgroupsPath = `/${box.name}-beside`;
    });
    box.running(made => {
      made.config.linux.cgroupsPath = `/${box.name}-besides`;
    });
    for (const path of [`../${box.name}-besides`, `/../${box.name}-besides`, 'x/../../anything'])
      expect(failing('--cgroup', path, first.id, '/bin/true').message).toContain('sub cgroup path');
  });

  test('works with the init in a cgroup below that of the container', context => {
    skipWhere(context, 'runc 1.1', 'joins the cgroup of the container, which may have no processes then');
    const { id } = box.running();
    const { pid } = box.state(id);
    const directory = cgroupOf(id);
    mkdirSync(join(directory, 'inner'));
    writeFileSync(join(directory, 'inner/cgroup.procs'), String(pid));
    expect(box.oci(['exec', id, '/bin/sh', '-c', 'exit 7'])).toMatchObject({ status: 7, stderr: '' });
    box.must(['kill', id, 'KILL']);
  });

  test('works beside a threaded cgroup below that of the container', () => {
    const { id } = box.running();
    const directory = cgroupOf(id);
    mkdirSync(join(directory, 'threads'));
    writeFileSync(join(directory, 'threads/cgroup.type'), 'threaded');
    expect(readFileSync(join(directory, 'cgroup.type'), 'utf8')).toBe('domain threaded\n');
    expect(box.oci(['exec', id, '/bin/sh', '-c', 'exit 7'])).toMatchObject({ status: 7, stderr: '' });
  });

  test('joins a cgroup below that of the container, and none above', () => {
    const bundle = box.running(made => made.namespace('cgroup'));
    expect(failing('--cgroup', '../..', bundle.id, '/bin/true').message).toContain('sub cgroup path');
    expect(failing('--cgroup', 'missing', bundle.id, '/bin/true').message).toContain(
      'no such file or directory',
    );
  });

  const args = ['/bin/true'];
  test.each<[string, unknown, string, [code: string, pointer: string | undefined, line?: number]]>([
    ['a syntax error', '{', '', ['bundle.config-syntax', undefined, 1]],
    ['a list', [], '', ['config.type', '']],
    ['no args', { cwd: '/' }, 'args must not be empty', ['config.process.args', '/args', 1]],
    ['an empty cwd', { args, cwd: '' }, 'Cwd property must not be empty', ['config.process.cwd', '/cwd', 5]],
    [
      'a relative cwd',
      { cwd: 'bin', args },
      'Cwd must be an absolute path',
      ['config.process.cwd', '/cwd', 2],
    ],
    ['args of the wrong type', { cwd: '/', args: '/bin/true' }, '', ['config.type', '/args', 3]],
    [
      'a user of the wrong type',
      { cwd: '/', args, user: { uid: 'root' } },
      '',
      ['config.type', '/user/uid', 7],
    ],
    [
      'a user id that the kernel reserves',
      { cwd: '/', args, user: { uid: 4294967295, gid: 0 } },
      '',
      ['config.range', '/user/uid', 7],
    ],
    [
      'a variable without a name',
      { cwd: '/', args, env: ['A=1', '=2'] },
      '',
      ['config.process.env', '/env/1', 8],
    ],
    [
      'an unknown limit',
      { cwd: '/', args, rlimits: [{ type: 'RLIMIT_X', soft: 1, hard: 1 }] },
      'RLIMIT_X',
      ['config.process.rlimit-type', '/rlimits/0/type', 8],
    ],
    [
      'a soft limit above the hard one',
      { cwd: '/', args, rlimits: [{ type: 'RLIMIT_NOFILE', soft: 2, hard: 1 }] },
      '',
      ['config.process.rlimit-soft', '/rlimits/0/soft', 9],
    ],
    ['a missing program', { cwd: '/', args: ['/no'] }, '/no', ['container.program-not-found', '/args/0', 4]],
  ])('refuses a process document with %s', (what, value, text, [code, pointer, line]) => {
    const executedByRunc = /^a (user that|variable|soft)/.test(what);
    if (executedByRunc && disagrees('runc 1.1', 'executes it anyway, or fails later with another text'))
      return;
    const path = document(value);
    const failure = failing('-p', path, box.running().id);
    expect(failure.message).toContain(text);
    if (!isTsubo) return;
    const { record } = failure;
    expect(failure.message).not.toContain('config.json');
    // Engines delete the file at once.
    expect(failure.message).not.toContain(path);
    if (line !== undefined) expect(failure.message).toContain(`(process.json of the caller:${line}:`);
    if (pointer) expect(record['document']).toBe('process.json of the caller');
    expect([record.code, record.pointer, record['line']]).toEqual([code, pointer, line]);
  });

  test('refuses a command line without a program, an unknown container and a bad user', () => {
    const { id } = box.running();
    expect(failing(id).message).toContain('process args cannot be empty');
    expect(failing('missing', '/bin/true').message).toContain('container does not exist');
    expect(failing('--user', 'root', id, '/bin/true').message).toContain('root');
  });

  test.for<[string, string, string, RegExp]>([
    ['--process-label', 'a:b', 'host.unsupported', /selinux/],
    ['--apparmor', 'none-of-this-name', 'host.unsupported', /apparmor/],
    ['--cwd', 'bin', 'config.process.cwd', /Cwd must be an absolute path/],
    ['--cwd', '/nowhere', 'container.cwd', /chdir to cwd \("\/nowhere"\) set by --cwd failed: no such file/],
    ['--cwd', '/bin/busybox', 'container.cwd', /set by --cwd failed: not a directory/],
    ['--tty', '--detach', 'usage.console-socket', /cannot allocate tty/],
  ])('reports the option %s %s as the place of a problem', ([option, value, code, message]) => {
    if (disagrees('runc', 'reports config.json, or executes it')) return;
    const { id } = box.running();
    const { record } = failing(option, value, id, '/bin/true');
    expect(record).toMatchObject({ code, document: option });
    expect(record.pointer).toBeUndefined();
    expect(record.msg).toMatch(message);
    expect(record.msg).toMatch(new RegExp(`\\(${option}\\)$`));
    expect(record.msg).not.toContain('config.json');
  });

  test('reports by --user the user without a mapping', () => {
    if (disagrees('runc', 'reports config.json')) return;
    const { id } = box.running();
    expect(failing('--user', '0:4294967295', id, '/bin/true').record.code).toBe('usage.bad-value');
    expect(failing('--user', 'root', id, '/bin/true').message).toContain(
      'invalid value "root" for --user: names are not looked up',
    );
  });

  test('warns of an unknown capability of --cap', () => {
    if (disagrees('runc', 'has another text')) return;
    const { id } = box.running();
    const done = box.must(['exec', '--cap', 'CAP_SYSADMIN', id, '/bin/true']);
    expect(done.stderr.match(/level=warning/g)).toHaveLength(1);
    expect(done.stderr).toContain('is unknown and is ignored; did you mean CAP_SYS_ADMIN? (--cap)');
  });

  test('runs many programs at the same time', async () => {
    const { id } = box.running();
    const all = Array.from({ length: 12 }, (_, n) => box.spawn(['exec', id, '/bin/sh', '-c', `exit ${n}`]));
    const ends = await Promise.all(all.map(one => one.ended));
    expect(ends.map(end => end.status)).toEqual(all.map((_, n) => n));
  });
});
