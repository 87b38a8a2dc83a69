// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errno } from '../../src/errors/errno.ts';
import type { Binding, LineChange } from '../../src/host/binding.d.ts';

const addon = join(import.meta.dirname, '../../build/Release/tsubo.node');

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'tsubo-writes-'));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

/** The error of the binding in a process with a file size limit of 4096 bytes. */
function limited(call: string): { readonly syscall: string; readonly errno: number } {
  const program = `
    const binding = require(${JSON.stringify(addon)});
    try { ${call} } catch ({ syscall, errno }) { console.log(JSON.stringify({ syscall, errno })) }`;
  const done = spawnSync('/bin/sh', ['-c', 'ulimit -f 8; exec "$0" -e "$1"', process.execPath, program]);
  return JSON.parse(done.stdout.toString()) as { syscall: string; errno: number };
}

describe('a text above the file size limit', () => {
  const long = "'x'.repeat(100000)";
  const tooLong = { syscall: 'write', errno: errno.EFBIG };

  it.each([
    ['writeText', (path: string) => `binding.writeText(${path}, ${long}, 0o100, 0o600)`],
    ['replaceText', (path: string) => `binding.replaceText(${path}, ${long}, 0o600)`],
    ['write', (path: string) => `binding.write(binding.open(${path}, 0o101, 0o600), ${long})`],
  ])('is refused by %s with the errno of the kernel', (_name, call) => {
    expect(limited(call(JSON.stringify(join(top, 'file'))))).toEqual(tooLong);
  });

  it('fails a hook with the errno of the kernel', () => {
    const hook = `{ path: '/bin/true', args: ['true'], input: ${long}, directory: '/', timeoutMs: -1 }`;
    expect(limited(`binding.runHook(${hook})`)).toEqual(tooLong);
  });
});

describe('the lines of a file', () => {
  /** The file after a change, or the error. */
  const changed = (before: string | Buffer, change: Partial<LineChange>) => {
    const path = join(top, 'lines');
    writeFileSync(path, before);
    const { ino } = statSync(path);
    const { changeLines } = createRequire(import.meta.url)(addon) as Binding;
    try {
      changeLines({ path, end: '\t# web', starts: [], added: '', limit: 1000, ...change });
    } catch (error) {
      return error;
    }
    expect(statSync(path).ino).toBe(ino);
    return readFileSync(path, 'latin1');
  };

  it('are added at its end, on a line of their own', () => {
    expect(changed('a\n', { added: 'b\t# web\n' })).toBe('a\nb\t# web\n');
    expect(changed('a', { added: 'b\n' })).toBe('a\nb\n');
    expect(changed('', { added: 'b\n' })).toBe('b\n');
    expect(changed(Buffer.from([0xff]), { added: 'b\n' })).toBe('\xff\nb\n');
  });

  it('are removed if both their start and their end match', () => {
    const before = '1\ta\n1\tb\t# web\n12\tc\t# web\n1\td\t# lab\n2\te\t# web';
    expect(changed(before, { starts: ['1\t'] })).toBe('1\ta\n12\tc\t# web\n1\td\t# lab\n2\te\t# web');
    expect(changed(before, { starts: ['2\t', '12\t'] })).toBe('1\ta\n1\tb\t# web\n1\td\t# lab\n');
    expect(changed(before, { starts: ['2\t'], added: '2\tf\t# web\n' })).toBe(
      `${before.replace('\te\t', '\tf\t')}\n`,
    );
  });

  it('stay in a file that is too long, and a missing file is not made', () => {
    expect(changed('x'.repeat(1001), { added: 'b\n' })).toMatchObject({ errno: errno.EFBIG });
    expect(changed('x', { path: join(top, 'missing'), added: 'b\n' })).toMatchObject({ errno: errno.ENOENT });
    expect(() => statSync(join(top, 'missing'))).toThrow('ENOENT');
  });
});
