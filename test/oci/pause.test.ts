// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('pause and resume', () => {
  const box = sandbox();

  const isFrozen = ({ id }: Bundle): boolean =>
    box.view.sh(`cat /sys/fs/cgroup/${id}/cgroup.events`).includes('frozen 1');

  /** A container whose program increments a counter in a file in a loop. */
  const counting = async () => {
    const bundle = box.running(made =>
      made.shell('(while :; do echo x >>/count; done) & while :; do sleep 1; done'),
    );
    const count = () => {
      try {
        return readFileSync(bundle.inRoot('count')).length;
      } catch {
        return 0;
      }
    };
    await until('it counts', () => count() > 0);
    return { bundle, count };
  };

  test('suspend every process, and continue it', async () => {
    const { bundle, count } = await counting();
    expect(box.must(['pause', bundle.id])).toMatchObject({ stdout: '', stderr: '' });
    // The kernel writes it when the last process has stopped.
    expect(isFrozen(bundle)).toBe(true);
    const stoppedAt = count();
    expect(box.state(bundle.id).status).toBe('paused');
    expect(count()).toBe(stoppedAt);
    expect(box.must(['resume', bundle.id])).toMatchObject({ stdout: '', stderr: '' });
    expect(box.state(bundle.id).status).toBe('running');
    await until('it counts again', () => count() > stoppedAt);
  });

  test('work on a created container', () => {
    const bundle = box.created();
    box.must(['pause', bundle.id]);
    expect(box.state(bundle.id).status).toBe('paused');
    const failure = box.fails(['start', bundle.id]);
    expect(failure.message).toContain('cannot start a container in the paused state');
    box.must(['resume', bundle.id]);
    expect(box.state(bundle.id).status).toBe('created');
    box.must(['start', bundle.id]);
    expect(box.state(bundle.id).status).toBe('running');
  });

  test('are refused in the wrong state', async () => {
    const bundle = box.running();
    const refused = (command: string, words: string, code: string, id = bundle.id): void => {
      const failure = box.fails([command, id]);
      expect(failure.status).toBe(1);
      expect(failure.message).toContain(words);
      if (isTsubo) expect(failure.record.code).toBe(code);
    };
    refused('resume', 'container not paused', 'state.not-paused');
    box.must(['pause', bundle.id]);
    refused('pause', 'container not running', 'state.not-running');
    box.must(['resume', bundle.id]);
    const ended = await box.stopped();
    refused('pause', 'container not running', 'state.not-running', ended.id);
    refused('resume', 'container not paused', 'state.not-paused', ended.id);
    refused('pause', 'container does not exist', 'state.not-found', 'missing');
    refused('resume', 'container does not exist', 'state.not-found', 'missing');
  });

  test('block an exec unless --ignore-paused is given', async () => {
    const bundle = box.running();
    box.must(['pause', bundle.id]);
    const done = box.oci(['exec', bundle.id, '/bin/true']);
    expect(done.status).toBe(255);
    expect(done.stderr).toContain('cannot exec in a paused container (use --ignore-paused to override)');
    const waiting = box.spawn(['exec', '--ignore-paused', bundle.id, '/bin/echo', 'came']);
    await until('its process is in the cgroup and has stopped', () => {
      const processes = box.view.sh(`cat /sys/fs/cgroup/${bundle.id}/cgroup.procs`).trim().split('\n');
      return processes.length === 2 && isFrozen(bundle);
    });
    expect(waiting.stdout()).toBe('');
    box.must(['resume', bundle.id]);
    expect((await waiting.ended).status).toBe(0);
    expect(waiting.stdout()).toBe('came\n');
  });

  test('allow a paused container to be killed', async () => {
    const bundle = box.running();
    box.must(['pause', bundle.id]);
    box.must(['kill', bundle.id, 'KILL']);
    await until('it has ended', () => box.state(bundle.id).status === 'stopped');
    box.must(['delete', bundle.id]);
  });

  test('deliver a signal after the resume', async () => {
    const bundle = box.running(made => made.shell('trap "exit 7" TERM; while :; do sleep 0.01; done'));
    box.must(['pause', bundle.id]);
    box.must(['kill', bundle.id, 'TERM']);
    expect(box.state(bundle.id).status).toBe('paused');
    box.must(['resume', bundle.id]);
    await until('it has ended', () => box.state(bundle.id).status === 'stopped');
  });

  test('allow a paused container to be deleted by force, without traces', () => {
    const before = box.traces();
    const bundle = box.running(made => {
      made.shell('sleep 1001 & sleep 1002 & wait');
      made.namespace('pid');
      made.config.linux.maskedPaths = [];
    });
    box.must(['pause', bundle.id]);
    expect(box.fails(['delete', bundle.id]).message).toContain('that is not stopped: paused');
    box.must(['delete', '--force', bundle.id]);
    expect(box.traces()).toEqual(before);
  });
});
