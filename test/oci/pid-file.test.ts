// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('the pid file of a container', () => {
  const box = sandbox();

  test('contains the pid without a newline', () => {
    const bundle = box.bundle();
    const file = box.fresh('pid');
    box.create(bundle, '--pid-file', file);
    expect(readFileSync(file, 'utf8')).toBe(String(box.state(bundle.id).pid));
  });

  test('is resolved relative to the working directory of the caller, not to the bundle', () => {
    const bundle = box.bundle();
    const dir = box.mkdir('caller');
    box.must(['create', '--bundle', bundle.dir, '--pid-file', 'pid', bundle.id], { cwd: dir });
    expect(readFileSync(join(dir, 'pid'), 'utf8')).toBe(String(box.state(bundle.id).pid));
    expect(readdirSync(dir)).toEqual(['pid']);
  });

  test('replaces an existing file', () => {
    const bundle = box.bundle();
    const file = box.fresh('pid');
    writeFileSync(file, 'something much longer than a pid');
    box.create(bundle, '--pid-file', file);
    expect(readFileSync(file, 'utf8')).toBe(String(box.state(bundle.id).pid));
  });

  test('that cannot be written fails the create', () => {
    const bundle = box.bundle();
    const before = box.traces();
    const failure = box.fails(['create', '--bundle', bundle.dir, '--pid-file', '/nowhere/pid', bundle.id]);
    expect(failure.message).toContain('no such file or directory');
    expect(box.traces()).toEqual(before);
  });
});
