// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { hostBusybox, sandbox, until } from '../helpers/sandbox.ts';

type Kind = 'prestart' | 'createRuntime' | 'createContainer' | 'startContainer' | 'poststart' | 'poststop';
const kinds: readonly Kind[] = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
];

/** startContainer hooks run in the container, all others are programs of the host. */
const busyboxFor = (kind: Kind): string => (kind === 'startContainer' ? '/bin/busybox' : hostBusybox);
const spaces = ['mnt', 'net', 'pid', 'uts', 'ipc', 'cgroup'] as const;

/** The record that a hook of `recording` writes. */
interface HookRecord {
  readonly namespaces: readonly string[];
  readonly cwd: string;
  readonly env: readonly string[];
  readonly fds: string;
  readonly umask: string;
  readonly argv0: string;
  readonly pivoted: string;
  readonly state: {
    readonly ociVersion: string;
    readonly id: string;
    readonly status: string;
    readonly pid?: number;
    readonly bundle: string;
    readonly annotations?: { readonly [name: string]: string };
  };
}

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('hooks', () => {
  const box = sandbox();

  /**
   * A bundle with one hook of each kind, which records its state and environment; `notes` is the directory of the
   * records on both sides.
   */
  const recording = (args: string[], change: (bundle: Bundle) => void = () => {}) => {
    const notes = box.mkdir('notes');
    const bundle = box.bundle(made => {
      made.config.process.args = args;
      made.config.annotations = { 'org.example.z': 'last', 'org.example.a': 'a "quoted" one' };
      made.config.mounts.push({ destination: '/notes', type: 'bind', source: notes, options: ['bind'] });
      made.config.hooks = Object.fromEntries(
        kinds.map(kind => {
          const dir = kind === 'startContainer' ? '/notes' : notes;
          const script = [
            `echo ${kind} >> ${dir}/order`,
            `{ for n in ${spaces.join(' ')}; do readlink /proc/self/ns/$n; done; } > ${dir}/${kind}.ns`,
            `pwd -P > ${dir}/${kind}.cwd; tr '\\0' '\\n' < /proc/self/environ > ${dir}/${kind}.env`,
            `echo $(ls /proc/self/fd) > ${dir}/${kind}.fds; umask > ${dir}/${kind}.umask`,
            `read -r words < /proc/self/cmdline; printf '%s' "$words" > ${dir}/${kind}.argv`,
            `if [ -e /notes ]; then echo yes; else echo no; fi > ${dir}/${kind}.pivoted`,
            `cat > ${dir}/${kind}.state`,
          ].join('\n');
          return [
            kind,
            [{ path: busyboxFor(kind), args: ['sh', '-c', script], env: ['PATH=/bin', `WHO=${kind}`] }],
          ];
        }),
      );
      change(made);
    });
    const read = (kind: Kind): HookRecord => {
      const text = (what: string) => readFileSync(join(notes, `${kind}.${what}`), 'utf8').trim();
      return {
        namespaces: text('ns').split('\n'),
        cwd: text('cwd'),
        env: text('env').split('\n'),
        fds: text('fds'),
        umask: text('umask'),
        argv0: text('argv'),
        pivoted: text('pivoted'),
        state: JSON.parse(text('state')) as HookRecord['state'],
      };
    };
    const order = () =>
      existsSync(join(notes, 'order')) ? readFileSync(join(notes, 'order'), 'utf8').trim().split('\n') : [];
    return { bundle, notes, read, order };
  };

  const outside = () => spaces.map(name => readlinkSync(`/proc/${box.view.pid}/ns/${name}`));

  test('run in order, in their namespaces, with the state of that moment', () => {
    const { bundle, read, order } = recording(['/bin/sleep', '1000']);
    box.create(bundle);
    const early = disagrees('runc 1.1', 'runs poststart hooks at the end of create');
    const atCreate = ['prestart', 'createRuntime', 'createContainer'];
    expect(order()).toEqual(early ? [...atCreate, 'poststart'] : atCreate);
    const { pid } = box.state(bundle.id);
    const inside = spaces.map(name => readlinkSync(`/proc/${pid}/ns/${name}`));
    box.must(['start', bundle.id]);
    box.must(['delete', '--force', bundle.id]);
    if (!early) expect(order()).toEqual(kinds);

    for (const kind of kinds) {
      const seen = read(kind);
      const within = kind === 'createContainer' || kind === 'startContainer';
      expect({ kind, seen: seen.namespaces }).toEqual({ kind, seen: within ? inside : outside() });
      expect(seen.env.filter(entry => !/^(PWD|SHLVL|OLDPWD|_)=/.test(entry))).toEqual([
        'PATH=/bin',
        `WHO=${kind}`,
      ]);
      expect(seen.argv0.startsWith('sh-c')).toBe(true);
      expect({ kind, pivoted: seen.pivoted }).toEqual({
        kind,
        pivoted: kind === 'startContainer' ? 'yes' : 'no',
      });
      expect(seen.state).toMatchObject({
        id: bundle.id,
        bundle: bundle.dir,
        annotations: { 'org.example.a': 'a "quoted" one', 'org.example.z': 'last' },
      });
      if (isTsubo)
        expect({ kind, fds: seen.fds }).toEqual({ kind, fds: expect.stringMatching(/^0 1 2( 3)?$/) });
      if (isTsubo) expect({ kind, umask: seen.umask }).toEqual({ kind, umask: '0022' });
    }
    const status = (kind: Kind) => [read(kind).state.status, read(kind).state.pid];
    const creating = disagrees('runc', 'passes the status creating to prestart hooks');
    expect(status('prestart')).toEqual([creating ? 'creating' : 'created', pid]);
    expect(status('createRuntime')).toEqual(['creating', pid]);
    expect(status('createContainer')).toEqual(['creating', 1]);
    expect(status('startContainer')).toEqual(['created', 1]);
    if (!early) expect(status('poststart')).toEqual(['running', pid]);
    expect(status('poststop')).toEqual(['stopped', undefined]);
    expect(read('createContainer').cwd).toBe(bundle.rootfs);
    expect(read('startContainer').cwd).toBe('/');
    expect(read('createRuntime').cwd).toBe(bundle.dir);
    if (isTsubo) expect([read('poststart').cwd, read('poststop').cwd]).toEqual([bundle.dir, bundle.dir]);
  });

  test('run with the command run too', () => {
    const { bundle, notes, order } = recording(['/bin/sh', '-c', 'echo program >> /notes/order; exit 3']);
    expect(box.run(bundle).status).toBe(3);
    const seen = order().filter(entry => entry !== 'program' && entry !== 'poststart');
    expect(seen).toEqual(kinds.filter(kind => kind !== 'poststart'));
    // The program and poststart run at the same time.
    expect(order()).toContain('poststart');
    expect(order().filter(entry => ['startContainer', 'program'].includes(entry))).toEqual([
      'startContainer',
      'program',
    ]);
    expect(existsSync(join(notes, 'poststop.state'))).toBe(true);
  });

  test('run poststart only after the program was executed', context => {
    skipWhere(context, 'runc 1.1', 'runs poststart hooks at the end of create');
    const notes = box.mkdir('notes');
    const bundle = box.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
      const script = `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); tr '\\0' ' ' < /proc/$pid/cmdline > ${notes}/program`;
      made.config.hooks = {
        poststart: [{ path: '/bin/sh', args: ['sh', '-c', script], env: ['PATH=/usr/bin:/bin'] }],
      };
    });
    box.create(bundle);
    box.must(['start', bundle.id]);
    expect(readFileSync(join(notes, 'program'), 'utf8')).toBe('/bin/sleep 1000 ');
  });

  describe.each(['prestart', 'createRuntime', 'createContainer'] as const)('a %s hook', kind => {
    test.each([
      ['fails', { path: '/bin/sh', args: ['sh', '-c', 'echo out; echo err >&2; exit 7'] }, 'hook.failed'],
      ['is killed', { path: '/bin/sh', args: ['sh', '-c', 'kill -9 $$'] }, 'hook.failed'],
      ['hangs', { path: '/bin/sleep', args: ['sleep', '77'], timeout: 1 }, 'hook.timeout'],
      ['is missing', { path: '/nosuch/hook' }, 'hook.not-executable'],
      ['is not a program', { path: '/etc/passwd' }, 'hook.not-executable'],
    ] as const)('that %s fails the create, poststop hooks run, nothing is left', (_, hook, code) => {
      const { bundle, order } = recording(['/bin/sleep', '1000'], made => {
        made.config.hooks = { ...made.config.hooks, [kind]: [{ path: '/bin/true' }, hook] };
      });
      const { message, record } = box.refuses(bundle);
      expect(message).toContain(
        disagrees('runc 1.1', 'does not name the kind')
          ? 'error running hook #1'
          : `error running ${kind} hook #1: `,
      );
      if (code === 'hook.failed' && 'args' in hook && hook.args[2]?.includes('exit 7')) {
        expect(message).toContain('exit status 7, stdout: out');
        expect(message).toContain('stderr: err');
      }
      if (code === 'hook.timeout') expect(message).toContain('hook ran past specified timeout of 1.0s');
      if (isTsubo) {
        const last = code === 'hook.timeout' ? 'timeout' : 'path';
        expect(record).toMatchObject({ code, pointer: `/hooks/${kind}/1/${last}`, line: expect.any(Number) });
      }
      expect(order().at(-1)).toBe('poststop');
      expect(order()).not.toContain('startContainer');
    });
  });

  test.each([
    ['fails', { path: '/bin/sh', args: ['sh', '-c', 'echo why >&2; exit 7'] }, 'exit status 7'],
    [
      'hangs',
      { path: '/bin/sleep', args: ['sleep', '77'], timeout: 1 },
      'hook ran past specified timeout of 1.0s',
    ],
    ['is missing', { path: '/nosuch' }, 'no such file or directory'],
  ])('a startContainer hook that %s prevents the exec of the program', async (_, hook, text) => {
    const bundle = box.bundle(made => {
      made.shell('echo ran');
      made.config.hooks = { startContainer: [hook] };
    });
    const { output } = box.create(bundle);
    if (disagrees('runc 1.1', 'receives no message from the init after start'))
      return void box.oci(['start', bundle.id]);
    const { message, record } = box.fails(['start', bundle.id]);
    expect(message).toContain('error running startContainer hook #0: ');
    expect(message).toContain(text);
    expect(record.pointer).toMatch(/^\/hooks\/startContainer\/0\//);
    await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
    expect(readFileSync(output, 'utf8')).toBe('');
    expect(box.run(box.bundle(made => Object.assign(made.config, bundle.config))).stderr).toContain(
      'startContainer hook #0',
    );
  });

  test.skipIf(requires('strace'))(
    'whose end the runtime cannot wait for are killed, and the error is not a timeout',
    async context => {
      context.skip(!isTsubo, 'other runtimes wait in another way');
      const pid = join(box.mkdir('notes'), 'pid');
      const bundle = box.bundle(made => {
        const script = `echo $$ > ${pid}; exec sleep 1000`;
        made.config.hooks = {
          createRuntime: [
            { path: '/bin/sh', args: ['sh', '-c', script], env: ['PATH=/bin:/usr/bin'], timeout: 100 },
          ],
        };
      });
      const before = box.traces();
      const call = process.arch === 'arm64' ? 'ppoll' : 'poll';
      const strace = ['strace', '-o', '/dev/null', '-e', `inject=${call}:error=ENOMEM:delay_enter=200000`];
      const args = ['create', '--bundle', bundle.dir, bundle.id];
      const done = box.view.exec([...strace, ...box.command(...args)], { stdio: ['ignore', 'pipe', 'pipe'] });
      expect(done.status).toBe(1);
      expect(done.stderr).toContain('createRuntime hook #0');
      expect(done.stderr).toContain('cannot allocate memory');
      expect(done.stderr).not.toContain('timeout');
      // A hook that was killed at once has not written it.
      const written = existsSync(pid) ? Number(readFileSync(pid, 'utf8')) : 0;
      if (written > 0) expect(box.lives(written)).toBe(false);
      expect(box.traces()).toEqual(before);
    },
  );

  test('never start a container that is killed in its startContainer hook', async context => {
    skipWhere(context, 'runc 1.1', 'receives no message from the init after start');
    const { bundle, order } = recording(['/bin/sleep', '1000'], made => {
      const hooks = made.config.hooks?.['startContainer'] ?? [];
      made.config.hooks = {
        ...made.config.hooks,
        startContainer: [...hooks, { path: '/bin/sleep', args: ['sleep', '77'] }],
      };
    });
    box.create(bundle);
    const starting = box.spawn(['start', bundle.id]);
    await until('the hooks run', () => order().includes('startContainer'));
    box.must(['kill', bundle.id, 'KILL']);
    expect(await starting.ended).toMatchObject({ status: 1 });
    expect(starting.stderr()).toContain('ended while its startContainer hooks ran');
    expect(order()).not.toContain('poststart');
  });

  test('stop the container when a poststart hook fails', async context => {
    skipWhere(context, 'runc 1.1', 'runs poststart hooks at the end of create');
    const { bundle, order } = recording(['/bin/sleep', '1000'], made => {
      made.config.hooks = { ...made.config.hooks, poststart: [{ path: '/bin/false' }] };
    });
    box.create(bundle);
    const { pid } = box.state(bundle.id);
    box.failsWith(['start', bundle.id], 'error running poststart hook #0: exit status 1', 'hook.failed');
    expect(box.lives(pid)).toBe(false);
    expect(box.state(bundle.id).status).toBe('stopped');
    box.must(['delete', bundle.id]);
    expect(order().at(-1)).toBe('poststop');
    const before = box.traces();
    expect(box.run(bundle)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('poststart hook #0'),
    });
    expect(box.traces()).toEqual(before);
  });

  test('only warn when a poststop hook fails, and the remaining ones run', context => {
    skipWhere(context, 'runc', 'stops at the first poststop hook that fails');
    const { bundle, order } = recording(['/bin/true'], made => {
      const last = made.config.hooks?.['poststop'] ?? [];
      made.config.hooks = { poststop: [{ path: '/bin/false' }, { path: '/nosuch' }, ...last] };
    });
    box.create(bundle);
    const done = box.must(['delete', '--force', bundle.id]);
    expect(done.stderr).toContain('error running poststop hook #0: exit status 1');
    expect(done.stderr).toContain('error running poststop hook #1: fork/exec /nosuch');
    expect(order()).toEqual(['poststop']);
  });

  test('are those of create, also after the config has changed', () => {
    const { bundle, order } = recording(['/bin/sleep', '1000']);
    box.create(bundle);
    writeFileSync(join(bundle.dir, 'config.json'), '{}');
    box.must(['start', bundle.id]);
    box.must(['delete', '--force', bundle.id]);
    expect(order().at(-1)).toBe('poststop');
    expect(order()).toContain('poststart');
  });

  test('do not block when they read nothing, write much or leave a process behind', () => {
    const over = join(box.mkdir('notes'), 'over');
    const left = `{ until [ -e ${over} ]; do sleep 0.05; done; } &`;
    const noisy = `yes noise | head -c 300000; yes noise | head -c 300000 >&2; ${left} exit 0`;
    const bundle = box.bundle(made => {
      made.config.annotations = { long: 'x'.repeat(200_000) };
      const hook = { path: hostBusybox, args: ['sh', '-c', noisy], env: ['PATH=/bin:/usr/bin'] };
      made.config.hooks = {
        createRuntime: [{ path: '/bin/true' }],
        createContainer: [hook],
        poststop: [{ path: '/bin/true' }],
      };
    });
    if (disagrees('runc', 'waits for every process that holds the output of a hook')) writeFileSync(over, '');
    // With any other runtime the process runs until create has returned.
    box.create(bundle);
    writeFileSync(over, '');
    box.must(['delete', '--force', bundle.id]);
  });

  test('have the environment of the runtime outside and of the program in startContainer by default', () => {
    const notes = box.mkdir('notes');
    const bundle = box.bundle(made => {
      made.config.process.env = ['PATH=/bin', 'MINE=1'];
      made.config.process.args = ['/bin/true'];
      made.config.mounts.push({ destination: '/notes', type: 'bind', source: notes, options: ['bind'] });
      const hook = (kind: Kind, file: string) => ({
        path: busyboxFor(kind),
        args: ['sh', '-c', `${busyboxFor(kind)} env > ${file}`],
      });
      made.config.hooks = {
        createRuntime: [hook('createRuntime', `${notes}/host`)],
        startContainer: [hook('startContainer', '/notes/inner')],
      };
    });
    expect(box.run(bundle, { env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', OURS: '2' } }).status).toBe(0);
    expect(readFileSync(join(notes, 'host'), 'utf8').split('\n')).toContain('OURS=2');
    const inner = readFileSync(join(notes, 'inner'), 'utf8').split('\n');
    expect(inner).toEqual(expect.arrayContaining(['MINE=1', 'PATH=/bin', 'HOME=/root']));
    expect(inner).not.toContain('OURS=2');
  });

  test.for(['delete', 'delete --force'])(
    'while one of create sleeps, %s waits for create and then deletes',
    async (command, context) => {
      skipWhere(context, 'runc 1.1', 'does not find a container that is being created');
      const notes = box.mkdir('notes');
      const bundle = box.bundle(made => {
        made.config.process.args = ['/bin/sleep', '1000'];
        const script = `echo > ${notes}/begun; sleep 0.7; echo > ${notes}/over`;
        made.config.hooks = {
          createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', script], env: ['PATH=/bin:/usr/bin'] }],
        };
      });
      const before = box.traces();
      const creating = box.spawn(['create', '--bundle', bundle.dir, bundle.id], {
        stdio: ['ignore', 'ignore', 'ignore'],
      });
      await until('the hook runs', () => existsSync(join(notes, 'begun')));
      const done = box.oci([...command.split(' '), bundle.id]);
      expect([done.status, done.stderr]).toEqual([0, '']);
      expect(existsSync(join(notes, 'over'))).toBe(true);
      expect(await creating.ended).toEqual({ status: 0, signal: null });
      await until('nothing is left', () => JSON.stringify(box.traces()) === JSON.stringify(before));
    },
  );

  test('end when the runtime is killed, and delete --force removes the rest', async context => {
    skipWhere(context, 'runc', 'does not stop the hook');
    for (const kind of ['createRuntime', 'createContainer'] as const) {
      const pids = box.mkdir('pids');
      const { bundle, order } = recording(['/bin/sleep', '1000'], made => {
        const script = `readlink /proc/self > ${pids}/pid; exec sleep 1000`;
        made.config.hooks = {
          ...made.config.hooks,
          [kind]: [{ path: '/bin/sh', args: ['sh', '-c', script], env: ['PATH=/bin:/usr/bin'] }],
        };
      });
      const running = box.spawn(['create', '--bundle', bundle.dir, bundle.id]);
      await until(
        'the hook runs',
        () => existsSync(join(pids, 'pid')) && readFileSync(join(pids, 'pid'), 'utf8') !== '',
      );
      const hook = box.traces().processes;
      running.child.kill('SIGKILL');
      await running.ended;
      await until('all processes have ended', () => box.traces().processes.length === 0);
      expect(hook.length).toBeGreaterThan(0);
      box.must(['delete', '--force', bundle.id]);
      expect(order().at(-1)).toBe('poststop');
    }
  });
});
