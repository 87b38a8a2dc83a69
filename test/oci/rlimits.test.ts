// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

/** Resource numbers of getrlimit(2). */
const numbers = {
  CPU: 0,
  FSIZE: 1,
  DATA: 2,
  STACK: 3,
  CORE: 4,
  RSS: 5,
  NPROC: 6,
  NOFILE: 7,
  AS: 9,
  LOCKS: 10,
};
const infinity = '18446744073709551615';

describe.skipIf(requires('root', 'busybox'))('the resource limits of a container', () => {
  const box = sandbox();

  test.each(Object.entries(numbers))('have RLIMIT_%s', (name, number) => {
    const report = box.inside(bundle => {
      bundle.config.process.rlimits = [{ type: `RLIMIT_${name}`, soft: 1_000_000_000, hard: 1_000_000_000 }];
      if (name === 'NOFILE' || name === 'NPROC')
        bundle.config.process.rlimits = [{ type: `RLIMIT_${name}`, soft: 70, hard: 80 }];
    });
    const expected = name === 'NOFILE' || name === 'NPROC' ? ['70', '80'] : ['1000000000', '1000000000'];
    expect(report.rlimits[number]).toEqual(expected);
  });

  test('represent no limit as the largest 64-bit number, which no double can hold', () => {
    const bundle = box.bundle(made => {
      made.config.process.rlimits = [{ type: 'RLIMIT_CORE', soft: 1, hard: 2 }];
      const text = JSON.stringify(made.config);
      made.write = () =>
        Object.getPrototypeOf(made).write.call(made, text.replace('"hard":2', `"hard":${infinity}`));
    });
    const report = JSON.parse(box.run(bundle).stdout) as { rlimits: string[][] };
    expect(report.rlimits[4]).toEqual(['1', infinity]);
  });

  test('apply to users other than root', () => {
    const report = box.inside(bundle => {
      bundle.config.process.user = { uid: 1000, gid: 1000 };
      bundle.config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 64, hard: 128 }];
    });
    expect(report.rlimits[numbers.NOFILE]).toEqual(['64', '128']);
  });

  test('are those of the runtime by default', () => {
    const bundle = box.bundle();
    const command = box.command('run', '--bundle', bundle.dir, bundle.id);
    const done = box.view.exec(['/bin/sh', '-c', 'ulimit -n 777; ulimit -c 5; exec "$@"', 'sh', ...command]);
    const report = JSON.parse(done.stdout) as { rlimits: string[][] };
    expect(report.rlimits[numbers.NOFILE]).toEqual(['777', '777']);
    expect(report.rlimits[numbers.CORE]?.[1]).toBe(String(5 * 512));
  });

  const refused = (bundle: Bundle) => {
    const done = box.run(bundle);
    expect(done.status).toBe(1);
    return done.stderr;
  };

  test('of an unknown type are refused', () => {
    const stderr = refused(
      box.bundle(made => {
        made.config.process.rlimits = [{ type: 'RLIMIT_NONE', soft: 1, hard: 1 }];
      }),
    );
    expect(stderr).toContain('RLIMIT_NONE');
    if (isTsubo) expect(stderr).toContain('/process/rlimits/0/type');
  });

  test('with a soft limit above the hard one are refused', () => {
    const bundle = box.bundle(made => {
      made.config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 50 }];
    });
    expect(refused(bundle)).toContain(isTsubo ? '/process/rlimits/0/soft' : 'rlimit');
  });

  test('may be given only once for each type', () => {
    const bundle = box.bundle(made => {
      made.config.process.rlimits = [
        { type: 'RLIMIT_NOFILE', soft: 100, hard: 100 },
        { type: 'RLIMIT_NOFILE', soft: 50, hard: 50 },
      ];
    });
    if (disagrees('runc', 'applies both limits of a repeated type')) {
      const report = JSON.parse(box.run(bundle).stdout) as { rlimits: string[][] };
      expect(report.rlimits[numbers.NOFILE]).toEqual(['50', '50']);
    } else {
      const stderr = refused(bundle);
      if (isTsubo) expect(stderr).toContain('/process/rlimits/1/type');
    }
  });
});
