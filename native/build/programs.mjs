// SPDX-License-Identifier: Apache-2.0
// Finds programs: in PATH, otherwise among those that test/tools.mjs has fetched.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { top } from './stage.mjs';

/** The fetched tools, one directory for each group (test/tools.mjs). */
export const toolsDirectory = join(top, 'build/tools');
/** Links to the fetched programs. */
export const bin = join(toolsDirectory, 'bin');

/** Directories that the PATH of some users lacks. */
const administration = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/**
 * A PATH with the fetched programs last.
 * @param {string} [path]
 */
export function withTools(path = process.env['PATH'] ?? '') {
  const parts = path.split(delimiter);
  return [...parts, ...[...administration, bin].filter(directory => !parts.includes(directory))].join(
    delimiter,
  );
}

/**
 * The path of a program: in PATH, otherwise among the fetched ones.
 * @param {string} name of a program, or its path
 * @param {(file: string) => boolean} [suits] selects among several
 */
export function findProgram(name, suits = () => true) {
  const directories = name.includes('/') ? [''] : withTools().split(delimiter);
  return directories.map(directory => join(directory, name)).find(file => isProgram(file) && suits(file));
}

/** @param {string} file */
export function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
