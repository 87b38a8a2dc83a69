// SPDX-License-Identifier: Apache-2.0
import { strict as assert } from 'node:assert';
import { type Running, type Runtime, waitFor } from '../flow.ts';
import type { Machine } from '../machine.ts';
import { installPackage } from '../package.ts';
import { address, startRegistry } from './registry.ts';

/** A machine with a registry on loopback, and either Docker Engine with runc or tsubo alone. */
export class FirstHour implements Running {
  readonly machine: Machine;
  /** The first word of all commands. */
  readonly word: 'docker' | 'tsubo';

  private constructor(machine: Machine, word: 'docker' | 'tsubo') {
    this.machine = machine;
    this.word = word;
  }

  static async start(machine: Machine, runtime: Runtime): Promise<FirstHour> {
    // Without a name server that containers can reach, tsubo warns, and Docker takes one of its own.
    machine.write('/etc/resolv.conf', 'nameserver 192.0.2.53\n');
    await startRegistry(machine);
    const mirror = `http://${address}`;
    if (runtime === 'tsubo') {
      installPackage(machine, process.cwd(), machine.path('/usr/local/bin/tsubo'));
      const registries = { 'docker.io': { mirrors: [mirror] } };
      machine.write('/etc/tsubo/tsubo.json', JSON.stringify({ registries }));
      return new FirstHour(machine, 'tsubo');
    }
    machine.write('/etc/docker/daemon.json', JSON.stringify({ 'registry-mirrors': [mirror] }));
    machine.spawn(['sh', '-c', 'exec dockerd >>/var/log/dockerd.log 2>&1']);
    await waitFor('dockerd', () => (machine.run(['docker', 'version']).status === 0 ? true : undefined));
    return new FirstHour(machine, 'docker');
  }

  /** Runs a command that must succeed, and returns its words. */
  words(...args: readonly string[]): string[] {
    const { status, stdout, stderr } = this.machine.run([this.word, ...args]);
    assert.equal(status, 0, `${args.join(' ')}: ${stderr}`);
    return stdout.split(/\s+/).filter(Boolean);
  }

  reset(): void {
    const containers = this.words('container', 'ls', '--all', '--quiet');
    if (containers.length > 0) this.words('container', 'rm', '--force', '--volumes', ...containers);
    const images = this.words('image', 'ls', '--quiet');
    if (images.length > 0) this.words('image', 'rm', '--force', ...images);
  }
}
