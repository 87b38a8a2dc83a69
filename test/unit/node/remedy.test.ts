// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { type Evidence, remedy } from '../../../src/node/remedy.ts';

const healthy: Evidence = {
  message: 'No native build was found',
  platform: 'linux',
  arch: 'x64',
  nodeMajor: 20,
  musl: false,
  prebuilds: ['linux-x64'],
  built: false,
  checkout: false,
};

describe('an addon that does not load', () => {
  it.each<[string, Partial<Evidence>, RegExp]>([
    ['on another system', { platform: 'darwin' }, /virtual machine/],
    ['on another processor', { arch: 'riscv64' }, /x64 and arm64/],
    ['in an old Node', { nodeMajor: 18 }, /Node 20/],
    ['with an old glibc', { message: "libc.so.6: version `GLIBC_2.38' not found" }, /build-from-source/],
    ['copied from another machine', { message: 'invalid ELF header' }, /npm ci/],
    ['built for another machine', { message: 'wrong ELF class: ELFCLASS32', built: true }, /remove build/],
    ['built for another Node', { message: 'was compiled using NODE_MODULE_VERSION 93' }, /npm rebuild/],
    ['on a noexec mount', { message: 'failed to map segment from shared object' }, /noexec/],
    ['in a fresh checkout', { prebuilds: [], checkout: true }, /npm run build/],
    ['packed for another processor', { prebuilds: ['linux-arm64'] }, /not for linux-x64/],
    ['with musl', { musl: true }, /musl/],
  ])('%s yields a remedy', (_name, evidence, expected) => {
    expect(remedy({ ...healthy, ...evidence })).toMatch(expected);
  });
});
