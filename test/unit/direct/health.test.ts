// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { DirectContainer } from '../../../src/direct/container.ts';
import { afterCheck, type Health, healthOf, healthText, shownHealth } from '../../../src/direct/health.ts';
import { healthCheckOf, isHealthCheck } from '../../../src/direct/health-check.ts';
import type { DirectStore } from '../../../src/direct/store.ts';

describe('the health check of a container', () => {
  const image = { Test: ['CMD', 'x'], Interval: 2e9, StartPeriod: 5e8, Retries: 4 };

  it('has the values of the image that no option replaces, and otherwise the defaults of Docker', () => {
    expect(healthCheckOf(image, { timeout: 700 })).toEqual({
      test: ['CMD', 'x'],
      interval: 2000,
      timeout: 700,
      startPeriod: 500,
      startInterval: 5000,
      retries: 4,
    });
    expect(healthCheckOf(undefined, { test: ['CMD-SHELL', 'y'] })).toEqual({
      test: ['CMD-SHELL', 'y'],
      interval: 30_000,
      timeout: 30_000,
      startPeriod: 0,
      startInterval: 5000,
      retries: 3,
    });
  });

  it('has the defaults in place of zeros', () => {
    const zeros = {
      Test: ['CMD', 'x'],
      Interval: 0,
      Timeout: 0,
      StartPeriod: 0,
      StartInterval: 0,
      Retries: 0,
    };
    expect(healthCheckOf(zeros, undefined)).toMatchObject({ interval: 30_000, timeout: 30_000, retries: 3 });
  });

  it('has whole milliseconds, which the keeper needs, and no limit above that of its clock', () => {
    const times = { Test: ['CMD', 'x'], Interval: 1, Timeout: 1_500_001, StartInterval: 1e30 };
    expect(healthCheckOf(times, undefined)).toMatchObject({
      interval: 1,
      timeout: 2,
      startInterval: 2_000_000_000,
    });
  });

  it.each([
    [undefined, undefined],
    [image, 'none'],
    [image, { test: ['NONE'] }],
    [{ Test: ['NONE'] }, undefined],
    [{ Test: [] }, { interval: 5 }],
    [{ Test: ['CMD'] }, undefined],
  ] as const)('is absent without a command: %j, %j', (declared, request) => {
    expect(healthCheckOf(declared, request)).toBeUndefined();
  });

  it('is read from container.json only in its own form', () => {
    const check = healthCheckOf(image, undefined);
    expect(isHealthCheck(check)).toBe(true);
    for (const wrong of [
      null,
      5,
      [],
      {},
      { ...check, test: 'x' },
      { ...check, interval: -1 },
      { ...check, retries: '3' },
    ]) {
      expect(isHealthCheck(wrong)).toBe(false);
    }
  });
});

describe('the health after a check', () => {
  const start = '2026-01-01T00:00:00Z';
  const result = (exitCode: number, second = 0) => ({
    start: `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`,
    end: start,
    exitCode,
    output: '',
  });
  const of = (status: Health['status'], failingStreak: number): Health => ({
    status,
    failingStreak,
    log: [],
  });
  const check = { retries: 3, startPeriod: 0 };

  it.each([
    ['the first success', of('starting', 2), 0, 'healthy', 0],
    ['a success again', of('unhealthy', 9), 0, 'healthy', 0],
    ['a failure', of('healthy', 0), 1, 'healthy', 1],
    ['the last permitted failure', of('healthy', 1), 1, 'healthy', 2],
    ['one more', of('healthy', 2), 1, 'unhealthy', 3],
    ['a timeout', of('starting', 2), -1, 'unhealthy', 3],
  ] as const)('%s', (_, before, exitCode, status, failingStreak) => {
    expect(afterCheck(before, check, result(exitCode), start)).toEqual({
      status,
      failingStreak,
      log: [result(exitCode)],
    });
  });

  it('does not count failures in the start period until the first success', () => {
    const early = { retries: 1, startPeriod: 10_000 };
    expect(afterCheck(of('starting', 0), early, result(1, 9), start)).toMatchObject({
      status: 'starting',
      failingStreak: 0,
    });
    expect(afterCheck(of('starting', 0), early, result(1, 10), start)).toMatchObject({ status: 'unhealthy' });
    expect(afterCheck(of('healthy', 0), early, result(1, 9), start)).toMatchObject({ status: 'unhealthy' });
  });

  it('has the last five results, oldest first', () => {
    let health = of('starting', 0);
    for (let i = 0; i < 7; i++) health = afterCheck(health, check, result(i), start);
    expect(health.log.map(({ exitCode }) => exitCode)).toEqual([2, 3, 4, 5, 6]);
  });

  it('is shown with the names of Docker', () => {
    expect(shownHealth({ status: 'unhealthy', failingStreak: 4, log: [result(1)] })).toEqual({
      Status: 'unhealthy',
      FailingStreak: 4,
      Log: [{ Start: start, End: start, ExitCode: 1, Output: '' }],
    });
    expect([undefined, of('starting', 0), of('healthy', 0)].map(healthText)).toEqual([
      '',
      ' (health: starting)',
      ' (healthy)',
    ]);
  });
});

it.each([
  '',
  '{',
  'null',
  '[]',
  '{"log":[1,null]}',
  '{"status":5,"failingStreak":0,"log":[]}',
  '{"status":"healthy","failingStreak":"a","log":[]}',
])('the health is unknown if health.json contains %j', text => {
  const store = { binding: { readTextIfThere: () => text }, directory: '/data' } as unknown as DirectStore;
  const check = healthCheckOf({ Test: ['CMD', 'x'] }, undefined);
  const container = { id: 'a', health: check } as unknown as DirectContainer;
  expect(healthOf(store, container)).toEqual({ status: 'starting', failingStreak: 0, log: [] });
});
