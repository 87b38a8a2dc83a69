// SPDX-License-Identifier: Apache-2.0
import { strict as assert } from 'node:assert';
import type { Running, Runtime } from '../flow.ts';
import type { Machine, Result, RunOptions } from '../machine.ts';
import { recipe } from '../recipe.ts';
import { makeRootfs, rootfsTar } from '../rootfs.ts';

/** Settings for a machine without systemd; the file of the recipe has precedence over this one. */
export const defaults = (runtime: string, controllers: readonly string[]) => `
[containers]
${controllers.includes('pids') ? '' : 'pids_limit = 0'}
[engine]
runtime = "${runtime}"
cgroup_manager = "cgroupfs"
events_logger = "file"
`;

const user = { id: 1000, name: 'someone', home: '/home/someone', cgroup: '/sys/fs/cgroup/someone' };

/** Podman with conmon, as root or as a user, with the images `box` (a shell) and `httpd` (a web server on port 80). */
export class Podman implements Running {
  readonly machine: Machine;
  readonly runtime: Runtime;
  readonly rootless: boolean;

  private constructor(machine: Machine, runtime: Runtime, rootless: boolean) {
    this.machine = machine;
    this.runtime = runtime;
    this.rootless = rootless;
  }

  static async start(machine: Machine, runtime: Runtime, rootless = false): Promise<Podman> {
    const podman = new Podman(machine, runtime, rootless);
    const settings = defaults('runc', machine.controllers());
    machine.write('/usr/share/containers/containers.conf', settings);
    if (runtime === 'tsubo') machine.write('/etc/containers/containers.conf', recipe('Podman', 'toml'));
    machine.write('/etc/containers/policy.json', '{"default":[{"type":"insecureAcceptAnything"}]}');
    const ranges = `containers:200000:1000000\n${user.name}:2000000:65536\n`;
    machine.write('/etc/subuid', ranges);
    machine.write('/etc/subgid', ranges);
    makeRootfs(machine);
    if (rootless) podman.addUser();
    podman.ok('import', '--change', 'CMD ["sh"]', rootfsTar, 'box');
    const serve = 'CMD ["httpd", "-f", "-p", "80", "-h", "/www"]';
    podman.ok('import', '--change', serve, '--change', 'EXPOSE 80', rootfsTar, 'httpd');
    return podman;
  }

  /** Makes a user with a home, a runtime directory and a cgroup, as a login with systemd would. */
  private addUser(): void {
    const script = `
      set -e
      echo ${user.name}:x:${user.id}:${user.id}::${user.home}:/bin/sh >>/etc/passwd
      echo ${user.name}:x:${user.id}: >>/etc/group
      mkdir -p ${user.home} /run/user/${user.id}
      mount -t tmpfs -o mode=700 tmpfs ${user.home}
      mkdir ${user.cgroup} ${user.cgroup}/init
      for name in $(cat ${user.cgroup}/cgroup.controllers); do echo "+$name" >${user.cgroup}/cgroup.subtree_control; done
      chown ${user.id}:${user.id} ${user.home} /run/user/${user.id} ${user.cgroup} ${user.cgroup}/cgroup.* \
        ${user.cgroup}/init ${user.cgroup}/init/cgroup.*`;
    const { status, stderr } = this.machine.run(['sh', '-c', script]);
    assert.equal(status, 0, stderr);
  }

  /** The command line of podman for the user. */
  command(args: readonly string[]): readonly string[] {
    if (!this.rootless) return ['podman', ...args];
    const ids = ['--reuid', String(user.id), '--regid', String(user.id), '--clear-groups'];
    const enter = `echo 0 >${user.cgroup}/init/cgroup.procs && cd ${user.home} && exec "$@"`;
    const env = [`HOME=${user.home}`, `XDG_RUNTIME_DIR=/run/user/${user.id}`];
    return ['sh', '-c', enter, 'sh', 'setpriv', ...ids, 'env', ...env, 'podman', ...args];
  }

  run(args: readonly string[], options: RunOptions = {}): Result {
    return this.machine.run(this.command(args), options);
  }

  /** Runs a command that must succeed. */
  ok(...args: readonly string[]): string {
    const { status, stdout, stderr } = this.run(args);
    assert.equal(status, 0, `podman ${args.join(' ')}: status ${status}: ${stderr}${stdout}`);
    return stdout.trimEnd();
  }

  inspect(name: string, format: string): string {
    return this.ok('inspect', '--format', format, name);
  }

  reset(): void {
    this.ok('pod', 'rm', '--all', '--force');
    this.ok('rm', '--all', '--force', '--time', '0', '--volumes');
    this.ok('volume', 'prune', '--force');
    if (!this.rootless) this.ok('network', 'prune', '--force');
  }
}
