// SPDX-License-Identifier: Apache-2.0
// node src/node/examples/parallel-map.mjs ROOTFS [COUNT]: runs a shell command for each number in a container of its
// own.
import { cpus } from 'node:os';
import { defineConfig, run } from 'tsubo';

const [rootfs = 'rootfs', count = '100'] = process.argv.slice(2);

/**
 * Calls `work` for each item, several at a time, and returns the results in the order of the items.
 * @template Item, Result
 * @param {readonly Item[]} items
 * @param {(item: Item) => Promise<Result>} work
 * @param {number} [atOnce]
 * @returns {Promise<Result[]>}
 */
async function mapInParallel(items, work, atOnce = 4 * cpus().length) {
  /** @type {Result[]} */
  const results = [];
  const entries = items.entries();
  const worker = async () => {
    // All workers take from the same iterator.
    for (const [index, item] of entries) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}

const config = defineConfig({ args: ['sh', '-c', 'read n; echo $((n * n))'], rootfs });
const numbers = Array.from({ length: Number(count) }, (_, index) => index + 1);
const begin = performance.now();
const squares = await mapInParallel(numbers, async number => {
  const { stdout } = await run({ config, input: `${number}\n`, timeout: 60_000 });
  return Number(stdout);
});
const sum = squares.reduce((total, square) => total + square, 0);
process.stdout.write(
  `${squares.length} containers in ${Math.round(performance.now() - begin)} ms\nsum ${sum}\n`,
);
