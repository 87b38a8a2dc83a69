// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseDetachKeys } from '../../src/direct/attach.ts';
import { readExit } from '../../src/direct/exit-status.ts';
import { companions } from '../helpers/companions.ts';
import { attached } from '../helpers/keeper-client.ts';
import { binding, endOf, failure, keep, keepAgain, loggedText } from '../helpers/kept.ts';
import { requires } from '../helpers/requires.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

/** The processes in the session of a keeper: itself, and the command that it starts at the end. */
function inSession(keeper: number): string[] {
  return readdirSync('/proc').filter(name => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const [state, , , session] = readFileSync(`/proc/${name}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ');
      return state !== 'Z' && session === String(keeper);
    } catch {
      return false; // it has ended
    }
  });
}

describe.skipIf(requires('root', 'g++'))('a client of a keeper', () => {
  const s = sandbox();
  const beside = companions();
  const attach = (directory: string, options = {}) => attached(s, beside, directory, options);

  it('receives all output of both streams, and the exit status', async () => {
    const { bundle, directory } = keep(s, made => made.shell('echo out; echo err >&2; exit 5'));
    const client = await attach(directory);
    s.must(['start', bundle.id]);
    await client.ended;
    expect(client.stdout()).toBe('out\n');
    expect(client.stderr()).toBe('err\n');
    expect(client.end()).toEqual({ how: 'ended', exit: readExit(binding, directory) });
    expect(readExit(binding, directory)?.status).toBe(5);
  });

  it('sends standard input and its end', async () => {
    const { bundle, directory } = keep(s, made => made.shell('cat; echo done'), { openStdin: true });
    const client = await attach(directory);
    s.must(['start', bundle.id]);
    client.child.stdin?.write('one\n');
    await until('the program answers', () => client.stdout() === 'one\n');
    const much = 'x'.repeat(300_000);
    client.child.stdin?.end(`${much}\n`);
    await client.ended;
    expect(client.stdout()).toBe(`one\n${much}\ndone\n`);
  });

  it('leaves the input open for the next client if it requests this', async () => {
    const { bundle, directory } = keep(s, made => made.shell('read a; read b; echo "$a $b"'), {
      openStdin: true,
    });
    const first = await attach(directory, { closeStdin: false });
    s.must(['start', bundle.id]);
    first.child.stdin?.end('first\n');
    const second = await attach(directory, { closeStdin: false });
    second.child.stdin?.write('second\n');
    await second.ended;
    expect(second.stdout()).toBe('first second\n');
    expect(loggedText(directory, 'stdout')).toBe('first second\n');
  });

  it('sends nothing to a program whose standard input is not kept open', async () => {
    const { bundle, directory } = keep(s, made => made.shell('cat; echo "nothing"'));
    const client = await attach(directory);
    client.child.stdin?.write('lost\n');
    s.must(['start', bundle.id]);
    await client.ended;
    expect(client.stdout()).toBe('nothing\n');
  });

  it('shares the output with others, which lose nothing when one is killed', async () => {
    const { bundle, directory } = keep(s, made => made.shell('read a; echo "$a"; read b; echo "$b"'), {
      openStdin: true,
    });
    const clients = [await attach(directory), await attach(directory), await attach(directory)];
    const [one, two, three] = clients;
    s.must(['start', bundle.id]);
    one?.child.stdin?.write('1\n');
    await until('all have received it', () => clients.every(client => client.stdout() === '1\n'));
    three?.child.kill('SIGKILL');
    await three?.ended;
    two?.child.stdin?.write('2\n');
    await Promise.all([one?.ended, two?.ended]);
    expect([one?.stdout(), two?.stdout(), three?.stdout()]).toEqual(['1\n2\n', '1\n2\n', '1\n']);
  });

  it('that does not read loses nothing, and delays neither the exit status nor the log', async () => {
    // More than the buffer of a socket, and not more than a packet and the buffer of a pipe beyond it. The program writes
    // whole packets of the keeper: many small ones would fill the socket earlier.
    const packet = 32 << 10;
    const packets = Math.ceil(Number(readFileSync('/proc/sys/net/core/wmem_default', 'utf8')) / packet) + 2;
    const bytes = packets * packet;
    const { bundle, directory, keeper } = keep(
      s,
      made => {
        made.symlink('/bin/dd', 'busybox');
        made.file('/data', 'x'.repeat(bytes));
        made.shell(`read go; dd if=/data bs=${packet} 2>/dev/null`);
      },
      { openStdin: true },
    );
    const client = await attach(directory);
    client.child.kill('SIGSTOP');
    s.must(['start', bundle.id]);
    const other = await attach(directory);
    other.child.stdin?.write('go\n');
    expect((await endOf(directory)).status).toBe(0);
    expect(loggedText(directory, 'stdout')).toHaveLength(bytes);
    expect(s.lives(keeper)).toBe(true);
    // The container can be started again meanwhile.
    s.must(['delete', bundle.id]);
    keepAgain(s, bundle);
    client.child.kill('SIGCONT');
    await client.ended;
    expect(client.stdout()).toHaveLength(bytes);
    expect(client.end()).toMatchObject({ how: 'ended' });
    await until('the keeper has ended', () => !s.lives(keeper));
  });

  it('passes signals on to the program', async () => {
    const { bundle, directory, init } = keep(s, made =>
      made.shell('trap "echo caught; exit 9" TERM; echo ready; while :; do sleep 0.1; done'),
    );
    const client = await attach(directory, { signalProxy: init });
    s.must(['start', bundle.id]);
    await until('the program is ready', () => client.stdout() === 'ready\n');
    client.child.kill('SIGTERM');
    await client.ended;
    expect(client.stdout()).toBe('ready\ncaught\n');
    expect(client.end()).toMatchObject({ how: 'ended', exit: { status: 9 } });
  });

  it('ends by a signal that it does not pass on, and the container runs on', async () => {
    const { bundle, directory } = keep(s, made => made.shell('echo ready; sleep 1000'));
    const client = await attach(directory);
    s.must(['start', bundle.id]);
    await until('the program is ready', () => client.stdout() === 'ready\n');
    client.child.kill('SIGINT');
    await client.ended;
    expect(client.end()).toEqual({ how: 'signal', signal: 2 });
    expect(s.state(bundle.id).status).toBe('running');
  });

  it('reports that the reader of its output has ended', async () => {
    const { bundle, directory } = keep(s, made => made.shell('while echo line; do sleep 0.05; done'));
    const client = await attach(directory);
    client.child.stdout?.destroy();
    s.must(['start', bundle.id]);
    await client.ended;
    expect(client.end()).toEqual({ how: 'closed', errno: 32 });
    expect(s.state(bundle.id).status).toBe('running');
  });

  it('reports a keeper that was killed', async () => {
    const { directory, keeper } = keep(s, made => made.shell('sleep 1000'));
    const client = await attach(directory);
    process.kill(keeper, 'SIGKILL');
    await client.ended;
    expect(client.end()).toMatchObject({ code: 'keeper.gone' });
  });

  it('cannot attach to a container that has ended', async () => {
    const { bundle, directory, keeper } = keep(s, made => made.shell('exit 0'));
    s.must(['start', bundle.id]);
    await endOf(directory);
    await until('the keeper has ended', () => !s.lives(keeper));
    const client = await attach(directory);
    await client.ended;
    expect(client.end()).toMatchObject({ code: 'keeper.not-running', path: directory });
  });

  it.each([
    ['the keeper removes the container if the client has not', false],
    ['the keeper does not remove the container if the client has', true],
  ])('announces that it removes the container: %s', async (_, removed) => {
    const done = s.fresh('done');
    const { bundle, directory, keeper } = keep(s, made => made.shell('exit 0'), {
      atEnd: ['/bin/sh', '-c', `echo removed > ${done}`],
    });
    const client = await attach(directory, { removes: true, clears: removed });
    s.must(['start', bundle.id]);
    await client.ended;
    expect(client.end()).toMatchObject({ how: 'ended' });
    // A command that the keeper starts while /proc is read is not seen there: wait for its file.
    if (!removed) await until('the command has run', () => existsSync(done));
    await until('the keeper and its command have ended', () => inSession(keeper).length === 0);
    expect(existsSync(done)).toBe(!removed);
  });

  describe('on a terminal', () => {
    const onTerminal = (directory: string, options = {}) =>
      attach(directory, { ...options, onTerminal: true });
    const interactive = (script: string) =>
      keep(
        s,
        made => {
          made.config.process.terminal = true;
          made.shell(script);
          made.symlink('/bin/stty', 'busybox');
        },
        { terminal: true },
      );

    it('has the size of its terminal before the program runs, sends keys, and restores the modes', async () => {
      const { bundle, directory } = interactive('stty size; read line; echo "<$line>"; exit 3');
      const client = await onTerminal(directory);
      s.must(['start', bundle.id]);
      await until('the program runs', () => client.stdout() === '30 90\r\n');
      client.child.stdin?.write('hello\r');
      await client.ended;
      expect(client.stdout()).toBe('30 90\r\nhello\r\n<hello>\r\n');
      expect(client.end()).toMatchObject({ how: 'ended', exit: { status: 3 } });
      expect(client.stderr()).toMatch(/\nrestored\n$/);
      expect(loggedText(directory, 'stdout')).toBe('30 90\r\nhello\r\n<hello>\r\n');
      expect(existsSync(`${directory}/console`)).toBe(false);
    });

    it('passes changes of the size on', async () => {
      const { bundle, directory } = interactive(
        'trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.1; done',
      );
      const client = await onTerminal(directory);
      s.must(['start', bundle.id]);
      await until('the program is ready', () => client.stdout() === 'ready\r\n');
      client.child.kill('SIGWINCH');
      await client.ended;
      expect(client.stdout()).toBe('ready\r\n31 91\r\n');
    });

    it('detaches with the detach keys, and the next client continues', async () => {
      const { bundle, directory } = interactive('echo ready; read line; echo "<$line>"');
      const first = await onTerminal(directory);
      s.must(['start', bundle.id]);
      await until('the program is ready', () => first.stdout() === 'ready\r\n');
      first.child.stdin?.write('ab\x10\x11');
      await first.ended;
      expect(first.end()).toEqual({ how: 'detached' });
      expect(first.stderr()).toMatch(/\nrestored\n$/);
      expect(s.state(bundle.id).status).toBe('running');
      const second = await onTerminal(directory);
      second.child.stdin?.write('cd\r');
      await second.ended;
      expect(second.stdout()).toContain('<abcd>\r\n');
    });

    it('sends the first detach key if another key follows', async () => {
      const { bundle, directory } = interactive('stty raw -echo; echo ready; head -c 4 | od -An -c');
      const client = await onTerminal(directory, { detachKeys: 'ctrl-p,ctrl-q' });
      s.must(['start', bundle.id]);
      await until('the program is ready', () => client.stdout().includes('ready'));
      client.child.stdin?.write('\x10\x10x');
      client.child.stdin?.write('y');
      await client.ended;
      expect(client.stdout().replaceAll(/\s+/g, ' ')).toBe('ready 020 020 x y ');
    });

    it('detaches only with the keys that were requested instead', async () => {
      const { bundle, directory } = interactive('echo ready; read line');
      const client = await onTerminal(directory, { detachKeys: 'ctrl-a,d' });
      s.must(['start', bundle.id]);
      await until('the program is ready', () => client.stdout() === 'ready\r\n');
      client.child.stdin?.write('\x10\x11\x01d');
      await client.ended;
      expect(client.end()).toEqual({ how: 'detached' });
    });

    it('refuses a standard input that is not a terminal', async () => {
      const { directory } = interactive('true');
      const client = await attach(directory, { terminal: true });
      await client.ended;
      expect(client.end()).toMatchObject({ code: 'usage.terminal' });
    });
  });
});

describe('detach keys', () => {
  it('are control keys and characters', () => {
    expect(parseDetachKeys('ctrl-p,ctrl-q')).toEqual([16, 17]);
    expect(parseDetachKeys('ctrl-@,ctrl-_,x,ctrl-Z')).toEqual([0, 31, 120, 26]);
    expect(parseDetachKeys('')).toEqual([]);
  });

  it.each(['ctrl-', 'ctrl-1', 'ab', 'a,,b', 'é', ' '])('refuse %j', text => {
    expect(failure(() => parseDetachKeys(text))).toMatchObject({ code: 'usage.bad-value', value: text });
  });
});
