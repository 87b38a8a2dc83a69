// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { errno } from '../../../src/errors/errno.ts';
import { RuntimeError } from '../../../src/errors/error.ts';
import { requireUnpacked } from '../../../src/image/unpack.ts';

/** The error of an archive whose entry `a/b` was refused. */
function errorOf(syscall: string, number: number) {
  const problem = { syscall, errno: number, reason: '', entry: 'a/b', offset: 512 };
  const counts = { entries: 1, lostOwners: 0, lostDevices: 0, lostAttributes: 0 };
  const unpacked = { digest: '', size: 3 << 20, usesLowers: false, hidesAll: false, ...counts, problem };
  try {
    requireUnpacked(unpacked, { what: 'layer x', place: '/tree', bytes: 1 << 20 });
  } catch (error) {
    if (error instanceof RuntimeError) return error.fields();
  }
  throw new Error('no error');
}

describe('an archive that was not unpacked whole', () => {
  test('has filled the disk', () => {
    expect(errorOf('write', errno.ENOSPC)).toMatchObject({
      code: 'image.disk-full',
      message: 'unable to unpack layer x at a/b: no space left on device',
      hint: '3 MiB of its files were written before /tree was full; the archive itself has 1 MiB. tsubo image prune removes what no image needs',
    });
  });

  test('decompresses to more than the disk has free', () => {
    const problem = { syscall: 'read', errno: 27, reason: '', entry: 'a/b', offset: 512 };
    const counts = { entries: 1, lostOwners: 0, lostDevices: 0, lostAttributes: 0 };
    const result = { digest: '', size: 3 << 20, usesLowers: false, hidesAll: false, ...counts, problem };
    const unpack = () =>
      requireUnpacked(
        { ...result, limit: 64 << 20, decompressor: 'broken pipe' },
        { what: 'layer x', place: '/tree', bytes: 1 << 20 },
      );
    expect(unpack).toThrow(
      expect.objectContaining({
        code: 'image.disk-full',
        message: 'unable to unpack layer x: it has more than the 64 MiB that are free in /tree',
      }),
    );
  });

  test.each([errno.ENOSPC, errno.EDQUOT])(
    'has more attributes than a file can have, on a disk with space (%d)',
    number => {
      expect(errorOf('setxattr', number)).toMatchObject({
        code: 'host.syscall',
        hint: 'the file has more extended attributes than the file system can store',
      });
    },
  );

  test('has a name that is too long', () => {
    expect(errorOf('mkdirat', errno.ENAMETOOLONG)).toMatchObject({
      code: 'host.syscall',
      hint: 'a name may have 255 bytes, and a path 4,095',
    });
  });
});
