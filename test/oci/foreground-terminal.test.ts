// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { companions } from '../helpers/companions.ts';
import { helperProgram } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo } from '../helpers/runtime.ts';
import { type Running, sandbox, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2', 'g++'))('a terminal in the foreground', () => {
  const box = sandbox();
  const beside = companions();

  /** A command in a new session on a new terminal of 30 rows and 90 columns. */
  const onTerminal = (...command: string[]): Running => {
    const program = [helperProgram('terminal'), 'run', '30', '90'];
    return beside.watch(box.view.spawn([...program, ...command]));
  };
  /** The process on the terminal. */
  const childOf = (running: Running): number => Number(/child (\d+)/.exec(running.stderr())?.[1]);

  const interactive = (script: string, modify: (bundle: Bundle) => void = () => {}) =>
    box.bundle(made => {
      made.config.process.terminal = true;
      made.shell(script);
      for (const name of ['stty', 'sha256sum']) made.symlink(`/bin/${name}`, 'busybox');
      modify(made);
    });
  const runs = (bundle: Bundle): string[] => box.command('run', '--bundle', bundle.dir, bundle.id);
  /** A command as shell words. */
  const words = (command: readonly string[]): string => command.map(word => `'${word}'`).join(' ');
  const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');
  /** All byte values, repeated, in an irregular order. */
  const noise = (size: number): Buffer => {
    const data = Buffer.alloc(size);
    for (let i = 0, x = 1; i < size; i++) {
      x = (Math.imul(x, 1103515245) + 12345) >>> 0;
      data[i] = x >>> 16;
    }
    return data;
  };

  test('connects the program to the terminal on which run was started', async () => {
    const bundle = interactive('echo ready; read line; echo "<$line>"; exit 7');
    const terminal = onTerminal(...runs(bundle));
    await until('the program runs', () => terminal.stdout() === 'ready\r\n');
    terminal.child.stdin?.write('hello\r');
    expect((await terminal.ended).status).toBe(7);
    expect(terminal.stdout()).toBe('ready\r\nhello\r\n<hello>\r\n');
    expect(terminal.stderr()).toMatch(/\nrestored\n$/);
    box.failsWith(['state', bundle.id], 'does not exist', 'state.not-found');
  });

  test('of exec is in the devpts of the container', async () => {
    const bundle = box.running();
    const script = 'readlink /proc/self/fd/0; read line; echo "<$line>"; exit 9';
    const terminal = onTerminal(...box.command('exec', '-t', bundle.id, '/bin/sh', '-c', script));
    await until('the program runs', () => terminal.stdout() === '/dev/pts/0\r\n');
    terminal.child.stdin?.write('hello\r');
    expect((await terminal.ended).status).toBe(9);
    expect(terminal.stdout()).toBe('/dev/pts/0\r\nhello\r\n<hello>\r\n');
    expect(terminal.stderr()).toMatch(/\nrestored\n$/);
  });

  test('shows a failure wrapped to its width, with the cure first', async () => {
    const bundle = box.bundle(made => {
      made.config.process.args = ['nope'];
    });
    const terminal = onTerminal('env', 'TERM=xterm', 'NO_COLOR=1', ...runs(bundle));
    const { status } = await terminal.ended;
    expect(status).toBe(1);
    const lines = terminal.stdout().split('\r\n');
    expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(90);
    expect(lines.join(' ')).toContain('exec: "nope": executable file not found in $PATH');
    const labels = lines.flatMap(line => /^ {2}(\w+) /.exec(line)?.[1] ?? []);
    expect(labels).toEqual(['at', 'hint', 'kernel', 'value']);
  });

  test('forwards control characters as they are', async () => {
    const bundle = interactive(
      'trap "echo interrupted; exit 3" INT; echo ready; while :; do sleep 0.01; done',
    );
    const terminal = onTerminal(...runs(bundle));
    await until('the program runs', () => terminal.stdout() === 'ready\r\n');
    terminal.child.stdin?.write('\x03');
    expect((await terminal.ended).status).toBe(3);
    expect(terminal.stdout()).toBe('ready\r\n^Cinterrupted\r\n');
    expect(terminal.stderr()).toMatch(/\nrestored\n$/);
  });

  test('has the size of the host terminal from the start, and follows each resize', async () => {
    const script = `trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.01; done`;
    const terminal = onTerminal(...runs(interactive(script)));
    await until('the program runs', () => terminal.stdout() === '30 90\r\n');
    terminal.child.kill('SIGWINCH');
    await terminal.ended;
    expect(terminal.stdout()).toBe('30 90\r\n31 91\r\n');
  });

  test('starts with consoleSize if that is given', async () => {
    const script = `trap 'stty size; exit' WINCH; sleep 0.2; stty size; while :; do sleep 0.01; done`;
    const bundle = interactive(script, made => {
      made.config.process.consoleSize = { height: 10, width: 20 };
    });
    const terminal = onTerminal(...runs(bundle));
    if (disagrees('runc', 'uses the size of the host terminal anyway')) return;
    await until('the program runs', () => terminal.stdout() === '10 20\r\n');
    terminal.child.kill('SIGWINCH');
    await terminal.ended;
    expect(terminal.stdout()).toBe('10 20\r\n31 91\r\n');
  });

  test.each(['TERM', 'HUP', 'INT', 'USR1'])(
    'forwards %s, and the host terminal is restored afterwards',
    async signal => {
      const bundle = interactive(`trap 'exit 42' ${signal}; echo ready; while :; do sleep 0.01; done`);
      const terminal = onTerminal(...runs(bundle));
      await until('the program runs', () => terminal.stdout() === 'ready\r\n');
      process.kill(childOf(terminal), `SIG${signal}` as NodeJS.Signals);
      const status = signal === 'INT' && disagrees('runc', 'exits at once, with success') ? 0 : 42;
      expect((await terminal.ended).status).toBe(status);
      expect(terminal.stderr()).toMatch(/\nrestored\n$/);
    },
  );

  test.each(['SIGABRT', 'SIGSEGV', 'SIGSYS'] as const)('is restored when %s ends the runtime', async name => {
    const bundle = interactive('echo ready; exec sleep 1000');
    const terminal = onTerminal(...runs(bundle));
    await until('the program runs', () => terminal.stdout() === 'ready\r\n');
    if (disagrees('runc', 'leaves the terminal raw')) return;
    process.kill(childOf(terminal), name);
    expect((await terminal.ended).status).toBe(128 + constants.signals[name]);
    expect(terminal.stderr()).toMatch(/\nrestored\n$/);
  });

  test('is restored, and no traces are left, when the program cannot be run', async () => {
    const before = box.traces();
    const bundle = interactive('', made => {
      made.config.process.args = ['/nothing'];
    });
    const terminal = onTerminal(...runs(bundle));
    expect((await terminal.ended).status).toBe(1);
    expect(terminal.stdout()).toMatch(/exec:\s+"\/nothing"/);
    expect(terminal.stderr()).toMatch(/\nrestored\n$/);
    expect(box.traces()).toEqual(before);
  });

  test('transfers megabytes of input unchanged', async () => {
    const data = noise(3_000_000);
    const bundle = interactive(`stty raw -echo; echo ready; head -c ${data.length} | sha256sum`);
    const terminal = onTerminal(...runs(bundle));
    await until('the program runs', () => terminal.stdout().startsWith('ready'));
    terminal.child.stdin?.write(data);
    expect((await terminal.ended).status).toBe(0);
    expect(terminal.stdout()).toContain(sha256(data));
  }, 60_000);

  test('transfers megabytes of output unchanged, also to a slow reader', async () => {
    const data = noise(3_000_000);
    const bundle = interactive('stty raw; cat /data', made => made.file('/data', data));
    const file = box.fresh('out');
    const slow = `{ sleep 0.3; head -c 100000; sleep 0.3; cat; } >${file}`;
    const terminal = onTerminal('/bin/sh', '-c', `${words(runs(bundle))} | ${slow}`);
    await terminal.ended;
    expect(sha256(readFileSync(file))).toBe(sha256(data));
    expect(terminal.stderr()).toMatch(/\nrestored\n$/);
  }, 60_000);

  test('transfers bytes in both directions at the same time', async () => {
    const data = noise(2_000_000);
    const input = join(box.mkdir('in'), 'data');
    writeFileSync(input, data);
    const out = box.fresh('out');
    const bundle = interactive(`stty raw -echo; echo -n R; exec head -c ${data.length}`);
    const script = `{ until [ -s ${out} ]; do sleep 0.01; done; cat ${input}; sleep 1000 & } | ${words(runs(bundle))} >${out}`;
    const terminal = onTerminal('/bin/sh', '-c', script);
    await terminal.ended;
    const got = readFileSync(out);
    expect(got.length).toBe(data.length + 1);
    expect(sha256(got.subarray(1))).toBe(sha256(data));
  }, 60_000);

  test('shows output unchanged on the host terminal too', async () => {
    const bundle = interactive('stty raw; printf "a\\nb\\r\\nc\\td\\001\\033[1m"');
    const terminal = onTerminal(...runs(bundle));
    await terminal.ended;
    const expected = disagrees('runc', 'lets the host terminal translate line ends again')
      ? 'a\r\nb\r\r\nc\td\x01\x1b[1m'
      : 'a\nb\r\nc\td\x01\x1b[1m';
    expect(terminal.stdout()).toBe(expected);
  });

  test('leaves line ends unchanged in input from a file', async () => {
    const file = box.fresh('out');
    const bundle = interactive('echo one; echo two');
    const terminal = onTerminal('/bin/sh', '-c', `${words(runs(bundle))} >${file}`);
    expect((await terminal.ended).status).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
    expect(terminal.stderr()).toMatch(/\nrestored\n$/);
  });

  test('stays open at the end of standard input', async () => {
    const file = box.fresh('out');
    const bundle = interactive('echo ready; sleep 0.3; echo end');
    const terminal = onTerminal('/bin/sh', '-c', `${words(runs(bundle))} </dev/null >${file} 2>&1`);
    expect((await terminal.ended).status).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('ready\nend\n');
  });

  test('is waited for without a busy loop, also without a reader', async () => {
    const bundle = interactive('stty raw; cat /dev/zero');
    const terminal = onTerminal('/bin/sh', '-c', `${words(runs(bundle))} </dev/null | sleep 1000`);
    const pid = (): number => Number(box.view.sh(`pgrep -P ${childOf(terminal)} | head -1 || true`).trim());
    await until('it runs', () => childOf(terminal) > 0 && pid() > 0);
    const ticks = (): number => {
      const fields = readFileSync(`/proc/${pid()}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return Number(fields[11]) + Number(fields[12]);
    };
    let used = ticks();
    let since = performance.now();
    await until('it has used no time for a second', () => {
      if (ticks() !== used) [used, since] = [ticks(), performance.now()];
      return performance.now() - since > 1000;
    });
  });

  test('hangs up when its last reader has gone', async () => {
    const bundle = interactive('trap "echo gone >/gone; exit 5" HUP; while echo line; do :; done');
    const terminal = onTerminal('/bin/sh', '-c', `${words(runs(bundle))} | head -1`);
    if (disagrees('runc', 'never ends')) return;
    expect((await terminal.ended).status).toBe(0);
    expect(terminal.stdout()).toContain('line');
    await until('the container is gone', () => box.oci(['state', bundle.id]).status === 1);
  });

  test('closes with the program, also if another process still has it open', async () => {
    const bundle = interactive('sleep 1000 & echo first; exit 4', made => {
      made.namespace('pid');
      made.config.linux.maskedPaths = [];
    });
    const terminal = onTerminal(...runs(bundle));
    expect((await terminal.ended).status).toBe(4);
    expect(terminal.stdout()).toBe('first\r\n');
  });

  test('may be closed and opened again by the program', async () => {
    const bundle = interactive(
      'echo one; exec 3>&- 0<&- 1>&- 2>&-; sleep 0.5; exec 1<>/dev/pts/0; echo two; sleep 0.2; echo three',
    );
    const terminal = onTerminal(...runs(bundle));
    if (disagrees('runc', 'has closed the terminal by then')) return;
    expect((await terminal.ended).status).toBe(0);
    expect(terminal.stdout()).toBe('one\r\ntwo\r\nthree\r\n');
  });

  test('stops run in a background process group until it is brought to the foreground', async () => {
    // The shell is interactive enough to have job control.
    const bundle = interactive('echo ready; read line; echo "<$line>"');
    const script = `set -m; ${words(runs(bundle))} & while [ -z "$(jobs -s 2>/dev/null)$(jobs | grep -i stopped)" ]; do sleep 0.05; done; echo was stopped; fg >/dev/null; stty -a >/dev/null; echo over`;
    const terminal = onTerminal('/bin/bash', '-c', script);
    if (disagrees('runc', 'sets the terminal from the background')) return;
    await until('the program runs', () => terminal.stdout().includes('ready'));
    terminal.child.stdin?.write('hello\r');
    await until('it is stopped', () => terminal.stdout().includes('was stopped'));
    expect((await terminal.ended).status).toBe(0);
    expect(terminal.stdout()).toContain('<hello>');
    expect(terminal.stdout()).toContain('over');
    expect(terminal.stderr()).toMatch(/\nrestored\n$/);
  });

  test('is refused without a terminal on the host', () => {
    const bundle = interactive('true');
    const command = runs(bundle);
    const before = box.traces();
    const done = box.view.exec(['/usr/bin/setsid', '--wait', ...command]);
    expect(done.status).toBe(1);
    expect(done.stderr).toContain('no such device or address');
    expect(box.traces()).toEqual(before);
    if (!isTsubo) return;
    expect(done.stderr).toMatch(
      /the container needs a terminal, and this process has none: no such device or address \(config\.json:\d+:\d+ \/process\/terminal\)/,
    );
    expect(done.stderr).toContain(
      'hint="set process.terminal to false in config.json, start it from a terminal,',
    );
  });
});
