// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';
import { until } from '../helpers/sandbox.ts';

const skipped = requires('root', 'busybox', 'filesystem:overlay', 'ip', 'nft', 'curl');

describe.skipIf(skipped)('a container of an image', () => {
  const machine = directMachine();
  beforeEach(() => {
    machine.image('busybox');
  });
  const sleeping = ['busybox', 'sleep', '1000'];

  describe('in the foreground', () => {
    test('writes to the streams of the caller, and its exit status is that of the command', () => {
      const done = machine.container(
        'run',
        '--name',
        'job',
        'busybox',
        'sh',
        '-c',
        'echo out; echo err >&2; exit 3',
      );
      expect(done).toMatchObject({ status: 3, stdout: 'out\n', stderr: 'err\n' });
      const rows = machine.done('ls', '-a').split('\n');
      expect(rows[0]).toMatch(/^CONTAINER ID {3}IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$/);
      expect(rows[1]).toMatch(
        /^[0-9a-f]{12} {3}busybox {3}"sh -c 'echo out; ec…" {3}.* ago {3}Exited \(3\) .* ago {11}job$/,
      );
      expect(machine.done('ls')).not.toContain('job');
    });

    test('is removed with --rm, and leaves nothing', () => {
      expect(machine.done('run', '--rm', 'busybox', 'echo', 'hello')).toBe('hello\n');
      expect([machine.directory('containers'), machine.directory('names')]).toEqual([[], []]);
      expect(machine.taken()).toEqual([]);
    });

    /** Runs a container with --rm and the name web in the foreground. Returns when its program runs. */
    const attached = async () => {
      const script = 'echo up; exec sleep 1000';
      const words = ['container', 'run', '--rm', '--name', 'web', 'busybox', 'sh', '-c', script];
      const client = machine.box.view.spawn(machine.within(machine.pid, ...machine.box.command(...words)), {
        env: machine.env,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const ended = new Promise<number | null>(resolve => client.once('exit', resolve));
      await new Promise(resolve => client.stdout?.once('data', resolve));
      return { ended };
    };

    test('with --rm, ends with the status of its program if another command removes it', async () => {
      const { ended } = await attached();
      machine.done('rm', '-f', 'web');
      expect(await ended).toBe(137);
      expect([machine.directory('containers'), machine.directory('names')]).toEqual([[], []]);
    });

    test('with --rm, stays when another command restarts it', async () => {
      const { ended } = await attached();
      machine.done('restart', '-t', '0', 'web');
      expect(await ended).toBe(137);
      expect(machine.inspect('web').State.Status).toBe('running');
      machine.done('kill', 'web');
      await until('the container is removed', () => machine.directory('containers').length === 0);
    });

    test('reads standard input only with -i', () => {
      const run = (...flags: string[]) =>
        machine.box.view.exec(
          machine.within(
            machine.pid,
            ...machine.box.command('container', 'run', '--rm', ...flags, 'busybox', 'cat'),
          ),
          { env: machine.env, input: 'typed\n' },
        );
      expect(run('-i')).toMatchObject({ status: 0, stdout: 'typed\n' });
      expect(run()).toMatchObject({ status: 0, stdout: '' });
    });

    test('ends with 127 without the program, with 126 if it cannot be executed', () => {
      expect(machine.fails(127, 'run', '--name', 'none', 'busybox', 'nothere')).toMatchObject({
        code: 'container.program-not-found',
      });
      expect(machine.fails(126, 'run', '--rm', 'busybox', '/etc/passwd')).toMatchObject({
        code: 'container.program-not-executable',
      });
      // As with Docker, the container stays.
      expect(machine.inspect('none').State).toMatchObject({ Status: 'created', ExitCode: 127 });
    });

    test('ends at once if its program is a shell without a terminal and input', () => {
      expect(machine.done('run', '--rm', 'busybox')).toBe('');
    });
  });

  describe('in the background', () => {
    test('runs until it is stopped, and starts again with its changes', () => {
      const id = machine.detached('--name', 'web', 'busybox', 'sh', '-c', 'echo $$ >>/runs; exec sleep 1000');
      expect(machine.done('ls')).toMatch(new RegExp(`\n${id.slice(0, 12)} .* Up .* web\n$`));
      expect(machine.done('exec', 'web', 'hostname')).toBe(`${id.slice(0, 12)}\n`);
      machine.done('stop', '-t', '0', 'web');
      expect(machine.inspect('web').State).toMatchObject({ Status: 'exited', ExitCode: 137, Pid: 0 });
      expect(machine.taken()).toEqual([]);
      expect(machine.done('start', 'web')).toBe('web\n');
      expect(machine.done('exec', 'web', 'cat', '/runs')).toBe('1\n1\n');
      expect(machine.done('restart', '-t', '0', 'web')).toBe('web\n');
      expect(machine.done('exec', 'web', 'cat', '/runs')).toBe('1\n1\n1\n');
      machine.done('rm', '-f', 'web');
      machine.detached('--name', 'web', ...sleeping);
      expect(machine.container('exec', 'web', 'cat', '/runs').status).toBe(1);
    });

    test('gets its stop signal, and SIGKILL only after the time', async () => {
      const script = 'trap "echo got; exit 5" USR1; echo ready >/ready; while :; do sleep 0.1; done';
      machine.detached('--name', 'polite', '--stop-signal', 'USR1', 'busybox', 'sh', '-c', script);
      machine.detached(
        '--name',
        'deaf',
        '--stop-timeout',
        '0',
        'busybox',
        'sh',
        '-c',
        'trap "" TERM; sleep 1000 & wait',
      );
      const ready = () => machine.container('exec', 'polite', 'cat', '/ready').stdout === 'ready\n';
      await until('the trap is set', ready);
      expect(machine.done('stop', '-t', '60', 'polite')).toBe('polite\n');
      expect(machine.done('stop', 'deaf')).toBe('deaf\n');
      expect(machine.inspect('polite').State.ExitCode).toBe(5);
      expect(machine.inspect('deaf').State.ExitCode).toBe(137);
    }, 120_000);

    test('gets its stop signal also while it is paused', async () => {
      const script = 'trap "exit 5" TERM; echo ready >/ready; while :; do sleep 0.1; done';
      machine.detached('--name', 'web', 'busybox', 'sh', '-c', script);
      await until(
        'the trap is set',
        () => machine.container('exec', 'web', 'cat', '/ready').stdout === 'ready\n',
      );
      machine.done('pause', 'web');
      expect(machine.done('stop', '-t', '5', 'web')).toBe('web\n');
      expect(machine.inspect('web').State.ExitCode).toBe(5);
    });

    test('with --rm is restarted, and is removed after the end of the new run', async () => {
      const id = machine.detached('--rm', '--name', 'web', '-v', '/data', ...sleeping);
      const first = machine.inspect('web').State.Pid;
      machine.done('exec', 'web', 'touch', '/kept');
      expect(machine.done('restart', '-t', '0', 'web')).toBe('web\n');
      expect(machine.inspect('web')).toMatchObject({ Id: id, State: { Status: 'running' } });
      expect(machine.inspect('web').State.Pid).not.toBe(first);
      machine.done('exec', 'web', 'ls', '/kept', '/data');
      machine.done('kill', 'web');
      await until('the container is removed', () => machine.directory('containers').length === 0);
      await until('its volume is removed', () => machine.directory('volumes').length === 0);
    });

    test('is killed, waited for and removed', () => {
      const id = machine.detached('--name', 'one', ...sleeping);
      expect(machine.fails(1, 'rm', 'one')).toMatchObject({
        code: 'direct.running',
        msg: 'cannot remove container "/one": container is running: stop the container before removing or force remove',
      });
      expect(machine.done('kill', '-s', 'TERM', id.slice(0, 6))).toBe(`${id.slice(0, 6)}\n`);
      machine.done('kill', 'one');
      expect(machine.waited('one')).toBe(137);
      expect(machine.fails(1, 'kill', 'one')).toMatchObject({
        code: 'direct.not-running',
        msg: `cannot kill container: one: container ${id} is not running`,
      });
      expect(machine.done('rm', 'one')).toBe('one\n');
    });

    test('is removed by its keeper with --rm, with its anonymous volumes', async () => {
      const id = machine.detached('--rm', '--name', 'short', '-v', '/data', ...sleeping);
      expect(machine.directory('volumes')).toHaveLength(1);
      machine.done('kill', id);
      await until('the container is removed', () => machine.directory('containers').length === 0);
      await until('its volume is removed', () => machine.directory('volumes').length === 0);
      expect(machine.directory('names')).toEqual([]);
    });

    test('has a log of all its runs, with the streams apart', () => {
      machine.container('run', '--name', 'job', 'busybox', 'sh', '-c', 'echo out; echo err >&2');
      expect(machine.container('logs', 'job')).toMatchObject({ status: 0, stdout: 'out\n', stderr: 'err\n' });
      machine.container('start', '-a', 'job');
      expect(machine.container('logs', 'job')).toMatchObject({ stdout: 'out\nout\n', stderr: 'err\nerr\n' });
      machine.done('run', '--name', 'lines', 'busybox', 'sh', '-c', 'echo 1; echo 2; echo 3');
      expect(machine.done('logs', '--follow', '--tail', '2', 'lines')).toBe('2\n3\n');
      expect(machine.done('logs', '-t', '--tail', '1', 'lines')).toMatch(/^\d{4}-\S+Z 3\n$/);
      machine.done('create', '--name', 'new', 'busybox');
      expect(machine.done('logs', 'new')).toBe('');
    });

    test('is suspended and resumed', () => {
      machine.detached('--name', 'web', ...sleeping);
      machine.done('pause', 'web');
      expect(machine.inspect('web').State.Status).toBe('paused');
      expect(machine.done('ls')).toContain('(Paused)');
      machine.done('unpause', 'web');
      expect(machine.inspect('web').State.Status).toBe('running');
    });

    test('is still seen and removed after its keeper was killed', async () => {
      const id = machine.detached('--name', 'web', ...sleeping);
      const keeper = Number(
        readFileSync(`/proc/${machine.inspect('web').State.Pid}/stat`, 'utf8').split(' ')[3],
      );
      process.kill(keeper, 'SIGKILL');
      await until('(no keeper)', () => /Up .* \(no keeper\)/.test(machine.done('ls')));
      machine.done('rm', '-f', id);
      expect(machine.directory('containers')).toEqual([]);
    });
  });

  describe('its name', () => {
    test('belongs to one of two that are made at once', async () => {
      const create = () =>
        new Promise<number>(resolve => {
          const words = machine.box.command('container', 'create', '--name', 'web', 'busybox');
          machine.box.view
            .spawn(machine.within(machine.pid, ...words), {
              env: machine.env,
              stdio: ['ignore', 'ignore', 'ignore'],
            })
            .once('exit', code => resolve(code ?? -1));
        });
      const codes = await Promise.all([create(), create(), create()]);
      expect(codes.sort()).toEqual([0, 125, 125]);
      expect(machine.directory('containers')).toHaveLength(1);
      expect(machine.directory('names')).toEqual(['web']);
    });

    test('is refused if it is taken, with the holder', () => {
      const id = machine.done('create', '--name', 'web', 'busybox').trim();
      expect(machine.fails(125, 'run', '--name', 'web', 'busybox', 'true')).toMatchObject({
        code: 'direct.name-taken',
        msg: `the container name "/web" is already in use by container "${id}"`,
        hint: `choose another name, or remove that container: tsubo container rm --force ${id.slice(0, 12)}`,
      });
    });
  });

  describe('with users', () => {
    const id = (...flags: string[]) => machine.done('run', '--rm', ...flags, 'busybox', 'id').trim();
    test('of the image, by name and by number', () => {
      expect(id()).toBe('uid=0(root) gid=0(root)');
      expect(id('-u', 'www')).toBe('uid=33(www) gid=33(www) groups=29(audio)');
      expect(id('-u', '33:audio')).toBe('uid=33(www) gid=29(audio)');
      expect(id('-u', '1234')).toBe('uid=1234 gid=0(root)');
      expect(id('-u', '1234', '--group-add', 'audio')).toBe('uid=1234 gid=0(root) groups=29(audio)');
    });

    test('that the image does not have: refused, and nothing is left', () => {
      expect(machine.fails(125, 'run', '-u', 'nothere', 'busybox', 'id')).toMatchObject({
        code: 'direct.no-user',
        msg: 'unable to find user nothere: no matching entries in passwd file',
      });
      expect([machine.directory('containers'), machine.directory('names')]).toEqual([[], []]);
    });

    test('from a file that is a link: it is followed inside the image only', () => {
      const secret = machine.box.fresh('passwd');
      writeFileSync(secret, 'spy:x:77:77::/:/bin/sh\n');
      machine.image('linked', { links: { 'etc/passwd': secret } });
      expect(machine.fails(125, 'run', '-u', 'spy', 'linked', 'id')['code']).toBe('direct.no-user');
      machine.image('inside', {
        links: { 'etc/passwd': '/srv/users' },
        files: { 'srv/users': 'spy:x:78:79::/:/bin/sh\n' },
      });
      expect(machine.done('run', '--rm', '-u', 'spy', 'inside', 'id')).toContain('uid=78(spy) gid=79');
    });
  });

  describe('with a config of its image', () => {
    test('takes over entrypoint, command, environment, directory, user, labels and volumes', () => {
      machine.image('full', {
        config: {
          Entrypoint: ['/bin/sh', '-c', 'echo "$0:$A:$(pwd):$(id -u)"'],
          Cmd: ['default'],
          Env: ['PATH=/bin', 'A=image'],
          WorkingDir: '/srv',
          User: 'www',
          Labels: { purpose: 'test' },
          Volumes: { '/data': {} },
        },
      });
      expect(machine.done('run', '--name', 'one', 'full')).toBe('default:image:/srv:33\n');
      expect(machine.done('run', '--rm', '-e', 'A=flag', '-w', '/', '-u', '0', 'full', 'given')).toBe(
        'given:flag:/:0\n',
      );
      expect(machine.done('run', '--rm', '--entrypoint', '/bin/echo', 'full', 'x')).toBe('x\n');
      const { Mounts, Config } = machine.inspect('one');
      expect(Mounts).toMatchObject([{ Type: 'volume', Destination: '/data', RW: true }]);
      expect(Config['Labels']).toEqual({ purpose: 'test' });
      expect(machine.done('ls', '-aq', '--filter', 'label=purpose=test')).toMatch(/^[0-9a-f]{12}\n$/);
      expect(machine.done('ls', '-aq', '--filter', 'label=purpose=other')).toBe('');
    });

    test('without a program is refused', () => {
      machine.image('empty', { config: { Cmd: null } });
      expect(machine.fails(125, 'run', 'empty')).toMatchObject({
        code: 'direct.no-command',
        msg: 'no command specified',
      });
    });
  });

  describe('its isolation', () => {
    const status = (...flags: string[]) =>
      machine.done(
        'run',
        '--rm',
        ...flags,
        'busybox',
        'grep',
        '-E',
        '^(CapEff|CapBnd|NoNewPrivs|Seccomp):',
        '/proc/self/status',
      );

    test('is that of Docker', () => {
      expect(status().replace(/\s+/g, ' ')).toBe(
        'CapEff: 00000000a80425fb CapBnd: 00000000a80425fb NoNewPrivs: 0 Seccomp: 2 ',
      );
      const script =
        'umount /proc 2>&1; unshare -U true 2>&1; cat /proc/kcore 2>/dev/null; ls -A /sys/firmware; echo x 2>/dev/null >/proc/sys/kernel/hostname || echo ro';
      expect(machine.done('run', '--rm', 'busybox', 'sh', '-c', script)).toBe(
        "umount: can't unmount /proc: Operation not permitted\nunshare: unshare(0x10000000): Operation not permitted\nro\n",
      );
    });

    test('follows the options', () => {
      const flags = ['--cap-drop', 'ALL', '--cap-add', 'CHOWN', '--security-opt', 'no-new-privileges'];
      expect(status(...flags, '--security-opt', 'seccomp=unconfined').replace(/\s+/g, ' ')).toBe(
        'CapEff: 0000000000000001 CapBnd: 0000000000000001 NoNewPrivs: 1 Seccomp: 0 ',
      );
      const profile = machine.box.fresh('profile');
      writeFileSync(
        profile,
        JSON.stringify({
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [{ names: ['chmod', 'fchmodat', 'fchmodat2'], action: 'SCMP_ACT_ERRNO' }],
        }),
      );
      const run = ['run', '--rm', '--security-opt', `seccomp=${profile}`, 'busybox'];
      expect(machine.container(...run, 'chmod', '700', '/tmp').status).toBe(1);
      expect(machine.done(...run, 'echo', 'well')).toBe('well\n');
      expect(
        machine.done(
          'run',
          '--rm',
          '--read-only',
          'busybox',
          'sh',
          '-c',
          'touch /x 2>/dev/null || echo refused',
        ),
      ).toBe('refused\n');
    });
  });

  describe('its network', () => {
    test('is the default one, none, or that of the host', () => {
      const addresses = (...flags: string[]) =>
        machine.done('run', '--rm', ...flags, 'busybox', 'cat', '/etc/hosts');
      expect(addresses('--hostname', 'jar')).toMatch(/^10\.63\.0\.\d+\tjar/m);
      expect(addresses('--network', 'none')).not.toContain('10.63');
      expect(addresses('--network', 'none', '--add-host', 'db:10.0.0.5')).toContain('10.0.0.5\tdb\n');
      expect(addresses('--add-host', 'db:10.0.0.5')).toMatch(
        /^10\.63\.0\.\d+\t\S+\n(.*\n)*10\.0\.0\.5\tdb\n$/m,
      );
      const links = (...flags: string[]) =>
        machine.done('run', '--rm', ...flags, 'busybox', 'ls', '/sys/class/net');
      expect(links()).toBe('eth0\nlo\n');
      expect(links('--network', 'none')).toBe('lo\n');
      expect(links('--network', 'host')).toContain('uplink');
      expect(machine.done('run', '--rm', '--dns', '192.0.2.53', 'busybox', 'cat', '/etc/resolv.conf')).toBe(
        'nameserver 192.0.2.53\n',
      );
    });

    test('publishes a port, refuses the same again with the holder, and takes another', () => {
      machine.image('web', {
        config: { ExposedPorts: { '80/tcp': {} } },
        files: { 'srv/index.html': 'a jar\n' },
      });
      const httpd = ['web', 'busybox', 'httpd', '-f', '-p', '80', '-h', '/srv'];
      const id = machine.detached('--name', 'one', '-p', '8800:80', ...httpd);
      machine.detached('--name', 'two', '-p', '8801:80', ...httpd);
      const get = (port: number) =>
        machine.in(
          machine.pid,
          'curl',
          '-sS',
          '--retry',
          '20',
          '--retry-connrefused',
          '-m',
          '20',
          `http://127.0.0.1:${port}/`,
        );
      expect([get(8800), get(8801)]).toEqual(['a jar\n', 'a jar\n']);
      expect(machine.done('ls', '--filter', 'name=one')).toContain('0.0.0.0:8800->80/tcp, [::]:8800->80/tcp');
      expect(machine.fails(125, 'run', '-d', '--name', 'three', '-p', '8800:80', ...httpd)).toMatchObject({
        code: 'network.port-taken',
        msg: expect.stringContaining(`port 8800/tcp of 0.0.0.0 is in use by container ${id}`),
      });
      expect(machine.inspect('three').State.Status).toBe('created');
      machine.done('stop', '-t', '0', 'one');
      expect(machine.done('start', 'three')).toBe('three\n');
      expect(get(8800)).toBe('a jar\n');
      expect(machine.fails(1, 'start', 'one')['code']).toBe('network.port-taken');
    });
  });

  describe('with published ports', () => {
    test('on the network none has no network, and on that of the host they are ignored with a warning', () => {
      machine.image('web', { config: { ExposedPorts: { '80/tcp': {} } } });
      const links = (...flags: string[]) =>
        machine.container('run', '--rm', ...flags, 'web', 'busybox', 'ls', '/sys/class/net');
      for (const flag of ['-p8800:80', '-P']) {
        expect(links('--network', 'none', flag)).toMatchObject({ status: 0, stdout: 'lo\n', log: [] });
        const onHost = links('--network', 'host', flag);
        expect(onHost).toMatchObject({ status: 0, log: [{ level: 'warning' }] });
        expect(onHost.log[0]?.msg).toBe(
          'published ports are ignored: with --network host, all ports are those of the host',
        );
        expect(onHost.stdout).toContain('uplink');
        expect(onHost.stdout).not.toContain('eth0');
      }
    });
  });

  describe('with files of the caller', () => {
    const piped = (option: string) =>
      machine.box.view.exec(
        machine.within(
          machine.pid,
          'bash',
          '-c',
          `"$@" ${option} <(echo A=from-pipe) busybox env >/dev/null`,
          'bash',
          ...machine.box.command('container', 'run', '--network', 'none', '--name', 'piped'),
        ),
        { env: machine.env },
      );

    test('takes labels from a pipe', () => {
      expect(piped('--label-file')).toMatchObject({ status: 0, stderr: '' });
      expect(machine.inspect('piped').Config['Labels']).toEqual({ A: 'from-pipe' });
    });

    // Node.js 20 has an option --env-file of its own, and reads that file also if the option follows the script.
    test.skipIf(requires('host:standalone'))('takes its environment from a pipe', () => {
      expect(piped('--env-file')).toMatchObject({ status: 0, stderr: '' });
      expect(machine.logs('piped')).toContain('\nA=from-pipe\n');
    });
  });

  describe('with volumes', () => {
    test('a named one outlives it and gets the content of the image; an anonymous one goes with rm -v', () => {
      machine.image('data', { files: { 'data/first': 'of the image\n' } });
      expect(machine.done('run', '--rm', '-v', 'kept:/data', 'data', 'cat', '/data/first')).toBe(
        'of the image\n',
      );
      machine.done('run', '--rm', '-v', 'kept:/data', 'data', 'sh', '-c', 'echo changed >/data/first');
      expect(machine.done('run', '--rm', '-v', 'kept:/data:ro', 'data', 'cat', '/data/first')).toBe(
        'changed\n',
      );
      const done = machine.container('run', '--rm', '-v', 'kept:/data:ro', 'data', 'touch', '/data/x');
      expect(done.stderr).toContain('Read-only file system');
      machine.done('run', '--name', 'one', '-v', '/data', 'data', 'true');
      machine.done('run', '--name', 'two', '-v', '/data', 'data', 'true');
      expect(machine.directory('volumes')).toHaveLength(3);
      machine.done('rm', 'one');
      machine.done('rm', '-v', 'two');
      expect(machine.directory('volumes')).toHaveLength(2);
      expect(machine.must('volume', 'prune')).toMatch(/^[0-9a-f]{64}\n$/);
      expect(machine.must('volume', 'ls', '-q')).toBe('kept\n');
    });

    test('is stored, like its volumes, in a directory that only root can enter', () => {
      machine.done('run', '--name', 'kept', '-v', 'kept:/data', 'busybox', 'true');
      for (const name of ['containers', 'volumes']) {
        const { mode, uid } = statSync(join(machine.data, name));
        expect({ name, mode: mode & 0o777, uid }).toEqual({ name, mode: 0o700, uid: 0 });
      }
    });

    test('is refused to volume rm while it has one, also if it does not run', () => {
      const id = machine.done('create', '-v', 'kept:/data', 'busybox').trim();
      const done = machine.oci('volume', 'rm', 'kept');
      expect(done.log.find(({ level }) => level === 'error')).toMatchObject({
        code: 'direct.volume-in-use',
        msg: `remove kept: volume is in use - [${id}]`,
      });
      machine.done('rm', id);
      expect(machine.must('volume', 'rm', 'kept')).toBe('kept\n');
      expect(machine.directory('volumes')).toEqual([]);
    });

    test('sees directories of the host, and a missing one is made only by --volume', () => {
      const source = machine.box.mkdir('source');
      writeFileSync(join(source, 'note'), 'of the host\n');
      expect(machine.done('run', '--rm', '-v', `${source}:/in:ro`, 'busybox', 'cat', '/in/note')).toBe(
        'of the host\n',
      );
      const missing = join(source, 'new');
      const mount = `type=bind,source=${missing},target=/in`;
      expect(machine.fails(125, 'run', '--mount', mount, 'busybox', 'true')).toMatchObject({
        code: 'usage.bad-value',
        msg: `invalid mount config for type "bind": bind source path does not exist: ${missing}`,
      });
      machine.done('run', '--rm', '-v', `${missing}:/in`, 'busybox', 'touch', '/in/made');
      expect(existsSync(join(missing, 'made'))).toBe(true);
      expect(
        machine.done('run', '--rm', '--tmpfs', '/mine:size=1m', 'busybox', 'grep', '/mine', '/proc/mounts'),
      ).toContain('size=1024k');
    });
  });

  describe('copies', () => {
    test('of files and directories work in both directions, running or not', () => {
      const host = machine.box.mkdir('host');
      mkdirSync(join(host, 'site'));
      writeFileSync(join(host, 'site/page'), 'page\n', { mode: 0o640 });
      for (const state of ['running', 'stopped'] as const) {
        const words = state === 'running' ? ['run', '-d'] : ['create'];
        machine.done(...words, '--name', state, ...sleeping);
        machine.done('cp', join(host, 'site'), `${state}:/srv`);
        machine.done('cp', `${join(host, 'site')}/.`, `${state}:/tmp`);
        machine.done('cp', join(host, 'site/page'), `${state}:/srv/site/other`);
        const out = join(host, state);
        machine.done('cp', `${state}:/srv/site`, out);
        expect(readFileSync(join(out, 'page'), 'utf8')).toBe('page\n');
        expect(readFileSync(join(out, 'other'), 'utf8')).toBe('page\n');
        expect(statSync(join(out, 'page')).mode & 0o777).toBe(0o640);
        machine.done('cp', `${state}:/tmp/page`, `${out}/`);
      }
      machine.done('start', 'stopped');
      expect(machine.done('exec', 'stopped', 'cat', '/srv/site/page', '/tmp/page')).toBe('page\npage\n');
    });

    test('never change a read-only mount or root of a container that does not run', () => {
      const host = machine.box.mkdir('host');
      const source = machine.box.mkdir('source');
      const page = join(host, 'page');
      writeFileSync(page, 'page\n');
      const mounts = ['-v', `${source}:/in:ro`, '-v', 'pages:/pages'];
      machine.done('create', '--name', 'web', '--read-only', ...mounts, ...sleeping);
      expect(machine.fails(1, 'cp', page, 'web:/in/page')).toMatchObject({
        code: 'direct.read-only',
        msg: 'mounted volume is marked read-only',
        hint: 'copy into the volume on the host, or make the container without ro for the mount',
      });
      expect(machine.fails(1, 'cp', page, 'web:/tmp/page')).toMatchObject({
        code: 'direct.read-only',
        msg: 'container rootfs is marked read-only',
        hint: 'copy into a volume, or make the container without --read-only',
      });
      expect(readdirSync(source)).toEqual([]);
      expect(machine.fails(1, 'cp', 'web:/tmp/page', host)['code']).toBe('direct.no-path');
      machine.done('cp', page, 'web:/pages/page');
      machine.done('cp', 'web:/pages/page', join(host, 'copy'));
      expect(readFileSync(join(host, 'copy'), 'utf8')).toBe('page\n');
      machine.done('rm', 'web');
      machine.must('volume', 'rm', 'pages');
    });

    test('reach a mount of a container that does not run through links', () => {
      const host = machine.box.mkdir('host');
      const source = machine.box.mkdir('source');
      writeFileSync(join(host, 'page'), 'page\n');
      const mount = ['-v', `${source}:/real/pages`];
      const links = 'mkdir -p /links; ln -s ../real /links/real; ln -s /links/real/pages /links/pages';
      machine.done(
        'run',
        '--name',
        'web',
        ...mount,
        'busybox',
        'sh',
        '-c',
        `${links}; ln -s /etc /real/pages/etc`,
      );
      machine.done('cp', join(host, 'page'), 'web:/links/real/pages/one');
      machine.done('cp', join(host, 'page'), 'web:/links/pages/two');
      machine.done('cp', join(host, 'page'), 'web:/links/pages');
      expect(readdirSync(source).sort()).toEqual(['etc', 'one', 'page', 'two']);
      machine.done('cp', 'web:/links/pages/two', join(host, 'copy'));
      expect(readFileSync(join(host, 'copy'), 'utf8')).toBe('page\n');
      // A link of the mount leads back into the container.
      machine.done('cp', join(host, 'page'), 'web:/real/pages/etc/mine');
      machine.done('cp', 'web:/etc/mine', join(host, 'mine'));
      expect(readFileSync(join(host, 'mine'), 'utf8')).toBe('page\n');
    });

    test('never leave the container through its links', async () => {
      const host = machine.box.mkdir('host');
      writeFileSync(join(host, 'secret'), 'secret\n');
      machine.detached('--name', 'web', 'busybox', 'sh', '-c', `ln -s ${host} /out; sleep 1000`);
      const linked = () => machine.container('exec', 'web', 'test', '-L', '/out').status === 0;
      await until('the link is made', linked);
      expect(machine.fails(1, 'cp', 'web:/out/secret', join(host, 'copy'))).toMatchObject({
        code: 'direct.no-path',
        msg: 'Could not find the file /out/secret in container web',
      });
      writeFileSync(join(host, 'new'), 'new\n');
      expect(machine.fails(1, 'cp', join(host, 'new'), 'web:/out/new2')['code']).toBe('direct.no-path');
      expect(existsSync(join(host, 'new2'))).toBe(false);
    });
  });

  describe('exec', () => {
    test('takes user, directory and environment, and returns the exit status', () => {
      machine.detached('--name', 'web', ...sleeping);
      expect(
        machine.done(
          'exec',
          '-u',
          'www',
          '-w',
          '/srv',
          '-e',
          'A=1',
          'web',
          'sh',
          '-c',
          'echo $A $(pwd) $(id -un)',
        ),
      ).toBe('1 /srv www\n');
      expect(machine.container('exec', 'web', 'sh', '-c', 'exit 7').status).toBe(7);
      expect(machine.fails(127, 'exec', 'web', 'nothere')['code']).toBe('container.program-not-found');
      machine.done('stop', '-t', '0', 'web');
      expect(machine.fails(125, 'exec', 'web', 'true')).toMatchObject({ code: 'direct.not-running' });
    });
  });

  describe('bad input', () => {
    test.each([
      [125, ['run', '--memory', '5m', 'busybox'], 'usage.bad-value'],
      [125, ['run', '--nosuch', 'busybox'], 'usage.unknown-option'],
      [125, ['run'], 'usage.arguments'],
      [125, ['run', '-p', '8800', '--publish', 'x:80', 'busybox'], 'usage.publish'],
      [125, ['run', '--name', '-x', 'busybox'], 'direct.bad-name'],
      [125, ['run', '--network', 'nothere', 'busybox', 'true'], 'network.unknown'],
      [125, ['run', '--pull', 'never', 'nothere'], 'image.unknown'],
      [125, ['run', '--pull', 'often', 'busybox'], 'usage.bad-value'],
      [125, ['run', 'Upper'], 'image.reference'],
      [125, ['run', '-it', 'busybox'], 'usage.terminal'],
      [125, ['run', '--device', '/etc/passwd', 'busybox'], 'usage.bad-value'],
      [125, ['run', '--stop-signal', 'NOPE', 'busybox'], 'usage.signal'],
      [125, ['run', '--hostname', 'x\n6.6.6.6 example.com', 'busybox'], 'usage.bad-value'],
      [125, ['run', '--hostname', '../x', 'busybox'], 'usage.bad-value'],
      [125, ['create', '--cidfile', '/nothere/id', 'busybox'], 'host.syscall'],
      [1, ['stop', 'nothere'], 'direct.no-container'],
      [1, ['start', 'nothere'], 'direct.no-container'],
      [1, ['rm', 'nothere'], 'direct.no-container'],
      [1, ['inspect', 'nothere'], 'direct.no-container'],
      [1, ['ls', '--filter', 'x=1'], 'usage.bad-value'],
      [1, ['cp', 'a', 'b'], 'usage.arguments'],
    ] as const)('%i: %j', (status, words, code) => {
      expect(machine.fails(status, ...words)['code']).toBe(code);
    });

    test('makes no container, name or volume', () => {
      machine.fails(125, 'run', '--rm', '--network', 'nothere', 'busybox', 'true');
      machine.fails(125, 'run', '--rm', '-v', '/anonymous', '--device', '/etc/passwd', 'busybox');
      expect([
        machine.directory('containers'),
        machine.directory('names'),
        machine.directory('volumes'),
      ]).toEqual([[], [], []]);
    });
  });
});
