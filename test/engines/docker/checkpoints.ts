// SPDX-License-Identifier: Apache-2.0
import { strict as assert } from 'node:assert';
import { counting, installCriu, requireAllNumbers } from '../criu.ts';
import { type Flow, waitFor } from '../flow.ts';
import type { Docker } from './engine.ts';

/** Runs the work with a daemon that offers checkpoints and with a container `one` that counts. */
async function withCounter(docker: Docker, work: () => Promise<void>): Promise<void> {
  installCriu(docker.machine);
  await docker.restartDaemon('--experimental');
  try {
    docker.ok('run', '--detach', '--name', 'one', 'box', 'sh', '-c', counting);
    await more(docker);
    await work();
  } finally {
    await docker.restartDaemon();
  }
}

const count = (docker: Docker) => requireAllNumbers(docker.ok('logs', 'one'));

async function more(docker: Docker): Promise<void> {
  const before = count(docker);
  await waitFor('more numbers', () => (count(docker) >= before + 3 ? true : undefined), 30);
}

export const checkpoints: readonly Flow<Docker>[] = [
  {
    name: 'a checkpoint ends the program, and start continues it where it was',
    run: docker =>
      withCounter(docker, async () => {
        docker.ok('checkpoint', 'create', 'one', 'first');
        await waitFor('the end', () =>
          docker.inspect('one', '{{.State.Running}}') === 'false' ? true : undefined,
        );
        assert.match(docker.ok('checkpoint', 'ls', 'one'), /^first$/m);
        docker.ok('start', '--checkpoint', 'first', 'one');
        await more(docker);
        docker.ok('checkpoint', 'rm', 'one', 'first');
      }),
  },
  {
    name: 'a checkpoint with --leave-running does not end the program',
    run: docker =>
      withCounter(docker, async () => {
        docker.ok('checkpoint', 'create', '--leave-running', 'one', 'first');
        assert.equal(docker.inspect('one', '{{.State.Running}}'), 'true');
        await more(docker);
      }),
  },
];
