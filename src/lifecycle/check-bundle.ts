// SPDX-License-Identifier: Apache-2.0
import { type Bundle, readBundle } from '../bundle/read.ts';
import { resolveRootfs } from '../bundle/rootfs.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';
import { readFacts } from '../host/read-facts.ts';
import type { Config } from '../oci/config.ts';
import { makePlan } from '../plan/make-plan.ts';
import { checkConfig } from '../validate/check.ts';
import { checkOnHost, warnOnHost } from '../validate/host-checks.ts';
import { findWeaknesses } from '../validate/isolation/index.ts';
import { type CheckReport, makeReport } from '../validate/report.ts';

/**
 * Everything that can be said of a bundle without making a container: what `create` would refuse (all of it, not the
 * first), what it would ignore, and what weakens the isolation. Changes nothing and needs no privilege.
 *
 * A bundle that cannot be read, or is not JSON, is a problem like any other.
 */
export function checkBundle(binding: Binding, path: string): CheckReport {
  let bundle: Bundle;
  try {
    bundle = readBundle(binding, path);
  } catch (error) {
    return makeReport({ path }, [fieldsOf(error)], []);
  }
  const { config, draft, problems, warnings } = checkConfig(bundle.document);
  return makeReport(
    bundle,
    [...problems, ...(config === undefined ? [] : onThisMachine(binding, bundle, config))],
    [...warnings, ...(config === undefined ? [] : warnOnHost(binding, config)), ...findWeaknesses(draft)],
  );
}

/** Refusals that need more than the document. Each is tried, whatever the others said. */
function onThisMachine(binding: Binding, bundle: Bundle, config: Config): ErrorFields[] {
  return [
    ...refusal(() => resolveRootfs(binding, bundle.path, config)),
    ...checkOnHost(binding, config),
    ...refusal(() => {
      makePlan(config, readFacts(binding), {
        id: 'ID',
        bundle: bundle.path,
        noPivot: false,
        noNewKeyring: false,
        listenFds: 0,
        preserveFds: 0,
        startNow: false,
      });
    }),
  ];
}

function refusal(work: () => void): ErrorFields[] {
  try {
    work();
    return [];
  } catch (error) {
    return [fieldsOf(error)];
  }
}

function fieldsOf(error: unknown): ErrorFields {
  if (error instanceof RuntimeError) return error.fields();
  throw error;
}
