// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readExit } from '../../src/direct/exit-status.ts';
import { parseLogTime } from '../../src/direct/logs.ts';
import { companions } from '../helpers/companions.ts';
import { attached, keptClient, logsOf } from '../helpers/keeper-client.ts';
import { binding, endOf, failure, keep, loggedText, logLines, privateMemory } from '../helpers/kept.ts';
import { requires } from '../helpers/requires.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox'))('the log of a container', () => {
  const s = sandbox();
  const beside = companions();
  const logs = (directory: string, options = {}) => logsOf(s, directory, options);
  const digest = (directory: string) => logsOf(s, directory, {}, 'sha256').stdout;

  it('contains interleaved streams in order, follows the container, and ends with it', async () => {
    const { bundle, directory } = keep(
      s,
      made => made.shell('echo 1; read a; echo 2 >&2; read a; echo 3; read a; printf 4 >&2'),
      { openStdin: true },
    );
    const merged = beside.watch(keptClient(s, 'logs', directory, { follow: true }, { merge: true }));
    const client = await attached(s, beside, directory);
    s.must(['start', bundle.id]);
    for (const lines of ['1\n', '1\n2\n', '1\n2\n3\n']) {
      await until('the line has arrived', () => merged.stdout() === lines);
      client.child.stdin?.write('next\n');
    }
    await merged.ended;
    expect(merged.stdout()).toBe('1\n2\n3\n4');
    expect(logs(directory)).toMatchObject({ stdout: '1\n3\n', stderr: '2\n4' });
  });

  it('keeps every byte, in lines of any length', async () => {
    const { bundle, directory } = keep(s, made => {
      made.file('/data', bytes);
      made.shell('cat /data');
    });
    s.must(['start', bundle.id]);
    await endOf(directory);
    expect(Buffer.from(logs(directory).stdout, 'latin1').equals(bytes)).toBe(true);
  });
  const bytes = Buffer.concat([
    Buffer.from([0, 1, 0xff, 0xfe, 0x0d, 0x0a, 0xc3, 0x0a, 0x0a]),
    Buffer.alloc(200_000, 'x'),
    Buffer.from('\nend'),
  ]);

  it('takes 100 MB without loss, and the keeper stays small', async () => {
    const size = 100_000_000;
    const line = `${'0'.repeat(999)}\n`;
    const { bundle, directory, keeper } = keep(
      s,
      made => {
        made.symlink('/bin/yes', 'busybox');
        made.shell(`yes ${line.trim()} | head -c ${size}; echo done >&2; read go`);
      },
      { openStdin: true, logLimit: { bytes: 0, files: 1 } },
    );
    const client = await attached(s, beside, directory, { stdin: true });
    s.must(['start', bundle.id]);
    await until('the program has written all', () => client.stderr() === 'done\n');
    expect(privateMemory(keeper)).toBeLessThanOrEqual(300);
    client.child.stdin?.end('go\n');
    expect(await endOf(directory)).not.toHaveProperty('log');
    const expected = createHash('sha256');
    for (let i = 0; i < size / line.length; i++) expected.update(line);
    expect(digest(directory)).toBe(expected.digest('hex'));
  });

  it('is rotated at its limit, and as many files as requested are kept', async () => {
    const { bundle, directory } = keep(
      s,
      made => made.shell('i=0; while test $i -lt 2000; do echo line $i; i=$((i+1)); done'),
      { logLimit: { bytes: 10_000, files: 3 } },
    );
    s.must(['start', bundle.id]);
    await endOf(directory);
    const files = readdirSync(directory)
      .filter(name => name.startsWith('log'))
      .sort();
    expect(files).toEqual(['log', 'log.1', 'log.2']);
    for (const file of files) expect(statSync(join(directory, file)).size).toBeLessThanOrEqual(10_000);
    const numbers = ['log.2', 'log.1', 'log'].flatMap(file =>
      logLines(directory, file).map(({ text }) => Number(text.slice('line '.length))),
    );
    const first = numbers[0] ?? 0;
    expect(first).toBeGreaterThan(1000);
    expect(numbers).toEqual(Array.from({ length: 2000 - first }, (_, i) => first + i));
    expect(logs(directory).stdout).toBe(numbers.map(number => `line ${number}\n`).join(''));
  });

  it('is followed until its reader has gone, although the container writes no more', async () => {
    const { bundle, directory } = keep(s, made => made.shell('echo 1; read a'), { openStdin: true });
    s.must(['start', bundle.id]);
    const follower = beside.watch(keptClient(s, 'logs', directory, { follow: true }));
    await until('the line has arrived', () => follower.stdout() === '1\n');
    follower.child.stdout?.destroy();
    await until('the command has ended', () => follower.child.exitCode !== null);
    expect(follower.child.exitCode).toBe(0);
    expect(readExit(binding, directory)).toBeUndefined();
  });

  it('is followed across rotations', async () => {
    const { bundle, directory } = keep(
      s,
      made => made.shell('i=0; while test $i -lt 3000; do echo line $i; i=$((i+1)); done'),
      { logLimit: { bytes: 20_000, files: 100 } },
    );
    const follower = beside.watch(keptClient(s, 'logs', directory, { follow: true }));
    s.must(['start', bundle.id]);
    await follower.ended;
    expect(follower.stdout()).toBe(Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join(''));
    expect(existsSync(join(directory, 'log.2'))).toBe(true);
  });

  it('on a full disk does not stop the program, and the loss is reported', async () => {
    const directory = s.mkdir('small');
    s.view.sh('mount -t tmpfs -o size=256k none "$1"', directory);
    const inView = s.view.path(directory);
    writeFileSync(join(inView, 'ballast'), Buffer.alloc(100_000));
    const bundle = s.bundle(made =>
      made.shell(
        'i=0; while test $i -lt 5000; do echo line $i of the output; i=$((i+1)); done; ' +
          'touch /full; until test -e /go; do sleep 0.05; done; echo after; exit 6',
      ),
    );
    const argv = s.command('create', '--bundle', bundle.dir, bundle.id);
    const starter = beside.watch(keptClient(s, 'start', directory, { argv }, { inView: true }));
    expect((await starter.ended).status, starter.stderr()).toBe(0);
    s.must(['start', bundle.id]);
    await until('the program has written', () => existsSync(bundle.inRoot('/full')));
    rmSync(join(inView, 'ballast'));
    writeFileSync(bundle.inRoot('/go'), '');
    await until('it has ended', () => existsSync(join(inView, 'exit.json')));
    const end = readExit(binding, inView);
    expect(end).toMatchObject({ status: 6, log: { lostBytes: expect.any(Number), errno: 28 } });
    const lost = end?.log?.lostBytes ?? 0;
    const output = Array.from({ length: 5000 }, (_, i) => `line ${i} of the output\n`).join('');
    const kept = loggedText(inView, 'stdout');
    expect(kept.length).toBe(output.length + 'after\n'.length - lost);
    const start = kept.slice(0, -'after\n'.length);
    expect(kept.endsWith('after\n')).toBe(true);
    expect(output.startsWith(start.slice(0, 1000))).toBe(true);
    const gaps = logLines(inView).filter(({ stream }) => stream === 'tsubo');
    const missing = gaps.map(({ text }) => Number(/^lost (\d+) bytes: errno 28$/.exec(text)?.[1]));
    expect(missing.reduce((sum, bytes) => sum + bytes, 0)).toBe(lost);
    expect(logs(inView).stderr).toContain('tsubo: the log has a gap: lost');
    s.view.sh('umount -l "$1"', directory);
  });

  describe('is printed', () => {
    const time = (second: number) => `2026-11-30T10:00:${String(second).padStart(2, '0')}.000000000Z`;
    /** A log of these records, one file for each list, oldest first. */
    const written = (...files: string[][]): string => {
      const directory = s.mkdir('log');
      files.forEach((records, index) => {
        const name = index === files.length - 1 ? 'log' : `log.${files.length - 1 - index}`;
        writeFileSync(join(directory, name), records.map(record => `${record}\n`).join(''));
      });
      return directory;
    };
    const simple = () =>
      written(
        [`${time(1)} stdout F one`, `${time(2)} stderr F two`],
        [`${time(3)} stdout P thr`, `${time(3)} stderr F err`, `${time(4)} stdout F ee`],
        [`${time(5)} stdout F five`],
      );

    it('from all files, oldest first', () => {
      expect(logs(simple())).toMatchObject({ stdout: 'one\nthree\nfive\n', stderr: 'two\nerr\n' });
    });

    it.each([
      [0, '', ''],
      [1, 'five\n', ''],
      [2, 'ee\nfive\n', ''],
      [3, 'three\nfive\n', 'err\n'],
      [4, 'three\nfive\n', 'two\nerr\n'],
      [5, 'one\nthree\nfive\n', 'two\nerr\n'],
      [9, 'one\nthree\nfive\n', 'two\nerr\n'],
    ])('with the last %i lines', (tail, stdout, stderr) => {
      expect(logs(simple(), { tail })).toMatchObject({ stdout, stderr });
    });

    it('with the last lines where records are longer than a block, and the last line is open', () => {
      const long = 'x'.repeat(100_000);
      const directory = written([
        `${time(1)} stdout F first`,
        `${time(2)} stdout F ${long}`,
        `${time(3)} stdout F third`,
        `${time(4)} stdout P open`,
      ]);
      expect(logs(directory, { tail: 3 }).stdout).toBe(`${long}\nthird\nopen`);
      expect(logs(directory, { tail: 1 }).stdout).toBe('open');
    });

    it('from a time on and up to a time', () => {
      const since = String(parseLogTime('since', time(2), 0n));
      const until = String(parseLogTime('until', time(4), 0n));
      expect(logs(simple(), { since, until })).toMatchObject({ stdout: 'three\n', stderr: 'two\nerr\n' });
      expect(logs(simple(), { since: String(BigInt(since) + 1n) }).stderr).toBe('err\n');
    });

    it('with the time in front of each line, once', () => {
      expect(logs(simple(), { timestamps: true }).stdout).toBe(
        `${time(1)} one\n${time(3)} three\n${time(5)} five\n`,
      );
    });

    it('from one stream', () => {
      expect(logs(simple(), { streams: { stdout: false, stderr: true } })).toMatchObject({
        stdout: '',
        stderr: 'two\nerr\n',
      });
    });

    it('without lines of another format', () => {
      const directory = written(['', 'x', `${time(1)} stdout F good`, `${time(2)} stdout`, '\0'.repeat(80)]);
      expect(logs(directory)).toMatchObject({ stdout: 'good\n', stderr: '', status: 0 });
    });

    it('with an error for a container that has none', () => {
      const done = logs(s.mkdir('empty'));
      expect(JSON.parse(done.stderr)).toMatchObject({ code: 'host.syscall', errnoName: 'ENOENT' });
    });
  });
});

describe('a time of logs', () => {
  const now = 1_796_055_728_000_000_000n;
  it.each([
    ['2026-11-30T16:22:08Z', 1_796_055_728_000_000_000n],
    ['2026-11-30T16:22:08.5Z', 1_796_055_728_500_000_000n],
    ['2026-11-30T17:22:08+01:00', 1_796_055_728_000_000_000n],
    ['2026-11-30T16:22', 1_796_055_720_000_000_000n],
    ['2026-11-30', 1_795_996_800_000_000_000n],
    ['1796055728.25', 1_796_055_728_250_000_000n],
    ['10m', now - 600_000_000_000n],
    ['1h30m', now - 5_400_000_000_000n],
    ['1.5s', now - 1_500_000_000n],
  ])('%s', (text, expected) => {
    expect(parseLogTime('since', text, now)).toBe(expected);
  });

  it.each(['', 'yesterday', '10 m', '2026-13-01', '-5m'])('is not %j', text => {
    expect(failure(() => parseLogTime('since', text, now))).toMatchObject({
      code: 'usage.bad-value',
      value: text,
    });
  });
});
