// SPDX-License-Identifier: Apache-2.0
import { existsSync, writeFileSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from 'vitest/node';
import type {} from './requires.ts';

/** The result of a test run. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** The names of the failed tests, and of suites and files with an error outside their tests. */
  readonly failures: readonly string[];
  /** Reason to the names of the tests that were skipped for it. */
  readonly reasons: Readonly<Record<string, readonly string[]>>;
}

/**
 * A vitest reporter that ends the run with the names of failed tests, its counts and the reasons for skipped tests. Errors
 * outside a test (a file that cannot be loaded, a hook that throws) count as one failure each. A run without a test fails,
 * and one that skips a test without a reason, which only a selection by name (-t) may do. If TSUBO_TEST_SUMMARY is set, the
 * result is written to that file as JSON.
 */
export default class SummaryReporter implements Reporter {
  private selects = false;

  onInit(vitest: Vitest): void {
    this.selects = vitest.getGlobalTestNamePattern() !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const summary = summarize(modules, unhandledErrors);
    const file = process.env['TSUBO_TEST_SUMMARY'];
    if (file !== undefined) writeFileSync(file, JSON.stringify(summary));
    if (summary.skipped > 0 && existsSync('build')) writeFileSync(list, namesOf(summary));
    const unexplained = this.selects ? 0 : (summary.reasons[noReason]?.length ?? 0);
    const problems = [
      ...(summary.passed + summary.failed === 0 ? ['no test ran'] : []),
      ...(unexplained > 0 ? [`${unexplained} skipped without a reason`] : []),
    ];
    if (problems.length > 0) process.exitCode = 1;
    process.stdout.write(`${[...problems, render(summary)].join('\n')}\n`);
  }
}

function summarize(modules: readonly TestModule[], unhandled: readonly SerializedError[]): Summary {
  let passed = 0;
  const failures = unhandled.map(({ message }) => `outside the tests: ${message.split('\n')[0]}`);
  const reasons: Record<string, string[]> = {};
  for (const module of modules) {
    const { relativeModuleId: path } = module;
    failures.push(...module.errors().map(() => `${path}: the file`));
    for (const suite of module.children.allSuites()) {
      failures.push(...suite.errors().map(() => `${path}: ${suite.fullName}: a hook`));
    }
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') passed += 1;
      // A test without an end has not passed.
      else if (state === 'failed' || (state === 'pending' && !inSkippedSuite(test))) {
        failures.push(`${path}: ${test.fullName}`);
      } else {
        const reason = reasonOf(test);
        reasons[reason] ??= [];
        reasons[reason].push(`${path}: ${test.fullName}`);
      }
    }
  }
  const skipped = Object.values(reasons).reduce((sum, tests) => sum + tests.length, 0);
  return { passed, failed: failures.length, skipped, failures, reasons };
}

/** vitest reports tests of a skipped suite within a skipped suite as pending. */
function inSkippedSuite(test: TestCase): boolean {
  let task: TestSuite | TestModule = test.parent;
  while (task.type === 'suite') {
    if (task.options.mode === 'skip') return true;
    task = task.parent;
  }
  return false;
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === 'skipped' && result.note !== undefined) return result.note;
  let task: TestCase | TestSuite | TestModule = test;
  for (;;) {
    const { skipReason } = task.meta();
    if (skipReason !== undefined) return skipReason;
    if (task.type === 'suite' && task.errors().length > 0) return 'a hook of the suite failed';
    if (task.type === 'module') return noReason;
    task = task.parent;
  }
}

const noReason = 'no reason given';

/** File for the names of the skipped tests; with TSUBO_SKIPPED=names they are printed instead. */
const list = 'build/skipped.txt';
/** Maximum number of lines for reasons; the rarest share the last one. */
const mostLines = 8;

/** The report: a line for each reason, the file of the names, a line for each failure, the counts. */
export function render(summary: Summary, printNames = process.env['TSUBO_SKIPPED'] === 'names'): string {
  const { passed, failed, skipped, failures, reasons } = summary;
  const groups = new Map<string, { count: number; names: string[]; details: Set<string> }>();
  for (const [reason, names] of Object.entries(reasons)) {
    const { kind, details } = kindOf(reason);
    const group = groups.get(kind) ?? { count: 0, names: [], details: new Set() };
    group.count += names.length;
    group.names.push(...names);
    for (const detail of details) group.details.add(detail);
    groups.set(kind, group);
  }
  const sorted = [...groups].sort(([, left], [, right]) => right.count - left.count);
  const single = sorted.length > mostLines ? sorted.slice(0, mostLines - 1) : sorted;
  const rest = sorted.slice(single.length);
  const lines: string[] = [];
  for (const [kind, { count, names, details }] of single) {
    const which = details.size > 0 ? `: ${[...details].sort().join(', ')}` : '';
    lines.push(`skipped ${count}: ${kind}${which}`, ...(printNames ? names.map(name => `  ${name}`) : []));
  }
  if (rest.length > 0) {
    const count = rest.reduce((sum, [, group]) => sum + group.count, 0);
    lines.push(`skipped ${count}: ${rest.length} other reasons`);
    if (printNames)
      for (const [kind, { names }] of rest) lines.push(...names.map(name => `  ${name}: ${kind}`));
  }
  if (skipped > 0 && !printNames) lines.push(`the names of the skipped tests: ${list}`);
  // .ci/run collects these lines.
  lines.push(...failures.map(name => `failed: ${name}`));
  return [...lines, `${passed} passed, ${failed} failed, ${skipped} skipped`].join('\n');
}

/** If a machine lacks several requirements, only the first counts; all controllers are one kind. */
function kindOf(reason: string): { kind: string; details: string[] } {
  const first = reason.split(/ or no |, no /)[0] ?? reason;
  const controllers = [...reason.matchAll(/no cgroup2 controller (\w+)/g)].map(([, name = '']) => name);
  if (first.startsWith('no cgroup2 controller ')) {
    return { kind: 'no such cgroup2 controller here (npm run test:vm has them)', details: controllers };
  }
  return { kind: first, details: [] };
}

/** Every skipped test by its reason. */
function namesOf({ reasons }: Summary): string {
  return Object.entries(reasons)
    .sort()
    .flatMap(([reason, names]) => [`${names.length}: ${reason}`, ...names.map(name => `  ${name}`), ''])
    .join('\n');
}
