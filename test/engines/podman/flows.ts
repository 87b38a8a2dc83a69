// SPDX-License-Identifier: Apache-2.0
import { strict as assert } from 'node:assert';
import { type Engine, type Flow, waitFor } from '../flow.ts';
import { recipe } from '../recipe.ts';
import { Terminal } from '../terminal.ts';
import { checkpoints } from './checkpoints.ts';
import { Podman } from './engine.ts';

const forever = ['sh', '-c', 'trap "exit 3" TERM; echo up; while :; do sleep 0.2; done'] as const;

/** Without a network of its own: for a user this would need /dev/net/tun, which few nested machines have. */
const alone = ['--network', 'none'] as const;

function sh(podman: Podman, options: readonly string[], script: string): string {
  return podman.ok('run', '--rm', ...alone, ...options, 'box', 'sh', '-c', script);
}

/** Flows of root and of users. */
const common: readonly Flow<Podman>[] = [
  {
    name: 'a program in the foreground prints to both outputs, reads its input, and returns its status',
    short: true,
    run: podman => {
      const script = 'read line; echo "got $line"; echo bad >&2; exit 42';
      const ran = podman.run(['run', '--rm', '-i', ...alone, 'box', 'sh', '-c', script], {
        input: 'a line\n',
      });
      assert.deepEqual(ran, { status: 42, stdout: 'got a line\n', stderr: 'bad\n' });
    },
  },
  {
    name: 'a missing program is 127, one without the permission 126, a missing option 125',
    short: true,
    run: podman => {
      const missing = podman.run(['run', '--rm', ...alone, 'box', 'nosuch']);
      assert.equal(missing.status, 127, missing.stderr);
      assert.match(
        missing.stderr,
        /executable file `?nosuch`? not found in \$PATH|"nosuch": executable file not found in \$PATH/,
      );
      const refused = podman.run(['run', '--rm', ...alone, 'box', '/etc/passwd']);
      assert.equal(refused.status, 126, refused.stderr);
      assert.equal(podman.run(['run', '--rm', '--no-such-option', 'box']).status, 125);
      podman.ok('run', '--detach', '--name', 'one', ...alone, 'box', ...forever);
      assert.equal(podman.run(['exec', 'one', 'nosuch']).status, 127);
      assert.equal(podman.run(['exec', 'one', '/etc/passwd']).status, 126);
    },
  },
  {
    name: 'a detached container is listed, has logs, is stopped with its status, and starts again',
    short: true,
    run: async podman => {
      podman.ok('run', '--detach', '--name', 'one', ...alone, 'box', ...forever);
      assert.match(podman.ok('ps', '--format', '{{.Names}} {{.Status}}'), /^one Up/);
      await waitFor('the log', () => (podman.ok('logs', 'one') === 'up' ? true : undefined));
      podman.ok('exec', 'one', 'sh', '-c', 'echo stays >/root/kept');
      podman.ok('stop', 'one');
      assert.equal(podman.inspect('one', '{{.State.Status}} {{.State.ExitCode}}'), 'exited 3');
      podman.ok('start', 'one');
      assert.equal(podman.ok('exec', 'one', 'cat', '/root/kept'), 'stays');
      podman.ok('restart', '--time', '1', 'one');
      assert.equal(podman.inspect('one', '{{.State.Running}}'), 'true');
      podman.ok('rm', '--force', 'one');
      assert.equal(podman.ok('ps', '--all', '--quiet'), '');
    },
  },
  {
    name: 'exec runs programs with the requested environment, directory and user',
    run: podman => {
      podman.ok('run', '--detach', '--name', 'one', '--env', 'A=b', ...alone, 'box', ...forever);
      const script = 'echo $A $C $(pwd) $(id -u):$(id -g)';
      const options = ['--env', 'C=d', '--workdir', '/tmp', '--user', '33:33'];
      assert.equal(podman.ok('exec', 'one', 'sh', '-c', script), 'b / 0:0');
      assert.equal(podman.ok('exec', ...options, 'one', 'sh', '-c', script), 'b d /tmp 33:33');
      assert.equal(podman.run(['exec', 'one', 'sh', '-c', 'exit 9']).status, 9);
      assert.equal(podman.run(['exec', '-i', 'one', 'tr', 'a-z', 'A-Z'], { input: 'abc' }).stdout, 'ABC');
    },
  },
  {
    name: 'run and exec on a terminal have its size and follow a change of it',
    short: true,
    run: async podman => {
      const run = podman.command(['run', '-it', '--name', 'one', ...alone, 'box']);
      const first = Terminal.open(podman.machine, 33, 77, run);
      await first.expect(/# /);
      const poll = (size: string) =>
        `while [ "$(stty size)" != "${size}" ]; do sleep 0.1; done; echo size=$(stty size)\n`;
      first.type(poll('33 77'));
      await first.expect(/size=33 77/);
      const second = Terminal.open(podman.machine, 21, 55, podman.command(['exec', '-it', 'one', 'sh']));
      await second.expect(/# /);
      second.type(poll('22 66'));
      await second.resizeUntil(22, 66, /size=22 66/);
      second.type('exit 7\n');
      assert.equal(await second.ended(), 7);
      first.type(poll('44 99'));
      await first.resizeUntil(44, 99, /size=44 99/);
      first.type('exit 6\n');
      assert.equal(await first.ended(), 6);
    },
  },
  {
    name: 'a container is paused and resumed, has its processes listed, and is killed with a signal',
    run: async podman => {
      podman.ok(
        'run',
        '--detach',
        '--name',
        'one',
        ...alone,
        'box',
        'sh',
        '-c',
        'trap "exit 5" USR1; while :; do sleep 0.1; done',
      );
      podman.ok('pause', 'one');
      assert.equal(podman.inspect('one', '{{.State.Status}}'), 'paused');
      podman.ok('unpause', 'one');
      assert.match(podman.ok('top', 'one', 'pid', 'comm'), /^1\s+sh$/m);
      podman.ok('kill', '--signal', 'USR1', 'one');
      assert.equal(podman.ok('wait', 'one'), '5');
    },
  },
  {
    name: 'user, capabilities, read-only root, tmpfs, sysctls and volumes are as requested',
    run: podman => {
      assert.equal(sh(podman, ['--user', '33:44'], 'echo $(id -u) $(id -g)'), '33 44');
      const none = sh(podman, ['--cap-drop', 'all'], 'grep CapEff /proc/self/status');
      assert.match(none, /0000000000000000$/);
      const kept = sh(
        podman,
        ['--read-only', '--tmpfs', '/scratch'],
        'touch /x 2>&1; touch /scratch/x && echo made',
      );
      assert.match(kept, /Read-only file system\nmade$/);
      assert.equal(sh(podman, ['--sysctl', 'kernel.shmmni=99'], 'cat /proc/sys/kernel/shmmni'), '99');
      assert.equal(sh(podman, ['--hostname', 'jar'], 'hostname'), 'jar');
      podman.ok('volume', 'create', 'kept');
      sh(podman, ['--volume', 'kept:/v'], 'echo stays >/v/file');
      assert.equal(sh(podman, ['--volume', 'kept:/w:ro'], 'cat /w/file'), 'stays');
      assert.match(
        sh(podman, ['--security-opt', 'seccomp=unconfined'], 'grep Seccomp: /proc/self/status'),
        /0$/,
      );
      assert.match(sh(podman, ['--init'], 'cat /proc/1/comm'), /catatonit|podman-init/);
    },
  },
  {
    name: 'the program has the requested resource limits',
    run: podman => {
      assert.equal(sh(podman, ['--ulimit', 'nofile=100:200'], 'ulimit -n; ulimit -Hn'), '100\n200');
    },
  },
  {
    name: 'a container can be privileged, and can share namespaces of the host',
    run: podman => {
      assert.match(
        sh(
          podman,
          ['--privileged'],
          'grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp && echo mounted',
        ),
        /0\nmounted$/,
      );
      const namespace = podman.machine.run(['readlink', '/proc/self/ns/pid']).stdout.trim();
      assert.equal(sh(podman, ['--pid', 'host'], 'readlink /proc/self/ns/pid'), namespace);
      const net = podman.ok('run', '--rm', '--network', 'host', 'box', 'readlink', '/proc/self/ns/net');
      assert.equal(net, podman.machine.run(['readlink', '/proc/self/ns/net']).stdout.trim());
    },
  },
  {
    name: 'a container for systemd has its directories on tmpfs and its own cgroups to write',
    run: podman => {
      const script =
        'grep -c "tmpfs /\\(run\\|tmp\\|var/log/journal\\) " /proc/self/mounts; mkdir /sys/fs/cgroup/own && echo made; echo $container';
      assert.match(sh(podman, ['--systemd', 'always'], script), /^3\nmade\n(oci|podman)$/);
    },
  },
  {
    name: 'a health check runs in the container',
    run: podman => {
      const check = ['--health-cmd', 'test -e /tmp/well', '--health-interval', 'disable'];
      podman.ok('run', '--detach', '--name', 'one', ...alone, ...check, 'box', ...forever);
      assert.equal(podman.run(['healthcheck', 'run', 'one']).status, 1);
      podman.ok('exec', 'one', 'touch', '/tmp/well');
      assert.equal(podman.run(['healthcheck', 'run', 'one']).status, 0);
    },
  },
  {
    name: 'descriptors of the caller arrive in the container',
    run: podman => {
      const { machine } = podman;
      const command = podman.command([
        'run',
        '--rm',
        ...alone,
        '--preserve-fds',
        '1',
        'box',
        'cat',
        '/proc/self/fd/3',
      ]);
      const quoted = command.map(word => `'${word}'`).join(' ');
      machine.write('/tmp/passed', 'through 3\n');
      assert.equal(machine.run(['sh', '-c', `exec ${quoted} 3</tmp/passed`]).stdout, 'through 3\n');
    },
  },
  {
    name: 'build runs the steps of a Containerfile',
    run: podman => {
      podman.machine.write(
        '/srv/context/Containerfile',
        'FROM localhost/box\nRUN echo "built by $(id -u)" >/built\nUSER 33\nCMD ["cat", "/built"]\n',
      );
      podman.ok('build', '--network', 'none', '--tag', 'built', '/srv/context');
      assert.equal(podman.ok('run', '--rm', ...alone, 'built'), 'built by 0');
    },
  },
  {
    name: 'twenty containers start at once',
    run: podman => {
      const words = podman.command(['run', '--rm', ...alone, 'box', 'echo', 'from']).map(word => `'${word}'`);
      const script = `for n in $(seq 20); do { ${words.join(' ')} $n; } & done; wait`;
      const { stdout, stderr } = podman.machine.run(['sh', '-c', script], { timeoutMs: 300_000 });
      const expected = Array.from({ length: 20 }, (_, index) => `from ${index + 1}`);
      assert.deepEqual(stdout.trimEnd().split('\n').sort(), expected.sort(), stderr);
    },
  },
];

const asRoot: readonly Flow<Podman>[] = [
  {
    name: 'web servers answer on their ports and by their names',
    short: true,
    run: async podman => {
      podman.ok('network', 'create', 'inner');
      podman.ok('run', '--detach', '--name', 'one', '--network', 'inner', '--publish', '8800:80', 'httpd');
      const page = await waitFor('port 8800', () => {
        const got = podman.machine.run(['curl', '--silent', '--fail', 'http://127.0.0.1:8800/']);
        return got.status === 0 ? got.stdout : undefined;
      });
      assert.equal(page, 'a page\n');
      const look = 'nslookup one | grep -c "Address: 10\\."; true';
      assert.equal(podman.ok('run', '--rm', '--network', 'inner', 'box', 'sh', '-c', look), '1');
      assert.equal(podman.run(['run', '--publish', '8800:80', 'httpd']).status, 126);
    },
  },
  {
    name: 'the containers of a pod share its network, and are stopped together',
    run: podman => {
      podman.ok('pod', 'create', '--name', 'group', '--network', 'none');
      podman.ok('run', '--detach', '--pod', 'group', '--name', 'one', 'httpd');
      const get = ['sh', '-c', 'wget -qO- http://127.0.0.1/; readlink /proc/self/ns/net'];
      const [page, net] = podman.ok('run', '--rm', '--pod', 'group', 'box', ...get).split('\n');
      assert.deepEqual([page, net], ['a page', podman.ok('exec', 'one', 'readlink', '/proc/self/ns/net')]);
      podman.ok('pod', 'stop', '--time', '1', 'group');
      assert.equal(podman.inspect('one', '{{.State.Running}}'), 'false');
    },
  },
  {
    name: 'play kube starts the pod of a Kubernetes document and takes it down',
    run: podman => {
      const document = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'kube' },
        spec: {
          containers: [
            { name: 'web', image: 'localhost/httpd', args: ['/bin/httpd', '-f', '-p', '80', '-h', '/www'] },
            {
              name: 'shell',
              image: 'localhost/box',
              command: ['/bin/sleep', '1000'],
              securityContext: { runAsUser: 33 },
            },
          ],
        },
      };
      podman.machine.write('/tmp/pod.yaml', JSON.stringify(document));
      podman.ok('play', 'kube', '/tmp/pod.yaml');
      const get = 'id -u; wget -qO- http://127.0.0.1/';
      assert.equal(podman.ok('exec', 'kube-shell', '/bin/sh', '-c', get), '33\na page');
      podman.ok('play', 'kube', '--down', '/tmp/pod.yaml');
      assert.equal(podman.ok('ps', '--all', '--quiet'), '');
    },
  },
  {
    name: 'containers with --userns=auto have different ids of the machine',
    run: podman => {
      const look = 'id -u; cat /proc/self/uid_map | tr -s " "';
      const maps = ['one', 'two'].map(name => {
        const options = ['--name', name, ...alone, '--userns', 'auto:size=1000'];
        return podman.ok('run', ...options, 'box', 'sh', '-c', look).split('\n');
      });
      const begins = maps.map(([id, map]) => {
        assert.equal(id, '0');
        return /^ 0 (\d+) 1000$/.exec(map ?? '')?.[1];
      });
      assert.ok(begins[0] !== undefined && begins[1] !== undefined && begins[0] !== begins[1], `${begins}`);
    },
  },
  {
    name: 'limits are in the control files, and update changes them',
    controllers: ['memory', 'cpu', 'pids'],
    run: podman => {
      const options = ['--memory', '64m', '--cpus', '0.5', '--pids-limit', '20'];
      podman.ok('run', '--detach', '--name', 'one', ...alone, ...options, 'box', ...forever);
      const look = ['exec', 'one', 'sh', '-c', 'cd /sys/fs/cgroup; cat memory.max cpu.max pids.max'];
      assert.equal(podman.ok(...look), '67108864\n50000 100000\n20');
      podman.ok('update', '--memory', '96m', '--cpus', '0.25', 'one');
      assert.equal(podman.ok(...look), '100663296\n25000 100000\n20');
    },
  },
  {
    name: 'buildah runs programs in a working container and commits it',
    run: podman => {
      const buildah = (...args: readonly string[]) => {
        const { status, stdout, stderr } = podman.machine.run(['buildah', ...args]);
        assert.equal(status, 0, stderr);
        return stdout.trimEnd();
      };
      // The recipe is a whole command line: `buildah run OPTIONS CONTAINER PROGRAM`.
      const recommended = recipe('buildah', 'sh').trim().split(' ').slice(2, -2);
      const runtime = podman.runtime === 'tsubo' ? recommended : ['--runtime', podman.runtime];
      const name = buildah('from', 'localhost/box');
      try {
        assert.equal(
          buildah('run', ...runtime, '--network', 'none', name, 'sh', '-c', 'echo in >/f; cat /f'),
          'in',
        );
        const failing = ['buildah', 'run', ...runtime, '--network', 'none', name, 'sh', '-c', 'exit 9'];
        assert.equal(podman.machine.run(failing).status, 9);
        buildah('commit', name, 'committed');
      } finally {
        buildah('rm', name);
      }
      assert.equal(podman.ok('run', '--rm', ...alone, 'committed', 'cat', '/f'), 'in');
      podman.machine.write('/srv/context/Containerfile', 'FROM localhost/box\nRUN echo stepped >/step\n');
      buildah('bud', ...runtime, '--network', 'none', '--tag', 'stepped', '/srv/context');
      assert.equal(podman.ok('run', '--rm', ...alone, 'stepped', 'cat', '/step'), 'stepped');
    },
  },
];

const asUser: readonly Flow<Podman>[] = [
  {
    name: 'the user keeps its id with --userns=keep-id, and is root otherwise',
    short: true,
    run: podman => {
      assert.equal(sh(podman, ['--userns', 'keep-id'], 'id -u'), '1000');
      assert.equal(
        sh(podman, [], 'id -u; cat /proc/self/uid_map | tr -s " "'),
        '0\n 0 1000 1\n 1 2000000 65536',
      );
    },
  },
  {
    name: 'a web server of a user answers on a port',
    run: async podman => {
      podman.ok('run', '--detach', '--name', 'one', '--publish', '8800:80', 'httpd');
      const page = await waitFor('port 8800', () => {
        const got = podman.machine.run(['curl', '--silent', '--fail', 'http://127.0.0.1:8800/']);
        return got.status === 0 ? got.stdout : undefined;
      });
      assert.equal(page, 'a page\n');
    },
  },
];

export const podman: Engine<Podman> = {
  name: 'podman',
  start: (machine, runtime) => Podman.start(machine, runtime),
  flows: [...common, ...asRoot, ...checkpoints],
};

export const podmanOfUser: Engine<Podman> = {
  name: 'podman-user',
  start: (machine, runtime) => Podman.start(machine, runtime, true),
  flows: [...common, ...asUser],
};
