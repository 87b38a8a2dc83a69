// SPDX-License-Identifier: Apache-2.0
import { strict as assert } from 'node:assert';
import type { Flow } from '../flow.ts';
import type { Docker } from './engine.ts';
import { page } from './first.ts';

const project = `
version: '3'
services:
  web:
    build: .
    ports: ['8800:80']
    volumes: ['pages:/www']
    restart: always
  shell:
    image: box
    command: sleep 1000
    depends_on: [web]
    environment: { A: b }
    user: web
    read_only: true
    volumes: ['pages:/pages:ro']
volumes:
  pages: {}
`;

/** Runs a command of Compose in the directory of the project. */
function compose(docker: Docker, ...args: readonly string[]): string {
  const command = [
    'docker-compose',
    '--project-directory',
    '/srv/project',
    '--file',
    '/srv/project/docker-compose.yml',
  ];
  const { status, stdout, stderr } = docker.machine.run([...command, ...args]);
  assert.equal(status, 0, `docker-compose ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout.trimEnd();
}

export const composed: readonly Flow<Docker>[] = [
  {
    name: 'Compose builds, starts, scales and removes the services of a project',
    run: async docker => {
      docker.machine.write('/srv/project/docker-compose.yml', project);
      docker.machine.write('/srv/project/Dockerfile', 'FROM httpd\nRUN echo built >/www/index.html\n');
      try {
        compose(docker, 'up', '--detach', '--build');
        assert.equal(await page(docker, 8800), 'built\n');
        // A static wget cannot resolve names; nslookup asks the DNS server of the network itself.
        const look =
          'echo $A $(id -u); cat /pages/index.html; touch /x 2>&1; nslookup web | grep -c "Address: [^1]*172"';
        assert.equal(
          compose(docker, 'exec', '-T', 'shell', 'sh', '-c', look),
          'b 33\nbuilt\ntouch: /x: Read-only file system\n1',
        );
        compose(docker, 'up', '--detach', '--scale', 'shell=3');
        assert.equal(compose(docker, 'ps', '--quiet', 'shell').split('\n').length, 3);
        compose(docker, 'stop', '--timeout', '1', 'web');
        assert.equal(compose(docker, 'ps', '--services', '--filter', 'status=running'), 'shell');
      } finally {
        compose(docker, 'down', '--volumes', '--timeout', '1');
      }
      assert.equal(docker.ok('ps', '--all', '--quiet'), '');
    },
  },
];
