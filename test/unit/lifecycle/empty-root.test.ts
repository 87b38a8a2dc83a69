// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import type { ErrorFields } from '../../../src/errors/error.ts';
import { withEmptyRootHint } from '../../../src/lifecycle/empty-root.ts';
import type { Config } from '../../../src/oci/config.ts';
import { type FakeMachine, machineForEachTest, refused } from '../../helpers/fake-machine.ts';
import { planFor } from '../../helpers/plan.ts';

let machine: FakeMachine;
let root: string;
machineForEachTest(made => {
  machine = made;
  root = join(machine.directory, 'rootfs');
  mkdirSync(root);
});

/** The hint for a program that is not found in a root with these directories. */
function hintWith(directories: readonly string[], more: Partial<ErrorFields> = {}): string | undefined {
  for (const name of directories) mkdirSync(join(root, name));
  const plan = planFor({ config: { root: { path: root } } });
  const step = plan.container.findIndex(({ op }) => op === 'findProgram');
  const config = {
    process: { cwd: '/work/dir' },
    mounts: [{ destination: '/proc' }, { destination: 'sys/fs' }],
    linux: { devices: [{ path: '/nodes/null' }] },
  } as unknown as Config;
  const failure = {
    code: 'container.program-not-found',
    message: 'sh',
    step,
    hint: 'PATH',
    ...more,
  } as const;
  return withEmptyRootHint(machine.binding, failure, plan, config).hint;
}

const empty = () =>
  `the root file system ${root} is empty: put the files of an image there, or correct root.path`;

it('a root that contains only what the runtime makes is named as the cause', () => {
  expect(hintWith(['dev', 'proc', 'sys', 'work', 'nodes'])).toBe(empty());
});

it('a root with another directory is not the cause', () => {
  expect(hintWith(['dev', 'usr'])).toBe('PATH');
});

it('another failure keeps its hint', () => {
  expect(hintWith([], { code: 'container.syscall' })).toBe('PATH');
  expect(hintWith([], { step: 0 })).toBe('PATH');
});

it('a root that the caller may not read keeps the hint', () => {
  machine.binding.readdir = path => {
    throw refused('open', errno.EACCES, path);
  };
  expect(hintWith([])).toBe('PATH');
});
