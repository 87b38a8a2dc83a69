// SPDX-License-Identifier: Apache-2.0
// Options of `run` about the process, its rights, its files and its namespaces.
import { strict as assert } from 'node:assert';
import { type Flow, waitFor } from '../flow.ts';
import type { Docker } from './engine.ts';

/** The output of a shell script in a new container. */
function sh(docker: Docker, options: readonly string[], script: string): string {
  return docker.ok('run', '--rm', ...options, 'box', 'sh', '-c', script);
}

/** A capability set of the program. */
const capabilities = (docker: Docker, options: readonly string[], set = 'CapEff') =>
  BigInt(`0x${sh(docker, options, `sed -n "s/^${set}:\\s*//p" /proc/self/status`)}`);

export const settings: readonly Flow<Docker>[] = [
  {
    name: 'the program has the user and the groups that are given by name or by number',
    short: true,
    run: docker => {
      const look = 'echo $(id -u) $(id -g) $(id -G)';
      assert.equal(sh(docker, [], look), '0 0 0');
      assert.equal(sh(docker, ['--user', 'web'], look), '33 33 33 44');
      assert.equal(sh(docker, ['--user', '1000:2000', '--group-add', '44'], look), '1000 2000 2000 44');
    },
  },
  {
    name: 'capabilities are dropped and added',
    short: true,
    run: docker => {
      assert.equal(capabilities(docker, []), 0xa80425fbn);
      assert.equal(capabilities(docker, ['--cap-drop', 'all']), 0n);
      assert.equal(capabilities(docker, ['--cap-drop', 'all', '--cap-add', 'net_admin']), 1n << 12n);
      assert.equal(capabilities(docker, ['--user', '1000']), 0n);
      assert.equal(capabilities(docker, ['--user', '1000'], 'CapBnd'), 0xa80425fbn);
    },
  },
  {
    name: 'the program has no-new-privileges and a seccomp filter as requested',
    run: docker => {
      const look = 'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status | tr "\\t" " "';
      assert.equal(sh(docker, [], look), 'NoNewPrivs: 0\nSeccomp: 2');
      assert.equal(sh(docker, ['--security-opt', 'no-new-privileges'], look), 'NoNewPrivs: 1\nSeccomp: 2');
      assert.equal(sh(docker, ['--security-opt', 'seccomp=unconfined'], look), 'NoNewPrivs: 0\nSeccomp: 0');
      const refused = 'unshare -U true 2>&1; echo $?';
      assert.match(sh(docker, [], refused), /Operation not permitted\n1$/);
    },
  },
  {
    name: 'a seccomp profile of the user refuses the call that it names',
    run: docker => {
      const profile = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 95 }],
      };
      docker.machine.write('/tmp/profile.json', JSON.stringify(profile));
      const printed = sh(docker, ['--security-opt', 'seccomp=/tmp/profile.json'], 'mkdir /d 2>&1; echo $?');
      assert.match(printed, /Not supported\n1$/i);
    },
  },
  {
    name: 'a read-only root has a tmpfs and a writable volume',
    short: true,
    run: docker => {
      const options = ['--read-only', '--tmpfs', '/scratch:size=1m,mode=700', '--volume', 'kept:/kept'];
      const script = 'touch /x; touch /scratch/x /kept/x && stat -c %a /scratch; df -k /scratch | tail -1';
      const { stdout, stderr, status } = docker.run(['run', '--rm', ...options, 'box', 'sh', '-c', script]);
      assert.equal(status, 0);
      assert.match(stderr, /\/x: Read-only file system/);
      assert.match(stdout, /^700\ntmpfs\s+1024/);
    },
  },
  {
    name: 'paths of /proc are masked and read-only unless they are unconfined',
    run: docker => {
      const look =
        'cat /proc/keys /proc/timer_list 2>/dev/null | wc -c; echo 1 2>/dev/null >/proc/sysrq-trigger; echo $?';
      assert.equal(sh(docker, [], look), '0\n1');
      const open = ['--security-opt', 'systempaths=unconfined'];
      assert.match(sh(docker, open, 'grep -c " /proc/" /proc/self/mounts; true'), /^0$/);
    },
  },
  {
    name: 'volumes and bind mounts are read-only or writable as requested',
    short: true,
    run: docker => {
      docker.machine.write('/srv/bound/file', 'from the host\n');
      const bind = (mode: string) => ['--volume', `/srv/bound:/bound${mode}`];
      assert.equal(sh(docker, bind(''), 'cat /bound/file; echo written >/bound/new'), 'from the host');
      assert.equal(docker.machine.read('/srv/bound/new'), 'written\n');
      assert.match(sh(docker, bind(':ro'), 'touch /bound/other 2>&1; true'), /Read-only file system/);
      docker.ok('volume', 'create', 'kept');
      sh(docker, ['--volume', 'kept:/v'], 'echo stays >/v/file');
      assert.equal(
        sh(docker, ['--mount', 'type=volume,source=kept,target=/w,readonly'], 'cat /w/file'),
        'stays',
      );
      docker.ok(
        'run',
        '--name',
        'one',
        '--volume',
        '/anonymous',
        'box',
        'sh',
        '-c',
        'echo with >/anonymous/f',
      );
      assert.equal(sh(docker, ['--volumes-from', 'one'], 'cat /anonymous/f'), 'with');
      docker.machine.write('/srv/single', 'one file\n');
      assert.equal(sh(docker, ['--volume', '/srv/single:/etc/single'], 'cat /etc/single'), 'one file');
    },
  },
  {
    name: 'a mount on the host appears in a container with the propagation rslave',
    run: async docker => {
      docker.machine.run(['mkdir', '-p', '/srv/shared/inner']);
      docker.ok('run', '--detach', '--name', 'one', '--volume', '/srv/shared:/s:rslave', 'httpd');
      docker.ok('run', '--detach', '--name', 'two', '--volume', '/srv/shared:/s', 'httpd');
      docker.machine.run(['mount', '-t', 'tmpfs', 'seen', '/srv/shared/inner']);
      try {
        assert.match(docker.ok('exec', 'one', 'cat', '/proc/self/mounts'), /^seen \/s\/inner /m);
        assert.doesNotMatch(docker.ok('exec', 'two', 'cat', '/proc/self/mounts'), /^seen /m);
      } finally {
        docker.machine.run(['umount', '/srv/shared/inner']);
      }
    },
  },
  {
    name: 'sysctls, resource limits, the score for the out-of-memory killer and the size of /dev/shm are as requested',
    run: docker => {
      const look = (file: string) => `cat ${file}`;
      assert.equal(
        sh(docker, ['--sysctl', 'net.core.somaxconn=77'], look('/proc/sys/net/core/somaxconn')),
        '77',
      );
      assert.equal(sh(docker, ['--sysctl', 'kernel.shmmni=99'], look('/proc/sys/kernel/shmmni')), '99');
      assert.equal(sh(docker, ['--ulimit', 'nofile=100:200'], 'ulimit -n; ulimit -Hn'), '100\n200');
      assert.equal(sh(docker, ['--oom-score-adj', '500'], look('/proc/self/oom_score_adj')), '500');
      assert.match(sh(docker, ['--shm-size', '2m'], 'df -k /dev/shm | tail -1'), /^shm\s+2048/);
    },
  },
  {
    name: 'an init reaps the orphans of the program',
    run: async docker => {
      docker.ok('run', '--detach', '--init', '--name', 'one', 'httpd');
      assert.match(docker.ok('exec', 'one', 'cat', '/proc/1/comm'), /init|tini/);
      docker.ok('exec', 'one', 'sh', '-c', 'sh -c "sleep 0.1 & exit" ');
      await waitFor('the end of the orphan', () =>
        /sleep/.test(docker.ok('top', 'one')) ? undefined : true,
      );
    },
  },
  {
    name: 'a container shares the namespaces of the host that it requests',
    run: docker => {
      const namespace = (name: string) =>
        docker.machine.run(['readlink', `/proc/self/ns/${name}`]).stdout.trim();
      for (const [option, name] of [
        ['--network', 'net'],
        ['--pid', 'pid'],
        ['--ipc', 'ipc'],
        ['--uts', 'uts'],
        ['--cgroupns', 'cgroup'],
      ] as const) {
        const look = `readlink /proc/self/ns/${name}`;
        assert.equal(sh(docker, [option, 'host'], look), namespace(name), option);
        assert.notEqual(sh(docker, [], look), namespace(name), option);
      }
    },
  },
  {
    name: 'a container shares the network, process and IPC namespaces of another one, or has no network',
    run: docker => {
      docker.ok('run', '--detach', '--name', 'one', '--ipc', 'shareable', 'httpd');
      const look = 'readlink /proc/1/ns/net; readlink /proc/self/ns/ipc';
      const of = (name: string) => docker.ok('exec', 'one', 'readlink', `/proc/self/ns/${name}`);
      const shared = ['--network', 'container:one', '--pid', 'container:one', '--ipc', 'container:one'];
      assert.equal(sh(docker, shared, look), `${of('net')}\n${of('ipc')}`);
      assert.match(sh(docker, shared, 'cat /proc/1/comm; wget -qO- http://127.0.0.1/'), /^httpd\na page$/);
      assert.equal(sh(docker, ['--network', 'none'], 'ls /sys/class/net'), 'lo');
    },
  },
  {
    name: 'a container has the requested host name, domain name and added addresses',
    run: docker => {
      const options = ['--hostname', 'jar', '--domainname', 'example', '--add-host', 'other:10.1.2.3'];
      const look = 'hostname; cat /proc/sys/kernel/domainname; grep other /etc/hosts | tr "\\t" " "';
      assert.equal(sh(docker, options, look), 'jar\nexample\n10.1.2.3 other');
    },
  },
  {
    name: 'a container may access devices as its devices and rules permit',
    run: docker => {
      // No driver has this number: an allowed access fails with another error.
      docker.machine.run(['mknod', '/dev/marked', 'c', '10', '199']);
      const opened = (options: readonly string[], how: string, before = '') =>
        sh(docker, options, `${before} (: ${how}/dev/mine) 2>&1; true`);
      const refused = /Operation not permitted/;
      const mine = ['--device', '/dev/marked:/dev/mine:r'];
      assert.match(opened(mine, '<'), /No such device/);
      assert.match(opened(mine, '>'), refused);
      assert.match(opened(['--device', '/dev/marked:/dev/mine'], '>'), /No such device|nonexistent/);
      assert.equal(sh(docker, ['--device', '/dev/zero:/dev/nought'], 'head -c 4 /dev/nought | wc -c'), '4');
      const node = 'mknod /dev/mine c 10 198;';
      assert.match(opened([], '<', node), refused);
      assert.match(opened(['--device-cgroup-rule', 'c 10:198 r'], '<', node), /No such device/);
      assert.match(opened(['--device-cgroup-rule', 'c 10:198 r'], '>', node), refused);
    },
  },
  {
    name: 'a privileged container has all capabilities and devices, and a privileged exec too',
    run: docker => {
      // Docker names these; a machine may lack some.
      const named = (1n << 38n) - 1n;
      const all =
        named &
        BigInt(`0x${/CapBnd:\s*(\w+)/.exec(docker.machine.run(['cat', '/proc/self/status']).stdout)?.[1]}`);
      assert.equal(named & capabilities(docker, ['--privileged']), all);
      const look = 'grep Seccomp: /proc/self/status | tr "\\t" " "; mount -t tmpfs x /tmp && echo mounted';
      assert.equal(sh(docker, ['--privileged'], look), 'Seccomp: 0\nmounted');
      docker.ok('run', '--detach', '--name', 'one', 'httpd');
      const inside = docker.ok('exec', '--privileged', 'one', 'grep', 'CapEff', '/proc/self/status');
      assert.equal(named & BigInt(`0x${inside.split(/\s+/)[1]}`), all);
    },
  },
  {
    name: 'a container has the requested environment, working directory, entry point and labels',
    run: docker => {
      docker.machine.write('/tmp/env', 'FROM_FILE=f\n');
      const options = ['--env', 'A=b c', '--env-file', '/tmp/env', '--workdir', '/made/here'];
      assert.equal(sh(docker, options, 'echo "$A" $FROM_FILE; pwd'), 'b c f\n/made/here');
      assert.equal(docker.ok('run', '--rm', '--entrypoint', '/bin/echo', 'box', 'as', 'words'), 'as words');
      docker.ok('run', '--detach', '--name', 'one', '--label', 'k=v', 'httpd');
      assert.equal(docker.ok('ps', '--filter', 'label=k=v', '--format', '{{.Names}}'), 'one');
    },
  },
];
