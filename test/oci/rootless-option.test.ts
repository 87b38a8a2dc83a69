// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox') || !isTsubo)('where no cgroup can be made', () => {
  const box = sandbox();
  /** `create` on a machine with read-only cgroups. */
  const create = (...globals: string[]) => {
    const bundle = box.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
    });
    const output = box.fresh('output');
    // To a file: the container keeps its standard error open.
    const script = 'mount -o remount,bind,ro /sys/fs/cgroup && exec "$@" >"$0" 2>&1';
    const command = box.command(...globals, 'create', '--bundle', bundle.dir, bundle.id);
    const { status } = box.view.exec(['unshare', '-m', 'sh', '-c', script, output, ...command], {
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    return { status, text: readFileSync(output, 'utf8'), id: bundle.id };
  };

  test.each([[[]], [['--rootless', 'auto']], [['--rootless=false']], [['--rootless', '0']]])(
    'root is refused a container with the options %j',
    globals => {
      const done = create(...globals);
      expect(done.status).toBe(1);
      expect(done.text).toContain('read-only file system');
    },
  );

  test.each([[['--rootless', 'true']], [['--rootless=1']]])(
    'the container has none with the options %j',
    globals => {
      const { status, id, text } = create(...globals);
      expect(text).toBe('');
      expect(status).toBe(0);
      expect(box.state(id).status).toBe('created');
      box.failsWith(['pause', id], 'cgroup', 'state.no-cgroup');
    },
  );

  test('another value of --rootless is refused', () => {
    const failure = box.fails(['--rootless', 'maybe', 'list']);
    expect(failure.record).toMatchObject({ code: 'usage.bad-value' });
    expect(failure.message).toContain('invalid rootless value "maybe"');
  });
});
