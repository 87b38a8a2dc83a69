// SPDX-License-Identifier: Apache-2.0
import { isSystemError } from '../errors/system.ts';
import type { Binding } from './binding.d.ts';
import { findProgram } from './find-program.ts';
import { lastComponent, parentPath } from './paths.ts';

/**
 * A program for Node in dist/ of the package or checkout that contains this executable. Both hosts start such programs.
 */
export interface NodeProgram {
  /** Absolute paths. */
  readonly node: string;
  readonly script: string;
}

/** Returns the program; if a file is missing, a text with its name. */
export function findNodeProgram(binding: Binding, name: string): NodeProgram | string {
  const own = binding.readlink('/proc/self/exe');
  const called = binding.argv()[0] ?? '';
  const isNode = lastComponent(called).endsWith('.cjs');
  const self = isNode ? resolved(binding, called) : own;
  const directory = parentPath(self);
  // dist/tsubo, prebuilds/linux-x64/tsubo, build/standalone/x64/tsubo
  const script = [directory, `${directory}/../../dist`, `${directory}/../../../dist`]
    .map(place => resolved(binding, `${place}/${name}`))
    .find(path => binding.stat(path) !== undefined);
  const node = isNode ? own : findProgram(binding, 'node');
  if (script === undefined) return `${name} is not beside ${self}`;
  return node === undefined ? 'there is no node in PATH' : { node, script };
}

function resolved(binding: Binding, path: string): string {
  try {
    return binding.realpath(path);
  } catch (error) {
    if (isSystemError(error)) return path;
    throw error;
  }
}
