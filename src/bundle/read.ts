// SPDX-License-Identifier: Apache-2.0

import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError, onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { isDirectory } from '../host/files.ts';
import { entryPath, parentPath } from '../host/paths.ts';
import { parseJson } from './json.ts';

/** A bundle as read from disk, unchecked. */
export interface Bundle {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** The text of config.json. */
  readonly text: string;
  /** The parsed value (see parseJson). Never null. */
  readonly document: unknown;
}

/**
 * Reads `config.json` of a bundle.
 *
 * @param bundlePath - the bundle directory; relative to the working directory
 * @throws RuntimeError `bundle.not-found` if the directory does not exist
 * @throws RuntimeError `bundle.config-missing`, `bundle.config-unreadable`
 * @throws RuntimeError `bundle.config-syntax` if it is not JSON; `bundle.config-null` if it is `null`
 * @see bundle.md
 */
export function readBundle(binding: Binding, bundlePath: string): Bundle {
  const path = realDirectory(binding, bundlePath);
  const configPath = entryPath(path, 'config.json');
  const text = readConfig(binding, configPath);
  const document = parseConfig(text, configPath);
  return { path, text, document };
}

function realDirectory(binding: Binding, bundlePath: string): string {
  const fields = { code: 'bundle.not-found', path: bundlePath, spec: 'bundle.md' } as const;
  const attempt = `cannot open the bundle directory ${bundlePath}`;
  const path = onHost(attempt, () => binding.realpath(bundlePath), fields);
  if (isDirectory(binding, path)) return path;
  throw new RuntimeError({
    ...fields,
    message: `the bundle ${bundlePath} is not a directory`,
    hint: 'a bundle is the directory that contains config.json',
  });
}

function readConfig(binding: Binding, configPath: string): string {
  try {
    return binding.readText(configPath);
  } catch (error) {
    const fields = { path: configPath, spec: 'bundle.md' };
    if (isSystemError(error) && error.errno === errno.ENOENT) {
      throw new RuntimeError({
        ...fields,
        code: 'bundle.config-missing',
        message: `JSON specification file config.json not found in ${parentPath(configPath)}`,
        hint: 'name the bundle directory with --bundle, or write a config.json there: tsubo spec --bundle DIR',
      });
    }
    if (!isSystemError(error)) throw error;
    throw hostFailure(error, 'cannot read config.json', { ...fields, code: 'bundle.config-unreadable' });
  }
}

function parseConfig(text: string, configPath: string): unknown {
  let document: unknown;
  try {
    document = parseJson(text);
  } catch (error) {
    throw error instanceof RuntimeError ? error.with({ path: configPath }) : error;
  }
  if (document === null) {
    throw new RuntimeError({
      code: 'bundle.config-null',
      message: 'config cannot be null',
      pointer: '',
      path: configPath,
      spec: 'config.md',
    });
  }
  return document;
}
