// SPDX-License-Identifier: Apache-2.0
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findProgram, withTools } from '../../../native/build/programs.mjs';
import { staticBusybox, whatToInstall } from '../../tools.mjs';

let directory: string;
let before: string | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsubo-tools-'));
  before = process.env['PATH'];
});
afterEach(() => {
  process.env['PATH'] = before;
  rmSync(directory, { recursive: true });
});

/** A 64-bit ELF file with one program header of this type. */
function elf(type: number): Buffer {
  const file = Buffer.alloc(120);
  file.write('\x7fELF\x02', 'latin1');
  file.writeBigUInt64LE(64n, 0x20);
  file.writeUInt16LE(56, 0x36);
  file.writeUInt16LE(1, 0x38);
  file.writeUInt32LE(type, 64);
  return file;
}

/** Creates a program in a new directory and returns that directory. */
function program(where: string, name: string, content: string | Buffer, mode = 0o755): string {
  const path = join(directory, where);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, name), content);
  chmodSync(join(path, name), mode);
  return path;
}

describe('a program that tests need', () => {
  test('is that of the machine in preference to a fetched one', () => {
    const path = withTools('/first:/usr/sbin');
    const parts = path.split(delimiter);
    expect(parts.slice(0, 2)).toEqual(['/first', '/usr/sbin']);
    expect(parts.at(-1)).toMatch(/\/build\/tools\/bin$/);
    expect(new Set(parts).size).toBe(parts.length);
    expect(withTools(path)).toBe(path);
  });

  test('is an executable file in PATH', () => {
    const plain = program('plain', 'tsubo-tool', '', 0o644);
    mkdirSync(join(directory, 'directory/tsubo-tool'), { recursive: true });
    const right = program('right', 'tsubo-tool', '#!/bin/sh\n');
    process.env['PATH'] = [plain, join(directory, 'directory'), '/nonexistent', right].join(delimiter);
    expect(findProgram('tsubo-tool')).toBe(join(right, 'tsubo-tool'));
    expect(findProgram('tsubo-other-tool')).toBeUndefined();
  });

  test('is a static busybox, even if another one is earlier in PATH', () => {
    const dynamic = program('dynamic', 'busybox', elf(3));
    const script = program('script', 'busybox', '#!/bin/sh\n');
    const right = program('static', 'busybox', elf(1));
    process.env['PATH'] = [dynamic, script, right].join(delimiter);
    expect(staticBusybox()).toBe(join(right, 'busybox'));
  });

  test('is reported with its Debian package and the skipped tests', () => {
    const lines = whatToInstall(['ip', 'busybox']).split('\n');
    expect(lines).toContain(
      '  - ip       (Debian: iproute2) or this is skipped: the tests of networks and network devices',
    );
    expect(lines).toContain(
      '  - busybox  (Debian: busybox-static) or this is skipped: all tests that run a container',
    );
  });
});
