// SPDX-License-Identifier: Apache-2.0
import type { Reporter, TestModule } from 'vitest/node';
import { listOfAttacks } from '../security/attacks.ts';
import { patternOf } from '../security/main.ts';

/** A vitest reporter that prints how many attacks of test/security were tried, and how many had no failed test. */
export default class AttackCountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap(({ relativeModuleId, children }) =>
      [...children.allTests()].map(test => ({
        file: relativeModuleId,
        name: test.fullName,
        state: test.result().state,
      })),
    );
    let tried = 0;
    let held = 0;
    for (const { test } of listOfAttacks) {
      const pattern = new RegExp(patternOf(test[1]));
      const states = tests
        .filter(({ file, name }) => file === test[0] && pattern.test(name))
        .map(({ state }) => state)
        .filter(state => state !== 'skipped');
      if (states.length === 0) continue;
      tried += 1;
      if (states.every(state => state === 'passed')) held += 1;
    }
    if (tried > 0) process.stdout.write(`attacks: ${tried} tried, ${held} held\n`);
  }
}
