// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBundle } from '../../../src/bundle/read.ts';
import { resolveRootfs } from '../../../src/bundle/rootfs.ts';
import { RuntimeError } from '../../../src/errors/error.ts';
import { withSourceLocation } from '../../../src/lifecycle/source-location.ts';
import { requireConfig } from '../../../src/validate/check.ts';
import { diskBinding } from '../../helpers/disk-binding.ts';

interface Expectation {
  readonly code: string;
  readonly pointer?: string;
  readonly line?: number;
  readonly needs?: 'host' | 'create';
}

const fixtures = join(import.meta.dirname, '../../../bundle-fixtures/bad');
const names = readdirSync(fixtures).filter(name => name !== 'README.md');

function load(name: string): Expectation {
  return JSON.parse(readFileSync(join(fixtures, name, 'expect.json'), 'utf8')) as Expectation;
}

/** All checks that precede any action. */
function prepare(name: string): void {
  const bundle = readBundle(diskBinding(), join(fixtures, name));
  withSourceLocation(bundle.text, () => {
    const { config } = requireConfig(bundle.document);
    resolveRootfs(diskBinding(), bundle.path, config);
  });
}

function failure(name: string): RuntimeError {
  try {
    prepare(name);
  } catch (error) {
    if (error instanceof RuntimeError) return error;
    throw error;
  }
  throw new Error(`${name} was accepted`);
}

describe('a bad bundle', () => {
  it('exists for more than a hundred reasons', () => {
    expect(names.length).toBeGreaterThan(100);
  });

  it.each(names.filter(name => load(name).needs !== 'create'))(
    '%s fails with exactly its expected problem',
    name => {
      const { code, pointer, line } = load(name);
      const error = failure(name);
      expect(error).toMatchObject({
        code,
        ...(pointer !== undefined && { pointer }),
        ...(line !== undefined && { line }),
      });
      expect(error.problems?.length ?? 1).toBe(1);
    },
  );
});

describe('a bundle that only a create can refuse', () => {
  it.each(names.filter(name => load(name).needs === 'create'))(
    '%s passes every check of the document',
    name => {
      const { document } = readBundle(diskBinding(), join(fixtures, name));
      expect(requireConfig(document).config.ociVersion).toBe('1.3.0');
    },
  );
});
