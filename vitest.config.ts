// SPDX-License-Identifier: Apache-2.0
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { withTools } from './native/build/programs.mjs';

// The workers inherit it.
process.env['PATH'] = withTools();

/** Sorts files by name instead of by their last duration, so that two runs have the same order. */
class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return [...files].sort((left, right) => (left.moduleId < right.moduleId ? -1 : 1));
  }
}

const setupFiles = ['./test/helpers/collecting.ts'];

/** Suites that work on the machine itself, as root: one file at a time, after the suites of lower orders. */
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

/**
 * TSUBO_HOST=node or standalone selects one of the two programs of tsubo. Another runtime has only one program. An empty
 * variable counts as not set.
 */
const hosts = process.env['TSUBO_RUNTIME']
  ? ['node']
  : (process.env['TSUBO_HOST'] || 'node,standalone').split(',');

export default defineConfig({
  test: {
    reporters: [
      'default',
      './test/helpers/attack-counts.ts',
      './test/helpers/summary.ts',
      './test/helpers/watchdog.ts',
    ],
    sequence: { sequencer: ByName },
    // A snapshot that is missing fails its test: only --update writes one.
    update: 'none',
    // npm run coverage: fails below the thresholds, and raises them here in whole percent.
    coverage: {
      include: ['src/**/*.ts'],
      // A browser executes them: npm run test:dashboard.
      exclude: ['src/node/dashboard/page/!(drawing).ts'],
      reporter: ['text-summary'],
      reportsDirectory: 'build/coverage',
      thresholds: {
        autoUpdate: percent => Math.floor(percent),
        // Tests with containers (test/oci, test/direct, test/package) execute most of the direct mode, of image builds, of
        // the library and of hot mounts, CDI and Landlock, and are not measured.
        statements: 69,
        branches: 67,
        functions: 69,
        lines: 70,
        'src/{bundle,cgroup,errors,host,inspect,kernel,lifecycle,network,oci,plan,rdt,seccomp,validate,wire}/**':
          {
            statements: 88,
            branches: 82,
            functions: 88,
            lines: 90,
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
      // npm run test:load
      ...(process.env['TSUBO_LOAD'] ? [alone('load', 8)] : []),
      // npm run test:dashboard
      ...(process.env['TSUBO_DASHBOARD'] ? hosts.map((host, at) => alone('dashboard', 9 + at, host)) : []),
    ],
  },
});
