// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { versionIn } from '../../bench/columns.ts';
import { parseLap } from '../../bench/lap.ts';
import { parseOptions, usage } from '../../bench/options.ts';
import { readSamples } from '../../bench/samples.ts';

describe('the options of the benchmark', () => {
  it('measure everything in sixty rounds by default', () => {
    expect(parseOptions([])).toMatchObject({ rounds: 60, entries: 1000, against: undefined });
    expect(parseOptions([]).only).toContain('run-seccomp');
  });

  it('are short with --quick, and exact with numbers', () => {
    expect(parseOptions(['--quick'])).toMatchObject({ rounds: 10, entries: 200 });
    expect(parseOptions(['--quick', '--rounds=7', '--entries', '5'])).toMatchObject({
      rounds: 7,
      entries: 5,
    });
  });

  it('accumulate the cases of several --only', () => {
    expect([...parseOptions(['--only', 'run', '--only=list']).only]).toEqual(['run', 'list']);
  });

  it('measure nothing but the scale with --scale, and everything with --report', () => {
    expect(parseOptions(['--scale'])).toMatchObject({ only: new Set(), scale: [1, 100, 1000, 4000] });
    expect(parseOptions(['--scale', '--only', 'run']).only).toEqual(new Set(['run']));
    expect(parseOptions(['--report', '--quick'])).toMatchObject({ scale: [1, 10, 100], readme: false });
    expect(parseOptions(['--readme']).only).toContain('list');
    expect(() => parseOptions(['--readme', '--only', 'run'])).toThrow(/omit --only/);
  });

  it('take the cases of images only by name, and without other cases', () => {
    expect(parseOptions([]).images).toEqual([]);
    expect(parseOptions(['--only', 'container-run', '--only', 'pull']).images).toEqual([
      'pull',
      'container-run',
    ]);
    for (const other of [['--only', 'run'], ['--scale'], ['--readme']])
      expect(() => parseOptions(['--only', 'pull', ...other])).toThrow(/pull: measured without other cases/);
  });

  it('print their usage with --help, whatever else is given', () => {
    expect(parseOptions(['--help', '--quick']).help).toBe(true);
    expect(parseOptions(['-h']).help).toBe(true);
    expect(parseOptions([]).help).toBe(false);
    expect(usage).toContain('[--help]');
  });

  it.each([[['--only', 'nothing']], [['--rounds', '0']], [['--rounds']], [['--fast']]])('refuse %j', argv => {
    expect(() => parseOptions(argv)).toThrow(/nothing|--rounds|--fast/);
  });
});

describe('an earlier run of the benchmark', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tsubo-bench-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const written = (text: string): string => {
    const file = join(directory, 'samples.json');
    writeFileSync(file, text);
    return file;
  };

  it('is read from its file', () => {
    expect(readSamples(written('{"columns": [{"name": "tsubo"}], "series": {}}')).columns).toHaveLength(1);
  });

  it.each(['', '[]', 'null', '{"columns": []}', '{"columns": {}, "series": {}}'])('is not %j', text => {
    expect(() => readSamples(written(text))).toThrow(/samples\.json/);
  });

  it('is refused with the name of a missing file', () => {
    expect(() => readSamples(join(directory, 'none'))).toThrow(/^unable to read .*none: ENOENT/);
  });
});

describe('the command line of the benchmark', () => {
  const benchmark = (...args: string[]) =>
    spawnSync(process.execPath, ['test/bench/bench.mjs', ...args], { encoding: 'utf8', timeout: 60_000 });

  it('ends before anything is built or measured if a file of an earlier run is missing', () => {
    for (const option of ['--against', '--from']) {
      const { status, stdout, stderr } = benchmark(option, '/does/not/exist.json');
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(stderr).toMatch(/^tsubo: unable to read \/does\/not\/exist\.json: ENOENT[^\n]*\n$/);
    }
  });

  it('prints its usage on standard output', () => {
    expect(benchmark('--help')).toMatchObject({ status: 0, stdout: `${usage}\n`, stderr: '' });
  });
});

describe('the stopwatch', () => {
  it('reports a timed command on one line, which is parsed', () => {
    expect(parseLap('crun run\t9000\t2000\t5000\t3800\t1\tit failed '.split('\t'))).toEqual({
      label: 'crun run',
      wallUs: 9000,
      cpuUs: 7000,
      peakKiB: 3800,
      status: 1,
      error: 'it failed',
    });
  });

  it('parses versions of runc and crun', () => {
    expect(versionIn('crun version 1.28 commit: abc spec: 1.0.0')).toBe('1.28');
    expect(versionIn('runc version 1.1.5+ds1 commit: x')).toBe('1.1.5');
    expect(versionIn('')).toBeUndefined();
  });
});
