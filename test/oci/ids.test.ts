// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('the id of a container', () => {
  const box = sandbox();

  test.each(['a', 'A-b_c+d.e', '0', '.hidden', '-'])('can be %s', id => {
    const bundle = box.bundle();
    const args = ['create', '--bundle', bundle.dir, '--', `${box.name}${id}`];
    expect(box.must(args).stdout).toBe('');
  });

  test.each(['.', '..', 'a/b', 'a b', '../up', 'ä', 'a\nb', 'a:b', '@'])('cannot be %j', id => {
    const bundle = box.bundle();
    box.failsWith(['create', '--bundle', bundle.dir, id], 'invalid container ID format', 'state.bad-id');
  });

  test('cannot be empty', () => {
    const bundle = box.bundle();
    box.failsWith(['create', '--bundle', bundle.dir, ''], 'container id cannot be empty', 'state.bad-id');
  });

  test.each(['state', 'start', 'kill', 'delete'])('that is a path is refused by %s too', command => {
    const victim = join(box.dir, 'victim');
    writeFileSync(victim, '');
    box.failsWith([command, '../victim'], 'invalid container ID format', 'state.bad-id');
    expect(existsSync(victim)).toBe(true);
  });

  test.each(['create', 'run', 'state', 'start', 'kill', 'delete'])('is required by %s', command => {
    const done = box.oci([command]);
    expect(done.status).toBe(1);
    if (isTsubo) expect(done.stderr).toContain('missing argument <container-id>');
    expect(existsSync(box.root) ? readdirSync(box.root) : []).toEqual([]);
  });

  test('that is taken is refused, and the first container keeps running', () => {
    const bundle = box.running();
    box.failsWith(
      ['create', '--bundle', bundle.dir, bundle.id],
      'container with given ID already exists',
      'state.exists',
    );
    expect(box.state(bundle.id).status).toBe('running');
  });
});
