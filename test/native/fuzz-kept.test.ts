// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tarOf } from '../helpers/archive.ts';
import { requires } from '../helpers/requires.ts';

const corpus = 'test/fuzz/corpus/native';
const flags = ['-std=c++20', '-g', '-O1', '-fno-exceptions', '-Inative', '-Itest/fuzz/native'];
const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

describe.skipIf(requires('g++'))('inputs that once made a native fuzzer fail', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tsubo-kept-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const kept = readdirSync(corpus);

  it('are executed without a report of the sanitizers: answers of netlink', () => {
    const files = kept.map(name => {
      expect(name).toMatch(/^netlink-.*\.hex$/);
      const file = join(directory, name);
      const digits = readFileSync(join(corpus, name), 'utf8').replaceAll(/\s/g, '');
      writeFileSync(file, Buffer.from(digits, 'hex'));
      return file;
    });
    const program = join(directory, 'netlink');
    const compile = (...args: string[]) => execFileSync('g++', [...flags, ...sanitizers, ...args]);
    compile('-Drecv=fuzz_recv', '-Dsend=fuzz_send', '-c', 'native/binding/netlink.cc', '-o', `${program}.o`);
    const own = ['netlink.cc', 'replay.cc'].map(name => `test/fuzz/native/${name}`);
    compile(...own, `${program}.o`, '-o', program);
    expect(execFileSync(program, files, { encoding: 'utf8' })).toBe(`${kept.length}\n`);
    expect(kept.length).toBeGreaterThan(1);
  });

  it('are executed without a report of the sanitizers: a pax record that is longer than the rest of its header', () => {
    const file = join(directory, 'archive');
    const first = `40 path=${'a'.repeat(31)}\n`;
    const archive = tarOf([{ name: 'x', kind: 'x', data: `${first}9 a=b\n` }, { name: 'f' }]);
    writeFileSync(file, Buffer.concat([Buffer.of(0), archive]));
    const program = join(directory, 'archive-fuzzer');
    const sources = [
      ...['archive', 'replay'].map(name => `test/fuzz/native/${name}.cc`),
      ...['archive', 'sha256'].map(name => `native/unpack/${name}.cc`),
    ];
    execFileSync('g++', [...flags, ...sanitizers, ...sources, '-o', program]);
    expect(execFileSync(program, [file], { encoding: 'utf8' })).toBe('1\n');
  });
});
