// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { parsePointer } from '../../../src/bundle/pointer.ts';
import type { ErrorFields } from '../../../src/errors/error.ts';
import type { Binding } from '../../../src/host/binding.d.ts';
import { capableMachine, type HostFacts } from '../../../src/host/facts.ts';
import { checkBundle } from '../../../src/inspect/check-bundle.ts';
import { S_IF } from '../../../src/kernel/files.ts';
import { describePlan } from '../../../src/plan/describe.ts';
import { explainFailure } from '../../../src/plan/explain.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { checkConfig } from '../../../src/validate/check.ts';
import { describeReport } from '../../../src/validate/report.ts';
import { encodePlan } from '../../../src/wire/encode.ts';
import { facts } from '../../helpers/plan.ts';
import type { Random } from '../../helpers/random.ts';
import { ConfigGenerator, exactText } from '../config-generator.ts';
import { attempt, type Input, requireError, type Target, Violation } from '../target.ts';

/** The configs of all fixtures and of the engines. */
export function knownConfigs(top: string): unknown[] {
  const files = [
    ...['good', 'bad'].flatMap(kind =>
      readdirSync(`${top}/bundle-fixtures/${kind}`).map(
        name => `bundle-fixtures/${kind}/${name}/config.json`,
      ),
    ),
    ...readdirSync(`${top}/test/oci/engine-configs`).map(name => `test/oci/engine-configs/${name}`),
    ...readdirSync(`${top}/test/unit/plan/configs`).map(name => `test/unit/plan/configs/${name}`),
  ];
  return files.flatMap(file => {
    try {
      return [JSON.parse(readFileSync(`${top}/${file}`, 'utf8')) as unknown];
    } catch {
      return [];
    }
  });
}

/** A machine on which there is only one bundle. */
function bundleBinding(text: string): Binding {
  const missing = (syscall: string) => (): never => {
    throw Object.assign(new Error(`${syscall}: ENOENT`), { syscall, errno: 2 });
  };
  const calls: Partial<Binding> = {
    realpath: path => path,
    stat: () => ({ mode: S_IF.S_IFDIR }) as ReturnType<Binding['stat']>,
    readText: () => text,
    readTextIfThere: () => undefined,
    readdir: missing('open'),
    open: missing('open'),
  };
  return calls as Binding;
}

function requirePlace({ pointer }: ErrorFields): void {
  if (pointer !== undefined && pointer !== '') parsePointer(pointer);
}

/** `tsubo check --offline` on generated texts. */
export function checkTarget(top: string): Target {
  const configs = knownConfigs(top);
  const generator = new ConfigGenerator(configs);
  return {
    name: 'check',
    corpus: configs.map(config => JSON.stringify(config)),
    generate: random => generator.text(random),
    execute(input) {
      const report = checkBundle(bundleBinding(input as string), '/bundle', { offline: true });
      // A config may have a thousand problems, which differ only in their place.
      for (const problem of [...report.problems.slice(0, 4), ...report.warnings.slice(0, 2)]) {
        requireError(problem);
        requirePlace(problem);
      }
      if (report.valid !== (report.problems.length === 0)) throw new Violation('valid with problems');
      if (input.length % 4 === 0) describeReport(report, { width: 80 });
      return report.valid;
    },
  };
}

const machines: readonly HostFacts[] = [
  facts,
  capableMachine,
  { ...facts, machine: 'aarch64' as const },
  { ...facts, kernel: { release: '5.10.0', major: 5, minor: 10 } },
  { ...facts, cgroup: { layout: 'none' as const, mountpoint: '', own: '/' } },
  { ...facts, euid: 1000, egid: 1000, capabilities: { ...facts.capabilities, permitted: 0n } },
];

/**
 * `tsubo plan` on generated configs for several machines: a config that `check` accepts has a plan, which the wire
 * format can carry; each step has an explanation of each failure, with a place in the config.
 */
export function planTarget(top: string): Target {
  const configs = knownConfigs(top);
  const generator = new ConfigGenerator(configs);
  // Most changes make a config invalid: only valid ones are interesting here.
  const generate = (random: Random): string => {
    for (let attempts = 0; ; attempts++) {
      const value = generator.value(random);
      const text = exactText(value);
      if (attempts >= 8) return text;
      try {
        if (checkConfig(JSON.parse(text)).config !== undefined) return text;
      } catch {
        return text;
      }
    }
  };
  return {
    name: 'plan',
    corpus: configs.map(config => JSON.stringify(config)),
    generate,
    execute: (input: Input) => planAll(input as string),
  };
}

function planAll(text: string): boolean {
  const { config } = checkConfig(JSON.parse(text));
  if (config === undefined) return false;
  let planned = false;
  const first = text.length % machines.length;
  for (const machine of [machines[first], machines[0]] as readonly HostFacts[]) {
    const options = { id: 'fuzz', bundle: '/bundle', systemdCgroup: text.length % 2 === 1 };
    const plan = attempt(() => makePlan(config, machine, options));
    if (plan === undefined) continue;
    planned = true;
    encodePlan(plan.container);
    describePlan(plan, 'text');
    JSON.parse(describePlan(plan, 'json'));
    for (const { pointer } of plan.warnings) requirePlace({ code: 'config.ignored', message: '', pointer });
    for (let step = text.length % 3; step < plan.container.length; step += 3) {
      const { origin } = plan.container[step] as (typeof plan.container)[number];
      const report = {
        kind: 'failed',
        step,
        syscall: 'mount',
        errno: 1 + (step % 40),
        detail: '/x',
      } as const;
      const fields = explainFailure(plan, report, config);
      requireError(fields);
      requirePlace(fields);
      if (origin.startsWith('/') && fields.pointer === undefined)
        throw new Violation(`a failure of ${plan.container[step]?.op} has no place`);
    }
  }
  return planned;
}
