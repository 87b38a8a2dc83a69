// SPDX-License-Identifier: Apache-2.0
// A swarm of one machine.
import { strict as assert } from 'node:assert';
import { type Flow, waitFor } from '../flow.ts';
import type { Docker } from './engine.ts';
import { page } from './first.ts';

/** Runs a flow in a swarm, and ends the swarm. */
async function inSwarm(docker: Docker, flow: () => Promise<void>): Promise<void> {
  docker.ok('swarm', 'init', '--advertise-addr', '127.0.0.1');
  try {
    await flow();
  } finally {
    docker.run(['service', 'rm', 'web']);
    docker.ok('swarm', 'leave', '--force');
  }
}

/** The containers of the service that run, as soon as there are this many. */
function running(docker: Docker, count: number, filter = ''): Promise<string[]> {
  return waitFor(
    `${count} replicas`,
    () => {
      const format = '{{.ID}} {{.Image}}';
      const listed = docker.ok('ps', '--no-trunc', '--filter', 'name=web', '--format', format).split('\n');
      const found = listed.filter(line => line.endsWith(filter) && line !== '');
      return found.length === count && listed.length === count ? found : undefined;
    },
    300,
  );
}

export const swarm: readonly Flow<Docker>[] = [
  {
    name: 'a service of a swarm is scaled, replaces a killed container, and is updated',
    run: docker =>
      inSwarm(docker, async () => {
        docker.ok('tag', 'httpd', 'httpd:second');
        const local = ['--no-resolve-image', '--detach'];
        // The web server has no handler for SIGTERM, and an update waits for each end.
        const quick = ['--stop-signal', 'KILL', '--restart-delay', '0s', '--update-monitor', '0s'];
        const mode = ['--endpoint-mode', 'dnsrr', ...quick];
        docker.ok('service', 'create', ...local, ...mode, '--name', 'web', '--replicas', '3', 'httpd:latest');
        await running(docker, 3);
        docker.ok('service', 'scale', '--detach', 'web=5');
        const [victim = ''] = await running(docker, 5);
        const [id = ''] = victim.split(' ');
        docker.ok('kill', id);
        await waitFor('the replacement', () => {
          const left = docker.ok('ps', '--no-trunc', '--quiet', '--filter', 'name=web').split('\n');
          return left.length === 5 && !left.includes(id) ? true : undefined;
        });
        docker.ok('service', 'update', ...local, '--image', 'httpd:second', 'web');
        await running(docker, 5, 'httpd:second');
        docker.ok('service', 'scale', '--detach', 'web=1');
        await running(docker, 1, 'httpd:second');
      }),
  },
  {
    name: 'a service publishes a port of the machine',
    run: docker =>
      inSwarm(docker, async () => {
        const publish = ['--publish', 'mode=host,target=80,published=8810', '--endpoint-mode', 'dnsrr'];
        const local = ['--no-resolve-image', '--detach'];
        docker.ok('service', 'create', ...local, ...publish, '--name', 'web', 'httpd:latest');
        await running(docker, 1);
        assert.equal(await page(docker, 8810), 'a page\n');
      }),
  },
  {
    name: 'the mesh of a swarm balances a port between the replicas',
    run: docker =>
      inSwarm(docker, async () => {
        const publish = ['--publish', '8811:80', '--replicas', '3'];
        const local = ['--no-resolve-image', '--detach'];
        docker.ok('service', 'create', ...local, ...publish, '--name', 'web', 'httpd:latest');
        await running(docker, 3);
        const { status } = docker.machine.run(['test', '-e', '/proc/net/ip_vs']);
        assert.equal(status, 0, 'this kernel has no IPVS');
        assert.equal(await page(docker, 8811), 'a page\n');
      }),
  },
];
