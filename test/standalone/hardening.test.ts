// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { segments } from '../../native/build/elf.mjs';
import { requires } from '../helpers/requires.ts';
import { standaloneFor } from '../helpers/runtime.ts';
import { checkout } from '../package/tarball.ts';

const types = {
  load: 1,
  dynamic: 2,
  interpreter: 3,
  stack: 0x6474e551,
  relro: 0x6474e552,
  property: 0x6474e553,
};
const executes = 1;
const writes = 2;
const arena = 0x10000000n;

/** Hardening properties in the header and the segments of an ELF file. */
function read(path: string) {
  const file = readFileSync(path);
  const all = segments(file);
  const of = (type: number) => all.filter(segment => segment.type === type);
  const loaded = of(types.load);
  return {
    file,
    /** 2: fixed address; 3: position independent. */
    type: file.readUInt16LE(0x10),
    interpreter: of(types.interpreter).length,
    dynamic: of(types.dynamic),
    relro: of(types.relro).length,
    executableStack: of(types.stack).map(({ flags }) => (flags & executes) !== 0),
    writableCode: loaded.filter(({ flags }) => (flags & writes) !== 0 && (flags & executes) !== 0).length,
    /** Size in the file of writable segments, without the heap of the engine. */
    initialised: loaded
      .filter(({ flags, address }) => (flags & writes) !== 0 && address !== arena)
      .reduce((sum, { fileBytes }) => sum + fileBytes, 0),
    properties: of(types.property).map(({ offset, fileBytes }) => file.subarray(offset, offset + fileBytes)),
  };
}

/** Number of the object files in a directory that refer to the symbol. */
function referringTo(directory: string, symbol: string): number {
  return readdirSync(directory).filter(
    name => name.endsWith('.o') && readFileSync(join(directory, name)).includes(`\0${symbol}\0`),
  ).length;
}

/** Number of occurrences of an instruction word in the file. */
function count(file: Buffer, code: readonly number[]): number {
  const pattern = Buffer.from(code);
  let times = 0;
  for (let at = file.indexOf(pattern); at >= 0; at = file.indexOf(pattern, at + 1)) times += 1;
  return times;
}

describe.each(['x64', 'arm64'] as const)('the executables for %s', arch => {
  const program = standaloneFor(arch);
  const init = `${program}-init`;
  const objects = join(dirname(program), 'objects');

  describe.skipIf(
    requires(arch === process.arch ? 'standalone' : (`standalone:${arch}` as 'standalone:arm64')),
  )('are built so that', () => {
    test.each([
      ['tsubo', program],
      ['tsubo without a snapshot', `${program}-bytecode`],
      ['the init', init],
      ['the keeper', `${program}-keeper`],
    ])('%s has no writable code and no executable stack', (_name, path) => {
      expect(read(path)).toMatchObject({
        type: 2,
        interpreter: 0,
        dynamic: [],
        writableCode: 0,
        executableStack: [false],
      });
    });

    test('all constants of tsubo are in readonly segments, as RELRO makes them', () => {
      // 592 at the time of writing: pointers of the standard streams of musl and of the heap.
      expect(read(program).initialised).toBeLessThan(1024);
      expect(read(init).initialised).toBe(0);
      // The table of clients, whose descriptors are -1 at the start.
      expect(read(`${program}-keeper`).initialised).toBeLessThan(2048);
    });

    test('functions with arrays have a stack guard', () => {
      for (const [directory, least] of [
        ['', 15],
        ['engine', 3],
        ['tsubo-init', 4],
        ['tsubo-keeper', 2],
      ] as const) {
        expect(referringTo(join(objects, directory), '__stack_chk_fail'), directory).toBeGreaterThanOrEqual(
          least,
        );
      }
      expect(referringTo(join(objects, 'tsubo-init'), '__stack_chk_guard')).toBeGreaterThanOrEqual(4);
    });
  });
});

describe.skipIf(requires('standalone:arm64'))('the executables for arm64', () => {
  const program = standaloneFor('arm64');

  test('sign return addresses, and the init accepts indirect jumps to marked places only', () => {
    const paciasp = [0x3f, 0x23, 0x03, 0xd5];
    expect(count(read(program).file, paciasp)).toBeGreaterThan(500);
    // GNU_PROPERTY_AARCH64_FEATURE_1_AND, 4 bytes: BTI and PAC
    const feature = Buffer.from([0, 0, 0, 0xc0, 4, 0, 0, 0, 3, 0, 0, 0]);
    expect(read(`${program}-init`).properties.map(property => property.includes(feature))).toEqual([true]);
  });
});

describe('the addon', () => {
  const path = join(checkout, 'build/Release/tsubo.node');

  test('has full RELRO, a stack guard and checked calls', () => {
    expect(existsSync(path)).toBe(true);
    const { file, dynamic, ...found } = read(path);
    expect(found).toMatchObject({ type: 3, relro: 1, writableCode: 0, executableStack: [false] });
    // DT_FLAGS with DF_BIND_NOW: all addresses are resolved before the tables become readonly.
    const [table] = dynamic;
    const entries = Array.from({ length: (table?.fileBytes ?? 0) / 16 }, (_, index) => {
      const at = (table?.offset ?? 0) + 16 * index;
      return [file.readBigUInt64LE(at), file.readBigUInt64LE(at + 8)] as const;
    });
    expect(entries).toContainEqual([30n, expect.toSatisfy((flags: bigint) => (flags & 8n) !== 0n)]);
    expect(file.includes('\0__stack_chk_fail\0')).toBe(true);
    // Fortified calls: at least one function of glibc that checks the size of its buffer.
    expect(file.toString('latin1')).toMatch(/\0__(mem|read|recv|str|snprintf|fprintf|vsnprintf)\w*_chk\0/);
  });
});
