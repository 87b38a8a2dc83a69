// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Features } from '../../src/oci/features.ts';
import type { CheckReport } from '../../src/validate/report.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const home = new URL('../../bundle-fixtures/bad/', import.meta.url).pathname;
const expectation = (name: string) =>
  JSON.parse(readFileSync(join(home, name, 'expect.json'), 'utf8')) as {
    code: string;
    pointer?: string;
    needs?: string;
  };
/**
 * Bundles whose problem shows in config.json alone. Their root file systems do not exist, which is a further problem.
 */
const names = readdirSync(home).filter(
  name => existsSync(join(home, name, 'expect.json')) && expectation(name).needs === undefined,
);

describe.skipIf(!isTsubo || requires('root', 'busybox'))('check', () => {
  const box = sandbox();

  test('finds in every bad bundle the problem for which create refuses it', () => {
    const found = names.map(name => {
      const done = box.oci(['check', '--format', 'json', join(home, name)]);
      const report = JSON.parse(done.stdout) as CheckReport;
      const { code, pointer } = expectation(name);
      const hit = report.problems.some(
        problem => problem.code === code && (pointer === undefined || problem.pointer === pointer),
      );
      return [name, done.status, hit];
    });
    expect(found.length).toBeGreaterThan(80);
    expect(found).toEqual(names.map(name => [name, 1, true]));
  });

  test('accepts a bundle from which create makes a container, and leaves no traces', () => {
    const bundle = box.created();
    const before = box.traces();
    const done = box.must(['check', bundle.dir]);
    expect(done.stdout).toContain(': no problems, ');
    expect(box.traces()).toEqual(before);
  });
});

describe.skipIf(requires('root', 'busybox'))('features', () => {
  const box = sandbox();

  test('is the document of the specification', () => {
    const features = JSON.parse(box.must(['features']).stdout) as Features;
    expect(features.ociVersionMin).toBe('1.0.0');
    expect(features.linux.cgroup.v2).toBe(true);
    expect(features.linux.capabilities).toContain('CAP_CHECKPOINT_RESTORE');
    expect(features.mountOptions).toEqual(expect.arrayContaining(['bind', 'rro', 'tmpcopyup', 'rslave']));
    const refused = disagrees('runc 1.1', 'reports remount, which changes an earlier mount');
    expect(features.mountOptions.includes('remount')).toBe(refused);
  });
});
