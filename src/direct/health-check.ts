// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../image/members.ts';

/** The health check of a container; times are in milliseconds. */
export interface HealthCheck {
  /** `CMD` and the words of a command, or `CMD-SHELL` and a line for the shell. */
  readonly test: readonly string[];
  /** SHELL of the image. Default: /bin/sh -c. */
  readonly shell?: readonly string[];
  /** From the end of a check to the beginning of the next one. */
  readonly interval: number;
  readonly timeout: number;
  /** Failures in this time after the start are ignored until the first success. */
  readonly startPeriod: number;
  /** The interval in that time. */
  readonly startInterval: number;
  /** Failures in a row until the container is unhealthy. */
  readonly retries: number;
}

/** Docker's defaults, for members that neither the image nor an option sets. */
/** More than the lifetime of a machine, and less than the most that poll(2) takes with the limits added to it. */
const mostMs = 2_000_000_000;

const defaults = { interval: 30_000, timeout: 30_000, startPeriod: 0, startInterval: 5_000, retries: 3 };

/** The options of `run`; `none` for `--no-healthcheck`. */
export type HealthRequest = Partial<Omit<HealthCheck, 'shell'>> | 'none';

const imageMembers = {
  interval: 'Interval',
  timeout: 'Timeout',
  startPeriod: 'StartPeriod',
  startInterval: 'StartInterval',
} as const;

/**
 * Returns the check of a container: each option replaces a member of the image's HEALTHCHECK, and zero means the
 * default. Undefined if there is no command.
 *
 * @param shell - of the image; empty if it has none
 */
export function healthCheckOf(
  image: JsonObject | undefined,
  request: HealthRequest | undefined,
  shell: readonly string[] = [],
): HealthCheck | undefined {
  if (request === 'none') return undefined;
  const declared = Array.isArray(image?.['Test']) ? image['Test'].map(String) : [];
  const test = request?.test ?? declared;
  if (test.length < 2 || (test[0] !== 'CMD' && test[0] !== 'CMD-SHELL')) return undefined;
  const time = (name: keyof typeof imageMembers): number => {
    const nanoseconds = image?.[imageMembers[name]];
    const own = request?.[name] ?? (typeof nanoseconds === 'number' ? nanoseconds / 1e6 : 0);
    return own > 0 ? Math.min(Math.ceil(own), mostMs) : defaults[name];
  };
  const retries = request?.retries ?? image?.['Retries'];
  return {
    test,
    ...(test[0] === 'CMD-SHELL' && shell.length > 0 && { shell }),
    interval: time('interval'),
    timeout: time('timeout'),
    startPeriod: time('startPeriod'),
    startInterval: time('startInterval'),
    retries: typeof retries === 'number' && retries > 0 ? retries : defaults.retries,
  };
}

/** The words of the command that the check executes. */
export function commandOfCheck({ test: [kind, ...words], shell = ['/bin/sh', '-c'] }: HealthCheck): string[] {
  return kind === 'CMD-SHELL' ? [...shell, ...words] : words;
}

/** Returns true if a value of container.json is a valid health check. */
export function isHealthCheck(value: unknown): value is HealthCheck {
  const { test, shell = [], ...numbers } = (value ?? {}) as Partial<HealthCheck>;
  const names = ['interval', 'timeout', 'startPeriod', 'startInterval', 'retries'] as const;
  return (
    [test, shell].every(words => Array.isArray(words) && words.every(word => typeof word === 'string')) &&
    names.every(name => Number.isFinite(numbers[name]) && (numbers[name] ?? -1) >= 0)
  );
}
