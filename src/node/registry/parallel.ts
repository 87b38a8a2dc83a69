// SPDX-License-Identifier: Apache-2.0

/** Jobs that run at the same time. */
const parallel = 4;

/**
 * Runs the jobs, several at a time. After a failure no further job begins.
 *
 * @param onFailure - called once, at the first failure; it may end the jobs that run
 * @throws the first failure, after the end of all jobs
 */
export async function inParallel(
  jobs: readonly (() => Promise<unknown>)[],
  onFailure: () => void = () => {},
): Promise<void> {
  const waiting = [...jobs];
  const failures: unknown[] = [];
  const work = async () => {
    for (let job = waiting.shift(); job !== undefined && failures.length === 0; job = waiting.shift()) {
      try {
        await job();
      } catch (error) {
        if (failures.push(error) === 1) onFailure();
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  if (failures.length > 0) throw failures[0];
}
