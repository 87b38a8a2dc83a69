// SPDX-License-Identifier: Apache-2.0
import { strict as assert } from 'node:assert';
import { type Running, type Runtime, waitFor } from '../flow.ts';
import type { Machine, Result, RunOptions } from '../machine.ts';
import { recipe } from '../recipe.ts';
import { makeRootfs, rootfsTar } from '../rootfs.ts';

const logFile = '/var/log/dockerd.log';

/** Docker Engine with the images `box` (a shell) and `httpd` (a web server on port 80). */
export class Docker implements Running {
  readonly machine: Machine;
  readonly runtime: Runtime;

  private constructor(machine: Machine, runtime: Runtime) {
    this.machine = machine;
    this.runtime = runtime;
  }

  static async start(machine: Machine, runtime: Runtime): Promise<Docker> {
    const docker = new Docker(machine, runtime);
    if (runtime === 'tsubo') machine.write('/etc/docker/daemon.json', recipe('Docker', 'json'));
    docker.startDaemon();
    await docker.ready();
    makeRootfs(machine);
    docker.importImages();
    return docker;
  }

  importImages(): void {
    this.ok('import', rootfsTar, 'box', '--change', 'CMD ["sh"]');
    const serve = 'CMD ["httpd", "-f", "-p", "80", "-h", "/www"]';
    this.ok('import', rootfsTar, 'httpd', '--change', serve, '--change', 'EXPOSE 80');
  }

  startDaemon(...options: readonly string[]): void {
    this.machine.spawn(['sh', '-c', `exec dockerd "$@" >>${logFile} 2>&1`, 'sh', ...options]);
  }

  /** Waits until the daemon answers. */
  async ready(): Promise<void> {
    await waitFor('dockerd', () => (this.run(['version']).status === 0 ? true : undefined));
  }

  /** Ends the daemon as a service manager does, and starts it with these options. */
  async restartDaemon(...options: readonly string[]): Promise<void> {
    const pid = this.machine.read('/run/docker.pid');
    this.machine.run(['kill', pid]);
    await waitFor('the end of dockerd', () =>
      this.machine.run(['test', '-e', `/proc/${pid}`]).status === 0 ? undefined : true,
    );
    this.startDaemon(...options);
    await this.ready();
  }

  run(args: readonly string[], options: RunOptions = {}): Result {
    return this.machine.run(['docker', ...args], options);
  }

  /** Runs a command that must succeed. */
  ok(...args: readonly string[]): string {
    const { status, stdout, stderr } = this.run(args);
    assert.equal(status, 0, `docker ${args.join(' ')}: status ${status}: ${stderr}${stdout}`);
    return stdout.trimEnd();
  }

  /** A value of `inspect` as text. */
  inspect(name: string, format: string): string {
    return this.ok('inspect', '--format', format, name);
  }

  /** Waits until a container has ended, and returns its status. */
  wait(name: string): string {
    return this.ok('wait', name);
  }

  reset(): void {
    const containers = this.ok('ps', '--all', '--quiet').split('\n').filter(Boolean);
    if (containers.length > 0) this.ok('rm', '--force', '--volumes', ...containers);
    this.ok('network', 'prune', '--force');
    this.ok('volume', 'prune', '--force');
  }
}
