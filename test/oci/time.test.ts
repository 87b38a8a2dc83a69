// SPDX-License-Identifier: Apache-2.0
import { readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { parseReport, type Report } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo, runs } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

/** The specification has time namespaces since 1.2: older versions refuse the type. */
const old = runs('runc 1.1');

describe.skipIf(old || requires('root', 'busybox', 'capability:SYS_TIME'))('the time of a container', () => {
  const box = sandbox();

  const day = 86_400;
  const offset = (bundle: Bundle, offsets?: Record<string, { secs?: number; nanosecs?: number }>) => {
    bundle.config.linux.namespaces.push({ type: 'time' });
    if (offsets !== undefined) bundle.config.linux.timeOffsets = offsets;
  };
  /** Output of the same program outside of containers, right before and right after. */
  const outside = () => parseReport(box.view.sh(`cd / && ${box.bundle().inRoot('/bin/inside')}`)).clocks;
  /** Difference between the clocks of the container and the host, as two bounds. */
  const difference = (clock: keyof Report['clocks'], look: () => Report): [number, number] => {
    const before = Number(outside()[clock]);
    const inside = Number(look().clocks[clock]);
    const after = Number(outside()[clock]);
    return [inside - after, inside - before];
  };
  const expectOffset = (clock: keyof Report['clocks'], seconds: number, look: () => Report) => {
    const [least, most] = difference(clock, look);
    expect(least).toBeLessThanOrEqual(seconds + 0.000_001);
    expect(most).toBeGreaterThanOrEqual(seconds - 0.000_001);
  };

  test.each<[keyof Report['clocks'], { secs?: number; nanosecs?: number }, number]>([
    ['monotonic', { secs: 3 * day }, 3 * day],
    ['boottime', { secs: 7 * day, nanosecs: 250_000_000 }, 7 * day + 0.25],
    ['monotonic', { secs: -1, nanosecs: 500_000_000 }, -0.5],
    ['boottime', { nanosecs: 999_999_999 }, 0.999_999_999],
  ])('has an offset of its %s clock of %j', (clock, value, seconds) => {
    expectOffset(clock, seconds, () => box.inside(bundle => offset(bundle, { [clock]: value })));
  });

  test('has an offset of one clock and not of the other', () => {
    const look = () => box.inside(bundle => offset(bundle, { boottime: { secs: day } }));
    expectOffset('monotonic', 0, look);
  });

  test('applies to /proc/uptime and to the children of the program', () => {
    const printed = box.shell('sh -c "cat /proc/uptime"', bundle =>
      offset(bundle, { boottime: { secs: 1000 * day } }),
    );
    expect(Number(printed.split(' ')[0])).toBeGreaterThan(1000 * day);
    const host = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    expect(Number(printed.split(' ')[0])).toBeLessThan(1000 * day + host + 1);
  });

  test('is in a new namespace also without offsets', () => {
    const report = box.inside(bundle => offset(bundle));
    expect(report.namespaces['time']).toMatch(/^time:\[\d+\]$/);
    expect(report.namespaces['time']).not.toBe(readlinkSync('/proc/self/ns/time'));
  });

  test('is that of another container when its path is given', () => {
    const other = box.running(bundle => offset(bundle, { monotonic: { secs: 5 * day } }));
    const path = `/proc/${box.state(other.id).pid}/ns/time`;
    const namespace = readlinkSync(path);
    const look = () => {
      const report = box.inside(bundle => bundle.config.linux.namespaces.push({ type: 'time', path }));
      expect(report.namespaces['time']).toBe(namespace);
      return report;
    };
    expectOffset('monotonic', 5 * day, look);
  });

  test.each(['created', 'running'] as const)('applies to exec in a %s container', which => {
    const bundle = box[which](made => offset(made, { monotonic: { secs: 9 * day } }));
    const namespace = readlinkSync(`/proc/${box.state(bundle.id).pid}/ns/time`);
    const look = () => {
      const report = parseReport(box.must(['exec', bundle.id, '/bin/inside']).stdout);
      expect(report.namespaces['time']).toBe(namespace);
      expect(report.fdNumbers).toEqual([0, 1, 2]);
      return report;
    };
    expectOffset('monotonic', 9 * day, look);
  });

  test.each([{ secs: -1_000_000_000 }, { secs: 9_000_000_000_000 }])(
    'cannot be before the start of the clock, or after its end: %j',
    value => {
      const failure = box.refuses(box.bundle(made => offset(made, { boottime: value })));
      if (!isTsubo) return;
      expect(failure.record).toMatchObject({
        code: 'container.namespace',
        pointer: '/linux/timeOffsets',
        errnoName: 'ERANGE',
        hint: expect.stringContaining('clock'),
      });
    },
  );

  test('cannot be set without CAP_SYS_TIME, and is refused at its place', () => {
    const bundle = box.bundle(made => offset(made, { boottime: { secs: 1 } }));
    const command = box.command('create', '--bundle', bundle.dir, bundle.id);
    const done = box.view.exec(['/usr/bin/setpriv', '--bounding-set=-sys_time', ...command]);
    expect(done.status).toBe(1);
    expect(done.stderr).toMatch(/operation not permitted|permission denied/i);
    if (isTsubo) expect(done.stderr).toContain('(config.json:');
    if (isTsubo) expect(done.stderr).toContain('/linux/timeOffsets');
  });
});
