// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { DirectContainer } from '../../../src/direct/container.ts';
import { commandText, duration, portsText, since, statusText } from '../../../src/direct/describe.ts';
import type { DirectState } from '../../../src/direct/status.ts';

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

describe('a time span', () => {
  it.each([
    [0, 'Less than a second'],
    [0.9, 'Less than a second'],
    [1, '1 second'],
    [59.9, '59 seconds'],
    [minute, 'About a minute'],
    [2 * minute, '2 minutes'],
    [hour - 1, '59 minutes'],
    [hour, 'About an hour'],
    [1.4 * hour, 'About an hour'],
    [1.6 * hour, '2 hours'],
    [47 * hour, '47 hours'],
    [2 * day, '2 days'],
    [15 * day, '2 weeks'],
    [61 * day, '2 months'],
    [800 * day, '2 years'],
  ])('of %d seconds is %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it('is measured from a time with nanoseconds', () => {
    expect(since('1970-01-01T00:00:01.500000001Z', 4_000_000_000n)).toBe('2 seconds');
  });
});

const state = (more: Partial<DirectState>): DirectState => ({
  status: 'created',
  pid: 0,
  withoutKeeper: false,
  ...more,
});
const container = (more: Partial<DirectContainer>) => more as DirectContainer;

describe('a row of the table', () => {
  const now = 1_000_000_000_000n;
  const startedAt = '1970-01-01T00:16:37Z';
  it.each<[text: string, state: DirectState]>([
    ['Created', state({})],
    ['Up 3 seconds', state({ status: 'running', startedAt })],
    ['Up (damaged)', state({ status: 'running' })],
    ['Up 3 seconds (Paused)', state({ status: 'paused', startedAt })],
    ['Up 3 seconds (no keeper)', state({ status: 'running', startedAt, withoutKeeper: true })],
    [
      'Exited (137) 5 minutes ago',
      state({
        status: 'exited',
        exit: { pid: 1, status: 137, oomKilled: false, finishedAt: '1970-01-01T00:11:40Z' },
      }),
    ],
    ['Dead', state({ status: 'dead' })],
  ])('has the status %s', (text, one) => {
    expect(statusText(one, now)).toBe(text);
  });

  it('has the command in quotation marks, cut at 20 characters', () => {
    expect(commandText(container({ command: ['sleep', '100'] }), false)).toBe('"sleep 100"');
    expect(commandText(container({ command: ['sh', '-c', 'echo one; echo two'] }), false)).toBe(
      '"sh -c \'echo one; ec…"',
    );
    expect(commandText(container({ command: ['sh', '-c', 'echo one; echo two'] }), true)).toBe(
      '"sh -c \'echo one; echo two\'"',
    );
  });

  it('has the ports only while the container runs', () => {
    const ports = container({
      networks: ['default'],
      ports: ['8800:80/tcp', '127.0.0.1:53:53/udp', '[::1]:9000-9001:90-91/tcp'],
      exposed: ['80/tcp', '443'],
    });
    expect(portsText(ports, { status: 'running' })).toBe(
      '443/tcp, 0.0.0.0:8800->80/tcp, [::]:8800->80/tcp, 127.0.0.1:53->53/udp, [::1]:9000-9001->90-91/tcp',
    );
    expect(portsText(ports, { status: 'exited' })).toBe('');
  });

  it.each(['none', 'host', 'container:web'])('has no ports with the network %s', network => {
    const joined = container({ networks: [network], ports: [], exposed: ['80/tcp'] });
    expect(portsText(joined, { status: 'running' })).toBe('');
  });
});
