// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bigDocuments } from '../helpers/big-documents.ts';
import { requires } from '../helpers/requires.ts';
import { host, isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox'))('a large config', () => {
  const box = sandbox();

  test.skipIf(requires('cgroup2'))(
    'with thousands of device rules limits the container by the last one',
    () => {
      const bundle = box.bundle(made => {
        const rules = Array.from({ length: 4000 }, (_, minor) => ({
          allow: true,
          type: 'c',
          major: 200 + (minor % 1000),
          minor,
          access: ['rw', 'rwm'][minor % 2] ?? 'rw',
        }));
        made.config.linux.resources = {
          devices: [
            { allow: false, access: 'rwm' },
            ...rules,
            { allow: false, type: 'c', major: 230, minor: 30 },
          ],
        };
        for (const rule of made.config.linux.resources.devices ?? []) rule.access ??= 'rwm';
        const { capabilities } = made.config.process;
        for (const set of ['bounding', 'effective', 'permitted'] as const)
          capabilities?.[set]?.push('CAP_MKNOD');
        const look = (node: string) => `mknod /n-${node} c ${node.replace('-', ' ')}; cat /n-${node} 2>&1`;
        made.shell([look('240-40'), look('240-41'), look('230-30'), look('1199-3999'), 'true'].join('; '));
      });
      const done = box.run(bundle);
      expect(done.status).toBe(0);
      const lines = done.stdout.trim().split('\n');
      expect(lines.map(line => line.includes('Operation not permitted'))).toEqual([false, true, true, false]);
    },
  );

  test.skipIf(!isTsubo)('with more entries than a call may have arguments has a plan', () => {
    const bundle = box.bundle(made => {
      made.config.linux.maskedPaths = Array.from({ length: 70_000 }, (_, index) => `/m${index}`);
    });
    const { stdout } = box.must(['plan', bundle.dir]);
    expect(stdout.match(/maskPath path=\/m\d/g)).toHaveLength(70_000);
  });

  /** Kinds of documents whose time grew with the square of their size. */
  const slow = [
    '/process/env: numbers',
    '/process/capabilities/bounding: unknown words',
    '/ociVersion: blanks',
    '/mounts: entries that differ',
    '/mounts: empty lists',
    '/mounts/0/options: unknown words',
    '/mounts/0/options/0: commas',
    '/linux/namespaces: one entry many times',
    '/linux/uidMappings: one entry many times',
    '/linux/resources/devices: entries that differ',
    '/linux/resources/unified: names that differ',
    '/linux/seccomp/syscalls: one entry many times',
    '/linux/memoryPolicy/nodes: numbers and commas',
    '/process/consoleSize/height: many digits',
    '/: unknown names',
    '/: a value nested',
  ];

  /**
   * CPU seconds of a command; the least of three attempts, because other programs run too. One second is short enough
   * to need no other attempt. Fails if the command did not reach its own end: a killed one is fast too.
   */
  function cpuSeconds(args: readonly string[]): number {
    const output = join(box.dir, 'output');
    let least = Number.POSITIVE_INFINITY;
    for (let attempt = 0; attempt < 3 && least > 1; attempt++) {
      const script = 'TIMEFORMAT="%U %S"; time "$@" >"$0" 2>&1';
      const { status, stderr } = spawnSync('bash', ['-c', script, output, ...args], { encoding: 'utf8' });
      expect({ status, output: readFileSync(output, 'utf8').slice(0, 1000) }).toEqual({
        // With 1 the document has errors or no plan.
        status: expect.toBeOneOf([0, 1]),
        // The executable itself reports what ends its engine, for example the end of its memory.
        output: expect.not.stringMatching(/^tsubo: |tsubo has a bug/),
      });
      const [user = 0, system = 0] = stderr.trim().split(' ').map(Number);
      least = Math.min(least, user + system);
    }
    return least;
  }

  const documents = bigDocuments().filter(({ name }) => slow.includes(name));

  /** Passes if a megabyte takes 1.5 seconds, or on a slower machine, if the time does not grow with the square. */
  function expectLinear(command: 'check' | 'plan', text: (size: number) => string): void {
    const seconds = (size: number): number => {
      const dir = box.mkdir('bundle');
      writeFileSync(join(dir, 'config.json'), text(size));
      return cpuSeconds(box.command(command, dir));
    };
    const whole = seconds(1_000_000);
    expect(whole).toBeLessThan(whole > 1.5 ? 8 * seconds(250_000) : 1.6);
  }

  // The time is that of the TypeScript, which is slowest in the engine of the executable.
  if (host === 'standalone') {
    test('exists for each of these kinds', () => {
      expect(documents.map(({ name }) => name).sort()).toEqual([...slow].sort());
    });

    test.each(documents)('of a megabyte takes a time linear in its size: $name', ({ text }) => {
      expectLinear('check', text);
      expectLinear('plan', text);
    });
  }
});
