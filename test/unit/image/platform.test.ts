// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import {
  emulatorOf,
  formatPlatform,
  machinePlatform,
  parsePlatform,
  selectPlatform,
} from '../../../src/image/platform.ts';

const select = (offered: readonly string[], requested: string) => {
  const entries = offered.map(text => ({ platform: parsePlatform(text), text }));
  return selectPlatform(entries, parsePlatform(requested))?.text;
};

describe('the platform of an image', () => {
  test.each([
    ['linux/amd64', 'linux/amd64'],
    ['x86_64', 'linux/amd64'],
    ['aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64/v8'],
    ['armhf', 'linux/arm/v7'],
    ['Linux/ARM/V6', 'linux/arm/v6'],
  ])('%s is %s', (text, expected) => {
    expect(formatPlatform(parsePlatform(text))).toBe(expected);
  });

  test.each(['', 'linux/', '/amd64', 'a/b/c/d', 'linux/a b'])('%j is refused', text => {
    expect(() => parsePlatform(text)).toThrowError(
      expect.objectContaining({
        code: 'usage.bad-value',
        message: `invalid platform ${JSON.stringify(text)}`,
      }),
    );
  });

  test.each([
    ['linux/arm64', 'qemu-aarch64'],
    ['linux/amd64', 'qemu-x86_64'],
    ['linux/arm/v7', 'qemu-arm'],
    ['linux/s390x', 'qemu-s390x'],
  ])('%s has the emulator %s', (text, emulator) => {
    expect(emulatorOf(parsePlatform(text))).toBe(emulator);
  });

  test('is that of the machine by default', () => {
    expect(machinePlatform('x86_64')).toEqual({ os: 'linux', architecture: 'amd64' });
    expect(machinePlatform('aarch64')).toEqual({ os: 'linux', architecture: 'arm64' });
    expect(machinePlatform('riscv64')).toEqual({ os: 'linux', architecture: 'riscv64' });
  });

  test.each([
    [['linux/arm64', 'linux/amd64'], 'linux/amd64', 'linux/amd64'],
    [['windows/amd64', 'linux/amd64'], 'linux/amd64', 'linux/amd64'],
    [['linux/arm64/v8'], 'linux/arm64', 'linux/arm64/v8'],
    [['linux/arm64'], 'linux/arm64/v8', 'linux/arm64'],
    [['linux/arm/v5', 'linux/arm/v7', 'linux/arm/v6'], 'linux/arm/v7', 'linux/arm/v7'],
    [['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v7', 'linux/arm/v6'],
    [['linux/arm/v7'], 'linux/arm/v6', undefined],
    [['linux/amd64/v3', 'linux/amd64'], 'linux/amd64', 'linux/amd64'],
    [['linux/amd64', 'linux/amd64/v3'], 'linux/amd64/v3', 'linux/amd64/v3'],
    [['linux/arm64'], 'linux/amd64', undefined],
    [[], 'linux/amd64', undefined],
  ])('of %j for %s is %s', (offered, requested, expected) => {
    expect(select(offered, requested)).toBe(expected);
  });
});
