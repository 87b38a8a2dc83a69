// SPDX-License-Identifier: Apache-2.0
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';

import { sandbox } from '../helpers/sandbox.ts';

interface Expectation {
  readonly code: string;
  readonly pointer?: string;
  readonly line?: number;
  readonly needs?: 'host' | 'create';
  readonly errno?: string;
  readonly rootfs?: Readonly<Record<string, { text?: string; mode?: number; link?: string }>>;
}

const home = new URL('../../bundle-fixtures/bad/', import.meta.url).pathname;
const names = readdirSync(home).filter(name => existsSync(join(home, name, 'expect.json')));

describe.skipIf(!isTsubo || requires('root', 'busybox'))('create refuses the bundle', () => {
  const box = sandbox();

  test.each(names)('%s, and leaves nothing behind', name => {
    const expected = JSON.parse(readFileSync(join(home, name, 'expect.json'), 'utf8')) as Expectation;
    const bundle = box.bundle(made => {
      // The program that the configs refer to.
      made.file('/bin/hello', '#!/bin/sh\n', 0o755);
      for (const [path, { text, mode, link }] of Object.entries(expected.rootfs ?? {})) {
        rmSync(made.inRoot(path), { recursive: true, force: true });
        if (link === undefined) made.file(path, text, mode);
        else made.symlink(path, link);
      }
    });
    rmSync(join(bundle.dir, 'config.json'));
    if (expected.needs === 'host') rmSync(bundle.rootfs, { recursive: true });
    cpSync(join(home, name), bundle.dir, { recursive: true, filter: from => !from.endsWith('expect.json') });

    const before = box.traces();
    const failure = box.fails(['create', '--bundle', bundle.dir, bundle.id]);
    expect(failure.status).toBe(1);
    expect(failure.record).toMatchObject({
      code: expected.code,
      ...(expected.pointer !== undefined && { pointer: expected.pointer }),
      ...(expected.line !== undefined && { line: expected.line }),
      ...(expected.errno !== undefined && { errnoName: expected.errno }),
    });
    expect(box.traces()).toEqual(before);
  });
});
