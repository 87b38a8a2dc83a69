// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';
import type {} from './requires.ts';

/** What a run of the tests came to. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Reason to the names of the tests that were skipped for it. */
  readonly reasons: Readonly<Record<string, readonly string[]>>;
}

/**
 * A vitest reporter that closes the run with its counts and says of every skipped test why. Errors outside of a test
 * (a file that cannot be loaded, a hook that throws) count as one failure each. With TSUBO_TEST_SUMMARY the same is
 * written to that file, as JSON.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const summary = summarize(modules, unhandledErrors.length);
    const file = process.env['TSUBO_TEST_SUMMARY'];
    if (file !== undefined) writeFileSync(file, JSON.stringify(summary));
    process.stdout.write(`${render(summary)}\n`);
  }
}

function summarize(modules: readonly TestModule[], unhandled: number): Summary {
  let passed = 0;
  let failed = unhandled;
  const reasons: Record<string, string[]> = {};
  for (const module of modules) {
    failed += module.errors().length;
    for (const suite of module.children.allSuites()) failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') passed += 1;
      // a test that never came to an end has not passed
      else if (state === 'failed' || state === 'pending') failed += 1;
      else {
        const reason = reasonOf(test);
        reasons[reason] ??= [];
        reasons[reason].push(`${module.relativeModuleId}: ${test.fullName}`);
      }
    }
  }
  const skipped = Object.values(reasons).reduce((sum, tests) => sum + tests.length, 0);
  return { passed, failed, skipped, reasons };
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === 'skipped' && result.note !== undefined) return result.note;
  let task: TestCase | TestSuite | TestModule = test;
  for (;;) {
    const { skipReason } = task.meta();
    if (skipReason !== undefined) return skipReason;
    if (task.type === 'suite' && task.errors().length > 0) return 'a hook of the suite failed';
    if (task.type === 'module') return 'no reason given';
    task = task.parent;
  }
}

function render({ passed, failed, skipped, reasons }: Summary): string {
  const lines: string[] = [];
  for (const [reason, tests] of Object.entries(reasons).sort()) {
    lines.push(`skipped ${tests.length}: ${reason}`, ...tests.map(test => `  ${test}`));
  }
  return [...lines, `${passed} passed, ${failed} failed, ${skipped} skipped`].join('\n');
}
