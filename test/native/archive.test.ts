// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { padded, tarOf } from '../helpers/archive.ts';

const archive = tarOf([
  { name: 'd/', kind: '5' },
  { name: 'd/f', data: 'text', pax: { 'SCHILY.xattr.user.a': 'b', mtime: '1.5', uid: '1000' } },
  { name: 'd/link', kind: '1', link: 'd/f' },
  { name: 's', kind: '2', link: 'd' },
  { name: 's/through', data: 'x'.repeat(3000) },
  { name: 'fifo', kind: '6' },
  { name: `long/${'n'.repeat(120)}` },
  { name: 'd/.wh.gone' },
  { name: 'd/.wh..wh..opq' },
  { name: 'd', data: 'replaced' },
  {
    name: 'sparse',
    data: Buffer.concat([padded(Buffer.from('2\n0\n3\n9000\n3\n')), Buffer.from('abcdef')]),
    pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '10000' },
  },
  { name: 'old', data: '12', pax: { 'GNU.sparse.size': '100', 'GNU.sparse.map': '5,1,50,1' } },
]);

describe('the reader of archives, with sanitizers', () => {
  let directory = '';
  const compile = (...args: string[]) =>
    execFileSync('g++', [
      ...['-std=c++20', '-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-Inative'],
      ...args,
    ]);
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tsubo-archive-'));
    const sources = ['archive', 'place', 'sha256'].map(name => `native/unpack/${name}.cc`);
    compile('test/native/archive-fuzz.cc', ...sources, '-o', join(directory, 'fuzz'));
    compile('test/native/sha256.cc', 'native/unpack/sha256.cc', '-o', join(directory, 'sha256'));
    writeFileSync(join(directory, 'archive'), archive);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each([1, 2])('accesses nothing outside a damaged archive or the tree (seed %i)', seed => {
    const trees = join(directory, `outer${seed}`, 'trees');
    mkdirSync(trees, { recursive: true });
    const out = execFileSync(
      join(directory, 'fuzz'),
      [join(directory, 'archive'), trees, '600', String(seed)],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [, whole, rounds] = /^(\d+) whole of (\d+)$/m.exec(out) ?? [];
    expect(Number(rounds)).toBe(600);
    // Damage to data or to a mode is not refused; most other damage is. Both must occur.
    expect(Number(whole)).toBeGreaterThan(20);
    expect(Number(whole)).toBeLessThan(500);
    expect(readdirSync(join(trees, '..'))).toEqual(['trees']);
  });

  it('computes SHA-256 in one piece and in many, with and without the instructions of the processor', () => {
    for (const size of [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 100_001]) {
      const bytes = Buffer.from(Array.from({ length: size }, (_, index) => (index * 7 + (index >> 8)) & 255));
      const expected = createHash('sha256').update(bytes).digest('hex');
      for (const piece of [1, 63, 4096, 1 << 20]) {
        const digest = execFileSync(join(directory, 'sha256'), [String(piece)], {
          input: bytes,
          encoding: 'utf8',
        });
        expect(digest).toBe(`${expected} ${expected}\n`);
      }
    }
  });
});
