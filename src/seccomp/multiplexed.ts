// SPDX-License-Identifier: Apache-2.0
import { placeOf, type SyscallTable } from './architectures.ts';
import type { Condition, Decision, Decisions, Rule } from './rules.ts';

/** Calls that 32-bit x86 also multiplexes in socketcall(2), with their number there. */
const sockets: Readonly<Record<string, number>> = {
  socket: 1,
  bind: 2,
  connect: 3,
  listen: 4,
  accept: 5,
  getsockname: 6,
  getpeername: 7,
  socketpair: 8,
  send: 9,
  recv: 10,
  sendto: 11,
  recvfrom: 12,
  shutdown: 13,
  setsockopt: 14,
  getsockopt: 15,
  sendmsg: 16,
  recvmsg: 17,
  accept4: 18,
  recvmmsg: 19,
  sendmmsg: 20,
};

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
 * A rule for socket(2) also applies to socketcall(2) with SYS_SOCKET, and so on. The condition for that number
 * replaces the rule's condition on the first argument: the arguments of socketcall are in memory, which a filter
 * cannot read.
 *
 * Only 32-bit x86 has these two calls, therefore the decisions for them affect no other architecture.
 */
export function multiplex(table: SyscallTable, decisions: Decisions): void {
  multiplexIn('socketcall', sockets);
  multiplexIn('ipc', ipc);

  function multiplexIn(outer: string, within: Readonly<Record<string, number>>): void {
    const at = placeOf(table, outer) as number;
    const known = decisions.of[at] as number;
    const own = decisions.list[known] as Decision;
    // An unconditional rule for socketcall overrides rules for its inner calls.
    if (known !== 0 && typeof own === 'number') return;
    const rules: Rule[] = typeof own === 'number' ? [] : [...own];
    for (const name of Object.keys(within)) {
      const decision = decisions.of[placeOf(table, name) as number] as number;
      if (decision === 0) continue;
      const call = is(within[name] as number);
      const inner = decisions.list[decision] as Decision;
      if (typeof inner === 'number') rules.push({ conditions: [call], verdict: inner });
      else {
        for (const { conditions, verdict } of inner) {
          rules.push({ conditions: [call, ...conditions.filter(({ index }) => index !== 0)], verdict });
        }
      }
    }
    if (rules.length > 0) decisions.of[at] = decisions.list.push(rules) - 1;
  }
}

function is(value: number): Condition {
  const mask = 0xffff_ffff;
  return { index: 0, op: 'SCMP_CMP_EQ', high: 0, low: value, maskHigh: mask, maskLow: mask };
}
