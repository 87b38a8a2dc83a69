// SPDX-License-Identifier: Apache-2.0
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { type Failure, sandbox } from '../helpers/sandbox.ts';

/** The command fails with status 1 and one line; on tsubo the error also has the place in config.json. */
function oneError(failure: Failure, pointer?: string): void {
  expect(failure.status).toBe(1);
  expect(failure.message).not.toBe('');
  expect(failure.message).not.toContain('\n');
  if (isTsubo && pointer !== undefined) expect(failure.record.pointer).toBe(pointer);
}

/** Sets a value at a JSON pointer and creates missing parents. */
function put(document: unknown, pointer: string, value: unknown): void {
  const words = pointer
    .split('/')
    .slice(1)
    .map(word => word.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = words.pop() ?? '';
  let at = document as Record<string, unknown>;
  for (const [index, word] of words.entries()) {
    at[word] ??= /^\d+$/.test(words[index + 1] ?? last) ? [] : {};
    at = at[word] as Record<string, unknown>;
  }
  at[last] = value;
}

describe.skipIf(requires('root', 'busybox'))('bad input leaves nothing behind:', () => {
  const box = sandbox();

  describe('a bundle', () => {
    const refused = (args: string[]) => {
      const before = box.traces();
      const failure = box.fails(args);
      oneError(failure);
      expect(box.traces()).toEqual(before);
      return failure;
    };

    test('that does not exist', () => {
      const failure = refused(['create', '--bundle', join(box.dir, 'nowhere'), `${box.name}-x`]);
      expect(failure.message).toContain('no such file or directory');
    });

    test('that is a file', () => {
      const file = box.fresh('file');
      writeFileSync(file, '');
      expect(refused(['create', '--bundle', file, `${box.name}-x`]).message).toContain('not a directory');
    });

    test('without config.json', () => {
      const bundle = box.bundle();
      rmSync(join(bundle.dir, 'config.json'));
      const failure = refused(['create', '--bundle', bundle.dir, bundle.id]);
      expect(failure.message).toContain('JSON specification file config.json not found');
      if (isTsubo) expect(failure.record.code).toBe('bundle.config-missing');
    });

    test.each([
      ['is empty', ''],
      ['is truncated', '{"ociVersion": "1.0.0", "process": {'],
      ['has a trailing comma', '{"ociVersion": "1.0.0",}'],
      ['is not JSON', 'ociVersion: 1.0.0'],
      ['is a list', '[]'],
      ['is null', 'null'],
      ['is a text', '"config"'],
    ])('whose config.json %s', (_, text) => {
      const bundle = box.bundle();
      bundle.write(text);
      if (text === 'null' && disagrees('runc 1.1', 'panics on a config that is null')) {
        expect(box.oci(['create', '--bundle', bundle.dir, bundle.id]).stderr).toContain('panic:');
        return;
      }
      const failure = refused(['create', '--bundle', bundle.dir, bundle.id]);
      if (isTsubo) expect(failure.record.code).toMatch(/^(bundle\.config-(syntax|null)|config\.)/);
    });
  });

  describe('a value of the wrong type', () => {
    test.each<[string, unknown]>([
      ['/ociVersion', 1],
      ['/process', []],
      ['/process/terminal', 'yes'],
      ['/process/user', 'root'],
      ['/process/user/uid', '0'],
      ['/process/user/uid', -1],
      ['/process/user/uid', 4_294_967_296],
      ['/process/user/uid', 1.5],
      ['/process/user/gid', true],
      ['/process/user/umask', '022'],
      ['/process/user/additionalGids', '5'],
      ['/process/user/additionalGids/0', '5'],
      ['/process/args', 'sh'],
      ['/process/args/0', 1],
      ['/process/env', {}],
      ['/process/env/0', 1],
      ['/process/cwd', 1],
      ['/process/noNewPrivileges', 1],
      ['/process/oomScoreAdj', 'low'],
      ['/process/capabilities', []],
      ['/process/capabilities/bounding', 'CAP_KILL'],
      ['/process/capabilities/bounding/0', 5],
      ['/process/rlimits', {}],
      ['/process/rlimits/0', 'RLIMIT_CORE'],
      ['/process/rlimits/0/type', 4],
      ['/process/rlimits/0/soft', '1'],
      ['/process/rlimits/0/soft', -1],
      ['/process/rlimits/0/hard', 0.5],
      ['/root', 'rootfs'],
      ['/root/path', 1],
      ['/root/readonly', 'true'],
      ['/hostname', 1],
      ['/mounts', {}],
      ['/mounts/0', 'proc'],
      ['/mounts/0/destination', 1],
      ['/mounts/0/type', 1],
      ['/mounts/0/source', []],
      ['/mounts/1/options', 'ro'],
      ['/mounts/1/options/0', 1],
      ['/annotations', []],
      ['/annotations/org.example', 1],
      ['/linux', []],
      ['/linux/namespaces', {}],
      ['/linux/namespaces/0', 'pid'],
      ['/linux/namespaces/0/type', 1],
      ['/linux/namespaces/0/path', 1],
      ['/linux/cgroupsPath', 1],
      ['/linux/devices', {}],
      ['/linux/devices/0/path', 1],
      ['/linux/devices/0/type', 1],
      ['/linux/devices/0/major', '1'],
      ['/linux/devices/0/fileMode', '0666'],
      ['/linux/devices/0/uid', -1],
      ['/linux/maskedPaths', '/proc/kcore'],
      ['/linux/maskedPaths/0', 1],
      ['/linux/readonlyPaths', {}],
      ['/linux/rootfsPropagation', 1],
      ['/linux/sysctl', []],
      ['/linux/sysctl/net.ipv4.ip_forward', 1],
      ['/linux/seccomp', 'default'],
      ['/hooks', []],
    ])('at %s: %j', (pointer, value) => {
      const bundle = box.bundle(made => {
        made.config.process.rlimits = [{ type: 'RLIMIT_CORE', soft: 0, hard: 0 }];
        made.config.linux.devices = [{ path: '/dev/jar', type: 'c', major: 1, minor: 3 }];
        put(made.config, pointer, value);
      });
      oneError(box.refuses(bundle), pointer);
    });
  });

  describe('an impossible value', () => {
    test.for<[string, string, (bundle: Bundle) => void]>([
      ['a relative working directory', '/process/cwd', b => (b.config.process.cwd = 'tmp')],
      ['no working directory', '/process/cwd', b => (b.config.process.cwd = '')],
      ['no arguments', '/process/args', b => (b.config.process.args = [])],
      ['no root', '/root', b => put(b.config, '/root', undefined)],
      ['an environment without a name', '/process/env/0', b => (b.config.process.env = ['=value'])],
      ['an environment without =', '/process/env/1', b => (b.config.process.env = ['A=1', 'B'])],
      ['NUL in the environment', '/process/env/0', b => (b.config.process.env = ['A=\0'])],
      ['NUL in an argument', '/process/args/1', b => (b.config.process.args = ['/bin/true', 'a\0b'])],
      [
        'NUL in a mount',
        '/mounts/7/source',
        b => b.config.mounts.push({ destination: '/a', type: 'tmpfs', source: 'a\0b' }),
      ],
      [
        'a mount without a destination',
        '/mounts/7/destination',
        b => b.config.mounts.push({ destination: '', type: 'tmpfs' }),
      ],
      [
        'a device of no type',
        '/linux/devices/0/type',
        b => (b.config.linux.devices = [{ path: '/dev/a', type: 'x' }]),
      ],
      [
        'a device at no path',
        '/linux/devices/0/path',
        b => (b.config.linux.devices = [{ path: '', type: 'c', major: 1, minor: 3 }]),
      ],
      ['an oomScoreAdj out of range', '/process/oomScoreAdj', b => (b.config.process.oomScoreAdj = 2000)],
    ])('%s', ([what, pointer, modify], context) => {
      if (what === 'NUL in an argument')
        skipWhere(context, 'runc 1.1', 'detects a NUL in an argument only at start');
      if (what === 'a device at no path') skipWhere(context, 'runc 1.1', 'ignores a device without a path');
      const bundle = box.bundle(modify);
      oneError(box.refuses(bundle), pointer);
    });
  });

  describe('a value that requests nothing', () => {
    test.each<[string, unknown]>([
      ['/linux/seccomp', null],
      ['/hooks', {}],
      ['/hooks/prestart', []],
      ['/linux/resources', {}],
      ['/process/terminal', false],
      ['/linux/uidMappings', []],
      ['/linux/mountLabel', ''],
      ['/process/apparmorProfile', ''],
      ['/process/selinuxLabel', ''],
      ['/linux/intelRdt', null],
      ['/process/consoleSize', { height: 10, width: 10 }],
    ])('is accepted: %s %j', (pointer, value) => {
      expect(box.run(box.bundle(made => put(made.config, pointer, value))).status).toBe(0);
    });
  });

  describe('an unknown property', () => {
    test('is ignored, as the spec requires', () => {
      const bundle = box.bundle(made => {
        put(made.config, '/org.example.future', { a: [1] });
        put(made.config, '/process/future', true);
        put(made.config, '/linux/future', 'x');
      });
      expect(box.run(bundle).status).toBe(0);
    });

    test('matches a known one that differs only in case, as in Go', () => {
      const bundle = box.bundle(made => made.shell('cat /proc/sys/kernel/hostname'));
      bundle.write(
        JSON.stringify(bundle.config).replace('"hostname":', '"HostName":').replace('"args":', '"Args":'),
      );
      expect(box.run(bundle).stdout).toBe('jar\n');
    });
  });
});
