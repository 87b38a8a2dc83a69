// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConsoleOptions, openConsole, takeTerminal } from '../../../src/lifecycle/console.ts';
import { waitInForeground } from '../../../src/lifecycle/terminals.ts';
import type { Process } from '../../../src/oci/config.ts';
import { FakeMachine } from '../../helpers/fake-machine.ts';
import { hostContext } from '../../helpers/host-context.ts';

describe('the console', () => {
  let machine: FakeMachine;
  beforeEach(() => {
    machine = new FakeMachine();
  });
  afterEach(() => machine.dispose());

  const master = 2_000_001;
  const open = (process: Partial<Process>, options: Partial<ConsoleOptions>) =>
    openConsole(
      machine.runtime,
      { args: ['/bin/true'], cwd: '/', user: { uid: 0, gid: 0 }, ...process },
      { socket: undefined, foreground: false, pointer: '/terminal', ...options },
    );
  const step = { op: 'takeTerminal', when: 'console', origin: '/terminal' } as const;
  const handOver = (console: ReturnType<typeof open>): void =>
    takeTerminal.apply([step], hostContext(machine.runtime, { console, pid: 1, at: ['console', master] }));

  it('is unset without a terminal', () => {
    expect(open({}, {})).toEqual({});
    expect(open({ terminal: false }, { foreground: true })).toEqual({});
    expect(machine.calls).toEqual([]);
  });

  it('is sent to the socket', () => {
    handOver(open({ terminal: true }, { socket: '/s' }));
    expect(machine.calls).toEqual(['sendDescriptor /s']);
  });

  it.each<[Partial<Process>, Partial<ConsoleOptions>]>([
    [{ terminal: true }, {}],
    [{ terminal: true }, { socket: '/s', foreground: true }],
    [{}, { socket: '/s' }],
    [{}, { socket: '/s', foreground: true }],
  ])('of %j is incompatible with %j', (process, options) => {
    expect(() => open(process, options)).toThrow(
      expect.objectContaining({ code: 'usage.console-socket', pointer: '/terminal' }),
    );
  });

  it.each([
    ['/process/terminal', 'set process.terminal to false in config.json'],
    ['/terminal', 'set terminal to false in the process document'],
    ['--tty', 'leave --tty out'],
  ])('that %s requests is refused with a hint how to disable it', (pointer, without) => {
    const runtime = { ...machine.runtime, program: 'runc' };
    const process = { args: ['/bin/true'], cwd: '/', user: { uid: 0, gid: 0 }, terminal: true };
    const detached = { socket: undefined, foreground: false, pointer };
    expect(() => openConsole(runtime, process, detached)).toThrow(
      expect.objectContaining({
        message: 'cannot allocate tty if runc will detach without setting console socket',
        hint: `name a listening Unix socket with --console-socket, or ${without}`,
      }),
    );
    // The library has no dashes in its options, and no program name.
    expect(() => openConsole(machine.runtime, process, detached)).toThrow(
      expect.objectContaining({
        message: 'cannot allocate tty if tsubo will detach without setting console socket',
        hint: `name a listening Unix socket with consoleSocket, or ${without}`,
      }),
    );
    machine.trouble.set('hostTerminal', 6);
    expect(() => openConsole(runtime, process, { ...detached, foreground: true })).toThrow(
      expect.objectContaining({
        message: 'the container needs a terminal, and this process has none: no such device or address',
        pointer,
        hint: `${without}, start it from a terminal, or detach with --console-socket`,
      }),
    );
  });

  it.each<[Partial<Process>, boolean, boolean]>([
    [{}, false, true],
    [{ consoleSize: { height: 1, width: 2 } }, false, false],
    [{ consoleSize: { height: 0, width: 2 } }, false, true],
    [{ consoleSize: { height: 1, width: 2 } }, true, true],
  ])('in the foreground, with %j, is passed to the wait', (process, ignoreSize, copied) => {
    const console = open({ terminal: true, ...process }, { foreground: true, ignoreSize });
    handOver(console);
    expect(machine.calls).toEqual(['hostTerminal', `adoptTerminal ${copied}`]);
    waitInForeground(machine.binding, 7, 8, console.terminals);
    expect(machine.calls.at(-1)).toBe(`waitForeground ${master} 2000000`);
    // The wait now owns them.
    expect(() => console.terminals?.close()).not.toThrow();
  });

  it('requires a terminal in the foreground', () => {
    machine.trouble.set('hostTerminal', 6);
    expect(() => open({ terminal: true }, { foreground: true })).toThrow(
      expect.objectContaining({ code: 'host.syscall', errnoName: 'ENXIO' }),
    );
  });
});
