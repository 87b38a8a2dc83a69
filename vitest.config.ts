// SPDX-License-Identifier: Apache-2.0
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files in the order of their names, whatever they cost the last time: two runs are the same run. */
class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return [...files].sort((left, right) => (left.moduleId < right.moduleId ? -1 : 1));
  }
}

/** Suites that work on the machine itself, as root: one file at a time, after all that came before. */
function alone(name: string, groupOrder: number): TestProjectInlineConfiguration {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      sequence: { groupOrder },
      maxWorkers: 1,
      testTimeout: 60_000,
      hookTimeout: 60_000,
    },
  };
}

export default defineConfig({
  test: {
    reporters: ['default', './test/helpers/summary.ts'],
    sequence: { sequencer: ByName },
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      alone('native', 1),
      alone('oci', 2),
      alone('package', 3),
    ],
  },
});
