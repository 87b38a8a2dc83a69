// SPDX-License-Identifier: Apache-2.0
import type { Condition, Decision, Rule } from './rules.ts';

/** Calls that 32-bit x86 also has behind socketcall(2), by their number there less one. */
const sockets =
  'socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg';

/** The same for ipc(2). */
const ipc: Readonly<Record<string, number>> = {
  semop: 1,
  semget: 2,
  semctl: 3,
  semtimedop: 4,
  msgsnd: 11,
  msgrcv: 12,
  msgget: 13,
  msgctl: 14,
  shmat: 21,
  shmdt: 22,
  shmget: 23,
  shmctl: 24,
};

/**
 * A rule for socket(2) is also one for socketcall(2) with SYS_SOCKET, and so on. Its condition on the first argument
 * gives way to that: the call's own arguments are in memory there, where a filter cannot look.
 */
export function multiplexed(
  calls: Map<number, Decision>,
  names: readonly string[],
  numbers: readonly number[],
  decided: readonly (Decision | undefined)[],
): void {
  const inner: Record<string, number> = {};
  for (const [index, name] of sockets.split(' ').entries()) inner[name] = index + 1;
  spread('socketcall', inner);
  spread('ipc', ipc);

  function spread(outer: string, within: Readonly<Record<string, number>>): void {
    const number = numbers[names.indexOf(outer)] as number;
    const known = calls.get(number);
    if (typeof known === 'number') return;
    const rules: Rule[] = [...(known ?? [])];
    for (const [place, name] of names.entries()) {
      const call = within[name];
      const decision = decided[place];
      if (call === undefined || decision === undefined) continue;
      const own = typeof decision === 'number' ? [{ conditions: [], verdict: decision }] : decision;
      for (const { conditions, verdict } of own) {
        const others = conditions.filter(({ index }) => index !== 0);
        rules.push({ conditions: [is(call), ...others], verdict });
      }
    }
    if (rules.length > 0) calls.set(number, rules);
  }
}

function is(value: number): Condition {
  const mask = 0xffff_ffff;
  return { index: 0, op: 'SCMP_CMP_EQ', high: 0, low: value, maskHigh: mask, maskLow: mask };
}
