// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RootView } from '../../../src/inspect/root-view.ts';
import { FakeMachine } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let root: string;
let view: RootView;
beforeEach(() => {
  machine = new FakeMachine();
  root = mkdtempSync(join(tmpdir(), 'root-'));
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  writeFileSync(join(root, 'usr/bin/sh'), '');
  symlinkSync('usr/bin', join(root, 'bin'));
  symlinkSync('/usr', join(root, 'away'));
  symlinkSync('loop', join(root, 'loop'));
  symlinkSync('../../../../usr', join(root, 'usr/up'));
  symlinkSync('/nowhere/at/all', join(root, 'dangling'));
  view = new RootView(machine.binding, root);
});
afterEach(() => {
  machine.dispose();
  rmSync(root, { recursive: true });
});

/** `path kind`, or the error number. */
function found(path: string, options = {}): string | number {
  const resolved = view.resolve(path, options);
  return 'errno' in resolved ? resolved.errno : `${resolved.place} ${resolved.entry.kind}`;
}

describe('a path of the container', () => {
  it.each([
    ['/usr/bin/sh', '/usr/bin/sh host'],
    ['/bin/sh', '/usr/bin/sh host'],
    ['/away/bin/../bin/sh', '/usr/bin/sh host'],
    ['/../../bin/sh', '/usr/bin/sh host'],
    ['/usr/up/bin/sh', '/usr/bin/sh host'],
    ['bin//./sh', '/usr/bin/sh host'],
    ['/usr/lib', '/usr/lib missing'],
    ['/no/such/path', '/no/such/path missing'],
    ['/dangling/here', '/nowhere/at/all/here missing'],
    ['/usr/bin/sh/below', 20],
    ['/loop', 40],
    [`/${'a'.repeat(256)}`, 36],
  ])('%s resolves to %s', (path, expected) => {
    expect(found(path)).toBe(expected);
  });

  it('may end with a symbolic link, or refuse all links', () => {
    expect(found('/bin', { followLast: false })).toBe('/bin host');
    expect(found('/bin/sh', { followLast: false })).toBe('/usr/bin/sh host');
    expect(found('/bin/sh', { noLinks: true })).toBe(40);
    expect(found('/usr/bin', { noLinks: true })).toBe('/usr/bin host');
  });

  it('resolves into the mount over it, by any name', () => {
    view.mount('/usr/bin', { kind: 'made', directory: true });
    expect(found('/bin/sh')).toBe('/usr/bin/sh missing');
    view.mount('/usr', { kind: 'unknown' });
    expect(found('/away/bin/sh')).toBe('/usr unknown');
  });

  it('resolves through directories that create makes', () => {
    view.make('/nowhere/at/all', false);
    expect(found('/nowhere/at')).toBe('/nowhere/at made');
    expect(found('/dangling')).toBe('/nowhere/at/all made');
    expect(found('/dangling/here')).toBe(20);
    view.mount('/x/y', { kind: 'unknown' });
    expect(found('/x')).toBe('/x made');
  });

  it('does not resolve to a mount of the host below a bind that is not recursive', () => {
    const entry = view.hostEntry(join(root, 'usr'), false);
    if (entry.kind !== 'host') throw new Error('not there');
    view.mount('/usr', { ...entry, device: entry.status.dev });
    expect(found('/usr/bin/sh')).toBe('/usr/bin/sh host');
    view.mount('/usr', { ...entry, device: entry.status.dev + 1 });
    expect(found('/usr/bin/sh')).toBe('/usr/bin unknown');
  });

  it('is unknown without a root', () => {
    view = new RootView(machine.binding, undefined);
    expect(found('/usr')).toBe('/ unknown');
  });
});
