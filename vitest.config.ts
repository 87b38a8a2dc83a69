// SPDX-License-Identifier: Apache-2.0
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { withTools } from './native/build/programs.mjs';

// for the workers, which inherit it
process.env['PATH'] = withTools();

/** Files in the order of their names, whatever they cost the last time: two runs are the same run. */
class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return [...files].sort((left, right) => (left.moduleId < right.moduleId ? -1 : 1));
  }
}

const setupFiles = ['./test/helpers/collecting.ts'];

/** Suites that work on the machine itself, as root: one file at a time, after all that came before. */
function alone(name: string, groupOrder: number, host?: string): TestProjectInlineConfiguration {
  return {
    test: {
      name: host === 'standalone' ? `${name}-standalone` : name,
      setupFiles,
      include: [`test/${name}/**/*.test.ts`],
      ...(host !== undefined && { env: { TSUBO_HOST: host } }),
      sequence: { groupOrder },
      maxWorkers: 1,
      testTimeout: 300_000,
      hookTimeout: 300_000,
    },
  };
}

/** TSUBO_HOST=node or standalone picks one of the two programs that tsubo is; another runtime has but one. Empty ones ask for nothing. */
const hosts = process.env['TSUBO_RUNTIME']
  ? ['node']
  : (process.env['TSUBO_HOST'] || 'node,standalone').split(',');

export default defineConfig({
  test: {
    reporters: ['default', './test/helpers/summary.ts'],
    sequence: { sequencer: ByName },
    // A snapshot that is missing fails its test: only --update writes one.
    update: 'none',
    // npm run coverage: fails below the thresholds, and raises them here in whole percent.
    coverage: {
      include: ['src/**/*.ts'],
      reporter: ['text-summary'],
      reportsDirectory: 'build/coverage',
      thresholds: {
        autoUpdate: percent => Math.floor(percent),
        // Tests with containers (test/direct, test/package) execute most of the direct mode and of the Node host, and are
        // not measured.
        statements: 76,
        branches: 72,
        functions: 76,
        lines: 77,
        'src/{bundle,cgroup,errors,host,inspect,kernel,lifecycle,network,oci,plan,rdt,seccomp,validate,wire}/**':
          {
            statements: 90,
            branches: 84,
            functions: 91,
            lines: 91,
          },
      },
    },
    projects: [
      { test: { name: 'unit', setupFiles, include: ['test/unit/**/*.test.ts'], testTimeout: 60_000 } },
      alone('native', 1),
      ...hosts.map((host, index) => alone('oci', 2 + index, host)),
      ...hosts.map((host, index) => alone('direct', 4 + index, host)),
      alone('standalone', 6),
      alone('package', 7),
    ],
  },
});
