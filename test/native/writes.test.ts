// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errno } from '../../src/errors/errno.ts';

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
