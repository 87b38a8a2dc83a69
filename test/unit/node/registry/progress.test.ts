// SPDX-License-Identifier: Apache-2.0
import type { WriteStream } from 'node:tty';
import { describe, expect, test } from 'vitest';
import { Progress } from '../../../../src/node/registry/progress.ts';

/** A stream that keeps its output. */
function stream(terminal: { columns: number; rows: number } | undefined) {
  const written: string[] = [];
  const out = { isTTY: terminal !== undefined, ...terminal, write: (text: string) => written.push(text) };
  return { out: out as unknown as WriteStream, take: () => written.splice(0).join('') };
}

describe('the progress of a pull', () => {
  test('is a bar for each layer on a terminal, drawn over the last one', () => {
    const { out, take } = stream({ columns: 80, rows: 24 });
    const progress = new Progress(out, false);
    const [one, two] = [progress.layer('aaaa'), progress.layer('bbbb')];
    one.state('Pulling fs layer');
    two.bytes(500_000, 1_000_000);
    progress.draw();
    const half = `[${'='.repeat(14)}>${' '.repeat(15)}]`;
    expect(take()).toBe(`aaaa: Pulling fs layer\x1b[K\nbbbb: Downloading ${half} 500kB/1MB\x1b[K\n`);
    two.state('Download complete');
    progress.draw();
    expect(take()).toBe('\x1b[2Aaaaa: Pulling fs layer\x1b[K\nbbbb: Download complete\x1b[K\n');
    one.state('Download complete');
    progress.line('Status: done');
    expect(take()).toBe(
      '\x1b[2Aaaaa: Download complete\x1b[K\nbbbb: Download complete\x1b[K\nStatus: done\n',
    );
    // The bars above the line stay.
    progress.layer('cccc').state('Already exists');
    progress.end();
    expect(take()).toBe('cccc: Already exists\x1b[K\n');
  });

  test('fits into the terminal: no line wraps, and the first layers are left out', () => {
    const { out, take } = stream({ columns: 11, rows: 4 });
    const progress = new Progress(out, false);
    for (const name of ['one', 'two', 'three']) progress.layer(name).passing('Extracting');
    progress.draw();
    expect(take()).toBe('two: Extra\x1b[K\nthree: Ext\x1b[K\n');
  });

  test('is a line for each change elsewhere, and nothing if it is quiet', () => {
    const { out, take } = stream(undefined);
    const loud = new Progress(out, false).layer('aaaa');
    loud.state('Pulling fs layer');
    loud.bytes(1, 2);
    loud.passing('Extracting');
    loud.state('Pull complete');
    expect(take()).toBe('aaaa: Pulling fs layer\naaaa: Pull complete\n');
    const quiet = new Progress(out, true);
    quiet.line('Status');
    quiet.layer('bbbb').state('Pull complete');
    quiet.end();
    expect(take()).toBe('');
  });
});
