// SPDX-License-Identifier: Apache-2.0
// Networks of containers, and the network of the host.
import { strict as assert } from 'node:assert';
import type { Flow } from '../flow.ts';
import type { Docker } from './engine.ts';
import { page } from './first.ts';

export const networks: readonly Flow<Docker>[] = [
  {
    name: 'containers of a network find each other by name, others do not',
    short: true,
    run: docker => {
      docker.ok('network', 'create', 'inner');
      docker.ok('run', '--detach', '--name', 'one', '--network', 'inner', '--network-alias', 'web', 'httpd');
      // A static wget cannot resolve names; nslookup asks the DNS server of the network itself.
      const script =
        'timeout 5 wget -qO- http://$(timeout 3 nslookup "$0" | sed -n "s/^Address: //p" | grep -v :53)/';
      const get = (name: string, network: string) =>
        docker.run(['run', '--rm', '--network', network, 'box', 'sh', '-c', script, name]);
      assert.equal(get('one', 'inner').stdout, 'a page\n');
      assert.equal(get('web', 'inner').stdout, 'a page\n');
      assert.notEqual(get('one', 'bridge').status, 0);
    },
  },
  {
    name: 'a running container is connected to a network and disconnected from it',
    run: docker => {
      docker.ok('network', 'create', 'inner');
      docker.ok('run', '--detach', '--name', 'one', 'httpd');
      const links = () => docker.ok('exec', 'one', 'ls', '/sys/class/net').split('\n').sort().join(' ');
      assert.equal(links(), 'eth0 lo');
      docker.ok('network', 'connect', 'inner', 'one');
      assert.equal(links(), 'eth0 eth1 lo');
      docker.ok('network', 'disconnect', 'inner', 'one');
      assert.equal(links(), 'eth0 lo');
    },
  },
  {
    name: 'a container has a fixed address, and another one serves a page on the network of the host',
    run: async docker => {
      docker.ok('network', 'create', '--subnet', '10.77.0.0/24', 'fixed');
      docker.ok('run', '--detach', '--name', 'one', '--network', 'fixed', '--ip', '10.77.0.9', 'httpd');
      assert.match(docker.ok('exec', 'one', 'ip', 'addr', 'show', 'eth0'), /inet 10\.77\.0\.9\/24/);
      docker.ok(
        'run',
        '--detach',
        '--name',
        'two',
        '--network',
        'host',
        'box',
        'httpd',
        '-f',
        '-p',
        '8805',
        '-h',
        '/www',
      );
      assert.equal(await page(docker, 8805), 'a page\n');
    },
  },
];
