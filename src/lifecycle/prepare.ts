// SPDX-License-Identifier: Apache-2.0
import { type Bundle, readBundle } from '../bundle/read.ts';
import { resolveRootfs } from '../bundle/rootfs.ts';
import { RuntimeError } from '../errors/error.ts';
import type { HostFacts } from '../host/facts.ts';
import { readFacts } from '../host/read-facts.ts';
import type { Config } from '../oci/config.ts';
import { makePlan } from '../plan/make-plan.ts';
import type { Plan } from '../plan/plan.ts';
import { requireConfig } from '../validate/check.ts';
import { limitFindings } from '../validate/findings.ts';
import { checkOnHost, warnOnHost } from '../validate/host-checks.ts';
import { listenFds } from './passed-fds.ts';
import { withPlace } from './place.ts';
import type { Runtime } from './runtime.ts';
import type { Warning } from './warnings.ts';

export interface PrepareOptions {
  readonly id: string;
  /** The bundle directory; relative to the working directory. */
  readonly bundle: string;
  /** See CreateOptions. */
  readonly noPivot?: boolean;
  readonly noNewKeyring?: boolean;
  readonly preserveFds?: number;
  /** Absolute; see PlanOptions. */
  readonly pidFile?: string | undefined;
  readonly pidfdSocket?: string | undefined;
  /** The program runs at once, and creating the container ends when it does. Default false. */
  readonly startNow?: boolean;
}

/** All that is known before anything is done. */
export interface Prepared {
  readonly bundle: Bundle;
  readonly config: Config;
  readonly rootfs: string;
  readonly facts: HostFacts;
  readonly plan: Plan;
  /** What was asked for and will not be as asked: for `warnOf`, once nothing can refuse the whole any more. */
  readonly warnings: readonly Warning[];
}

/** Read, check, plan: changes nothing, and needs no privilege. Failures know their line in config.json. */
export function prepare(runtime: Runtime, options: PrepareOptions): Prepared {
  const { binding } = runtime;
  const bundle = readBundle(binding, options.bundle);
  return withPlace(bundle.text, () => {
    const noPivot = options.noPivot ?? false;
    const { config, warnings } = requireConfig(bundle.document, {
      noPivot,
      processOptional: options.startNow !== true,
    });
    const rootfs = resolveRootfs(binding, bundle.path, config);
    const problems = limitFindings(checkOnHost(binding, config));
    if (problems[0] !== undefined) throw new RuntimeError({ ...problems[0], problems });
    const facts = readFacts(binding);
    const plan = makePlan(config, facts, {
      id: options.id,
      bundle: bundle.path,
      noPivot,
      noNewKeyring: options.noNewKeyring ?? false,
      listenFds: listenFds(binding),
      preserveFds: options.preserveFds ?? 0,
      pidFile: options.pidFile,
      pidfdSocket: options.pidfdSocket,
      startNow: options.startNow ?? false,
      systemdCgroup: runtime.systemdCgroup ?? false,
    });
    const all = [...warnings, ...warnOnHost(binding, config), ...plan.warnings];
    return { bundle, config, rootfs, facts, plan, warnings: all };
  });
}
