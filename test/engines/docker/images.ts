// SPDX-License-Identifier: Apache-2.0
import { strict as assert } from 'node:assert';
import { type Flow, waitFor } from '../flow.ts';
import type { Docker } from './engine.ts';

/** A Dockerfile whose last step changes the page. */
function writeContext(docker: Docker, page: string): void {
  const dockerfile = [
    'FROM box',
    'RUN cat /proc/sys/kernel/random/uuid >/built',
    'ENV A=b',
    'COPY page /www/index.html',
    'RUN cp /www/index.html /copy',
    'USER web',
    'CMD ["cat", "/copy", "/built"]',
  ];
  docker.machine.write('/srv/context/Dockerfile', `${dockerfile.join('\n')}\n`);
  docker.machine.write('/srv/context/page', `${page}\n`);
}

/** Builds twice with a changed page: the first step must come from the cache, the later ones not. */
function buildsChangedLayersOnly(docker: Docker, buildKit: '0' | '1'): void {
  const build = (page: string) => {
    writeContext(docker, page);
    const env = { DOCKER_BUILDKIT: buildKit };
    const built = docker.run(['build', '--tag', 'built', '/srv/context'], { env });
    assert.equal(built.status, 0, built.stderr);
    return docker.ok('run', '--rm', 'built').split('\n');
  };
  docker.run(['image', 'rm', '--force', 'built']);
  const [first, stamp] = build(`first ${buildKit}`);
  const [second, same] = build(`second ${buildKit}`);
  assert.deepEqual([first, second], [`first ${buildKit}`, `second ${buildKit}`]);
  assert.match(stamp ?? '', /^[\da-f-]{36}$/);
  assert.equal(same, stamp);
}

export const images: readonly Flow<Docker>[] = [
  {
    name: 'build runs the steps of a Dockerfile, and the second time only the changed ones',
    short: true,
    run: docker => buildsChangedLayersOnly(docker, '0'),
  },
  {
    name: 'a build with BuildKit runs the steps of a Dockerfile, and the second time only the changed ones',
    short: true,
    run: docker => buildsChangedLayersOnly(docker, '1'),
  },
  {
    name: 'a build fails with the status of the failed step',
    run: docker => {
      docker.machine.write('/srv/failing/Dockerfile', 'FROM box\nRUN echo before && exit 23\n');
      for (const DOCKER_BUILDKIT of ['0', '1']) {
        const { status, stdout, stderr } = docker.run(['build', '/srv/failing'], {
          env: { DOCKER_BUILDKIT },
        });
        assert.notEqual(status, 0);
        assert.match(stdout + stderr, /returned a non-zero code: 23|exit code: 23/);
      }
    },
  },
  {
    name: 'commit makes an image of a changed container, save and load move it',
    run: docker => {
      docker.ok('run', '--name', 'one', 'box', 'sh', '-c', 'echo changed >/root/change');
      docker.ok('commit', '--change', 'CMD ["cat", "/root/change"]', 'one', 'changed');
      assert.equal(docker.ok('run', '--rm', 'changed'), 'changed');
      docker.ok('save', '--output', '/tmp/changed.tar', 'changed');
      docker.ok('image', 'rm', 'changed');
      docker.ok('load', '--input', '/tmp/changed.tar');
      assert.equal(docker.ok('run', '--rm', 'changed'), 'changed');
      docker.ok('export', '--output', '/tmp/one.tar', 'one');
      const listed = docker.machine.run(['tar', '-tf', '/tmp/one.tar']).stdout;
      assert.match(listed, /^root\/change$/m);
    },
  },
  {
    name: 'an image is pushed to a registry and pulled from it',
    run: async docker => {
      const config =
        'version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/registry}}\nhttp: {addr: 127.0.0.1:5000}\n';
      docker.machine.write('/tmp/registry.yml', config);
      const registry = docker.machine.spawn(['docker-registry', 'serve', '/tmp/registry.yml']);
      try {
        const look = ['curl', '--silent', '--fail', 'http://127.0.0.1:5000/v2/'];
        await waitFor('the registry', () => (docker.machine.run(look).status === 0 ? true : undefined));
        docker.ok('tag', 'box', '127.0.0.1:5000/a/box:1');
        docker.ok('push', '127.0.0.1:5000/a/box:1');
        docker.ok('image', 'rm', '127.0.0.1:5000/a/box:1');
        const ran = docker.ok('run', '--rm', '127.0.0.1:5000/a/box:1', 'echo', 'pulled');
        assert.equal(ran, 'pulled');
        docker.ok('image', 'rm', '127.0.0.1:5000/a/box:1');
      } finally {
        registry.kill();
        docker.machine.run(['sh', '-c', 'kill $(pidof docker-registry)']);
      }
    },
  },
];
