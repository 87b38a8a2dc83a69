// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Longer than any single test, and than its timeout. */
const limitMs = 12 * 60_000;

/**
 * A vitest reporter that ends a worker which has reported nothing for 12 minutes. The timeout of a test has no effect
 * while the test blocks its worker, for example in a system call that waits for a container. It prints the last reported
 * test and all processes below this one with the kernel function in which each waits, then kills the workers; vitest
 * reports their files as failed and continues with the others.
 */
export default class WatchdogReporter implements Reporter {
  private reported = performance.now();
  private last = 'no test';
  private timer: NodeJS.Timeout | undefined;

  onTestRunStart(): void {
    this.reported = performance.now();
    this.timer = setInterval(() => this.check(), limitMs / 100);
    this.timer.unref();
  }

  onTestModuleStart(module: TestModule): void {
    this.note(module.relativeModuleId);
  }

  onTestCaseReady(test: TestCase): void {
    this.note(`${test.module.relativeModuleId}: ${test.fullName}`);
  }

  onTestCaseResult(test: TestCase): void {
    this.note(`after ${test.module.relativeModuleId}: ${test.fullName}`);
  }

  onTestRunEnd(): void {
    clearInterval(this.timer);
  }

  private note(what: string): void {
    this.reported = performance.now();
    this.last = what;
  }

  private check(): void {
    if (performance.now() - this.reported < limitMs) return;
    this.reported = performance.now();
    const below = processesBelow(process.pid);
    const lines = below.map(({ pid, depth, state, waits, command }) => {
      return `${'  '.repeat(depth)}${pid} ${state} ${waits} ${command}`;
    });
    process.stdout.write(
      `no test has begun or ended for ${limitMs / 60_000} minutes; last: ${this.last}\n${lines.join('\n')}\n`,
    );
    for (const { pid, depth, command } of below) {
      if (depth === 1 && command.includes('/vitest/')) process.kill(pid, 'SIGKILL');
    }
  }
}

interface Below {
  readonly pid: number;
  /** 1 for a child. */
  readonly depth: number;
  readonly state: string;
  /** The kernel function in which it waits, as in /proc/PID/wchan. */
  readonly waits: string;
  readonly command: string;
}

/** The processes below one, each before its children. */
export function processesBelow(top: number): Below[] {
  const children = new Map<number, { readonly pid: number; readonly state: string }[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const [state = '', parent] = procText(name, 'stat')
      .replace(/^.*\) /s, '')
      .split(' ');
    const siblings = children.get(Number(parent)) ?? [];
    children.set(Number(parent), [...siblings, { pid: Number(name), state }]);
  }
  const below = (pid: number, depth: number): Below[] =>
    (children.get(pid) ?? []).flatMap(({ pid: child, state }) => [
      {
        pid: child,
        depth,
        state,
        waits: procText(child, 'wchan') || '-',
        command: procText(child, 'cmdline').replaceAll('\0', ' ').slice(0, 160).trim(),
      },
      ...below(child, depth + 1),
    ]);
  return below(top, 1);
}

/** A file of a process; empty if the process has ended. */
function procText(pid: number | string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
