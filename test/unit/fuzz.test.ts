// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { runTarget } from '../fuzz/run-target.ts';
import { shrink } from '../fuzz/shrink.ts';
import { type Target, Violation } from '../fuzz/target.ts';
import { allTargets } from '../fuzz/targets.ts';
import { keptInputs } from '../fuzz/worker.ts';

const top = fileURLToPath(new URL('../..', import.meta.url));
const targets = allTargets(top);

describe('generated input', () => {
  const counts = { inputs: 0, faults: 0 };
  afterAll(() => {
    process.stdout.write(
      `fuzz: ${targets.length} targets, ${counts.inputs} inputs, ${counts.faults} faults\n`,
    );
  });

  it.each(targets.map(target => [target.name, target] as const))(
    'and the kept inputs break no promise of %s',
    (name, target) => {
      const extra = keptInputs(top, name);
      const count = target.corpus.length + extra.length + 60;
      const { inputs, faults } = runTarget(target, {
        seed: 1,
        until: Number.POSITIVE_INFINITY,
        count,
        extra,
      });
      counts.inputs += inputs;
      counts.faults += faults.length;
      expect(faults).toEqual([]);
      expect(inputs).toBe(count);
    },
  );

  it('is kept for existing targets only', () => {
    const kept = targets.reduce((sum, { name }) => sum + keptInputs(top, name).length, 0);
    expect(readdirSync(`${top}/test/fuzz/corpus`).filter(name => name.endsWith('.json'))).toHaveLength(kept);
  });
});

describe('a broken promise', () => {
  const broken: Target = {
    name: 'broken',
    corpus: [],
    generate: random => JSON.stringify({ a: [random.below(9), 'x'], b: { c: random.below(4) } }),
    execute(input) {
      if ((JSON.parse(input as string) as { b?: { c?: number } }).b?.c === 3) throw new Violation('c is 3');
      return true;
    },
  };

  it('is reported once, with its seed and the smallest input', () => {
    const { faults, inputs, accepted } = runTarget(broken, {
      seed: 1,
      until: Number.POSITIVE_INFINITY,
      count: 200,
    });
    expect(faults).toEqual([
      { target: 'broken', seed: expect.any(Number), key: 'c is 3', detail: '', input: '{"b":{"c":3}}' },
    ]);
    expect(inputs).toBe(200);
    expect(accepted).toBeLessThan(inputs);
  });

  it('is an exception without a code, too', () => {
    const execute = () => (undefined as unknown as string).length > 0;
    const { faults } = runTarget(
      { ...broken, execute },
      { seed: 1, until: Number.POSITIVE_INFINITY, count: 3 },
    );
    expect(faults.map(({ key }) => key)).toEqual([expect.stringMatching(/^TypeError in /)]);
  });

  it('is shrunk in bytes and in text that is not JSON', () => {
    expect(shrink('aaaXaaYaa', input => /X.*Y/.test(input as string))).toBe('XY');
    expect(shrink(Uint8Array.of(1, 2, 3, 4), input => (input as Uint8Array).includes(3))).toEqual(
      Uint8Array.of(3),
    );
  });
});
