// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import type { Binding } from '../../../src/host/binding.d.ts';
import { findNodeProgram } from '../../../src/host/node-program.ts';

interface Machine {
  readonly argv0: string;
  readonly own: string;
  readonly files: readonly string[];
  readonly path?: string;
}

function find({ argv0, own, files, path = '/usr/bin' }: Machine) {
  const plain = (name: string) => new URL(`file://${name}`).pathname;
  const binding = {
    argv: () => [argv0],
    readlink: () => own,
    realpath: plain,
    stat: (name: string) => (files.includes(plain(name)) ? { mode: 0o100755 } : undefined),
    getenv: () => path,
  };
  return findNodeProgram(binding as unknown as Binding, 'x.cjs');
}

describe('the program for Node', () => {
  test('is beside the program that runs, with the same Node', () => {
    const files = ['/opt/tsubo/dist/x.cjs'];
    expect(find({ argv0: '/opt/tsubo/dist/tsubo.cjs', own: '/usr/bin/node', files })).toEqual({
      node: '/usr/bin/node',
      script: '/opt/tsubo/dist/x.cjs',
    });
  });

  test('is in dist/ of the package of the executable', () => {
    const files = ['/opt/tsubo/dist/x.cjs', '/usr/bin/node'];
    for (const own of ['dist/tsubo', 'prebuilds/linux-x64/tsubo', 'build/standalone/x64/tsubo']) {
      expect(find({ argv0: 'tsubo', own: `/opt/tsubo/${own}`, files })).toEqual({
        node: '/usr/bin/node',
        script: '/opt/tsubo/dist/x.cjs',
      });
    }
  });

  test('is missing beside a copied executable, or without Node', () => {
    expect(find({ argv0: 'tsubo', own: '/usr/local/bin/tsubo', files: ['/usr/bin/node'] })).toBe(
      'x.cjs is not beside /usr/local/bin/tsubo',
    );
    expect(find({ argv0: 'tsubo', own: '/opt/dist/tsubo', files: ['/opt/dist/x.cjs'] })).toBe(
      'there is no node in PATH',
    );
  });
});
