// SPDX-License-Identifier: Apache-2.0
import { strict as assert } from 'node:assert';
import { counting, installCriu, requireAllNumbers } from '../criu.ts';
import { type Flow, waitFor } from '../flow.ts';
import type { Podman } from './engine.ts';

const count = (podman: Podman, name: string) => requireAllNumbers(podman.ok('logs', name));

async function more(podman: Podman, name = 'one'): Promise<void> {
  const before = count(podman, name);
  await waitFor('more numbers', () => (count(podman, name) >= before + 3 ? true : undefined), 60);
}

async function startCounter(podman: Podman): Promise<void> {
  installCriu(podman.machine);
  podman.ok('run', '--detach', '--name', 'one', 'box', 'sh', '-c', counting);
  await more(podman);
}

export const checkpoints: readonly Flow<Podman>[] = [
  {
    name: 'a checkpoint ends the program, and restore continues it where it was',
    run: async podman => {
      await startCounter(podman);
      podman.ok('container', 'checkpoint', 'one');
      assert.equal(podman.inspect('one', '{{.State.Running}}'), 'false');
      podman.ok('container', 'restore', 'one');
      await more(podman);
    },
  },
  {
    name: 'a checkpoint in an archive is restored as another container',
    run: async podman => {
      await startCounter(podman);
      podman.ok('exec', 'one', 'sh', '-c', 'echo kept >/kept');
      podman.ok('container', 'checkpoint', '--leave-running', '--export', '/tmp/one.tar', 'one');
      const before = count(podman, 'one');
      await more(podman);
      podman.ok('rm', '--force', '--time', '0', 'one');
      podman.ok('container', 'restore', '--import', '/tmp/one.tar', '--name', 'two');
      assert.equal(podman.ok('exec', 'two', 'cat', '/kept'), 'kept');
      // Some versions of Podman have the log in the archive, too.
      const numbers = () => podman.ok('logs', 'two').split('\n').filter(Boolean).map(Number);
      await waitFor('numbers', () => ((numbers().at(-1) ?? 0) >= before + 3 ? true : undefined), 60);
      // It did not start again from the beginning.
      assert.ok(numbers().filter(number => number === 1).length <= 1);
    },
  },
];
