// SPDX-License-Identifier: Apache-2.0

import { ignoredText } from '../bundle/ignored-text.ts';
import { type Bundle, readBundle } from '../bundle/read.ts';
import { resolveRootfs } from '../bundle/rootfs.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';
import { capableMachine } from '../host/facts.ts';
import { readFacts } from '../host/read-facts.ts';
import {
  type AttachmentOptions,
  type RequestedAttachment,
  requestedAttachment,
} from '../lifecycle/attachment.ts';
import { planNetworks } from '../lifecycle/user-network.ts';
import { append } from '../oci/append.ts';
import type { Config } from '../oci/config.ts';
import { makePlan } from '../plan/make-plan.ts';
import { requireOwnNetwork } from '../plan/network.ts';
import { isRootMount } from '../plan/root-mount.ts';
import { checkConfig } from '../validate/check.ts';
import type { Draft } from '../validate/context.ts';
import { isFull, limitFindings } from '../validate/findings.ts';
import { checkOnHost, warnOnHost } from '../validate/host-checks.ts';
import { findWeaknesses } from '../validate/isolation/index.ts';
import { publishedWeaknesses } from '../validate/isolation/published.ts';
import { type CheckReport, makeReport } from '../validate/report.ts';
import { inspectContainer } from './container-steps.ts';
import { Findings } from './findings.ts';
import { inspectHost } from './host-steps.ts';
import { addUncheckable } from './uncheckable.ts';
import { validPart } from './valid-part.ts';

export interface CheckBundleOptions {
  /** Checks only config.json and nothing else on the machine. Default false. */
  readonly offline?: boolean;
  /** The same option as that of create. Default false. */
  readonly systemdCgroup?: boolean;
  /** The same options as those of create. Default: no network. */
  readonly attachment?: AttachmentOptions;
}

/**
 * Returns everything that can be checked in a bundle without creating a container: all reasons for which `create`
 * would fail, ignored settings, weaknesses of the isolation, and unchecked items. It changes nothing and needs no
 * privilege; without root it can check less.
 *
 * A bundle that cannot be read or parsed is reported as a problem too.
 */
export function checkBundle(
  binding: Binding,
  path: string,
  { offline = false, systemdCgroup = false, attachment = {} }: CheckBundleOptions = {},
): CheckReport {
  const findings = new Findings();
  const bundle = findings.attempt(() => readBundle(binding, path));
  if (bundle === undefined) return makeReport({ path }, findings.problems, [], []);
  const { document } = bundle;
  const { config, draft, problems, warnings } = checkConfig(document, { processOptional: true });
  if (isFull(problems)) {
    // The draft may be empty.
    findings.addUnchecked('', 'the machine and the isolation: there are too many problems');
    return makeReport(bundle, problems, [...ignoredText(bundle.text), ...warnings], findings.unchecked);
  }
  const valid =
    config === undefined
      ? validPart(draft, problems)
      : { config, original: (pointer: string): string => pointer };
  const networks = requestNetworks(binding, bundle.text, draft, attachment, findings);
  if (valid !== undefined) {
    // Without the root mount, the directory below it would be taken for the root.
    const rootless = isRootMount(draft.mounts?.[0], 0) && !isRootMount(valid.config.mounts?.[0], 0);
    inspect(binding, bundle, valid.config, { offline, systemdCgroup, rootless, networks }, findings);
  } else if (!offline) findings.addUnchecked('', 'the machine: config.json has no root file system');
  const located = <T extends { readonly pointer?: string | undefined }>(found: T): T =>
    valid === undefined || !found.pointer ? found : { ...found, pointer: valid.original(found.pointer) };
  const inDocument = (found: ErrorFields): ErrorFields =>
    found.document === undefined ? located(found) : (networks?.locate(found) ?? found);
  const reported = new Set(problems.map(problem => `${problem.code} ${problem.pointer}`));
  const more = findings.problems
    .map(inDocument)
    .filter(({ code, pointer }) => !reported.has(`${code} ${pointer}`));
  if (offline) findings.addUnchecked('', 'the machine: only config.json was read');
  const isObject = typeof document === 'object' && !Array.isArray(document);
  return makeReport(
    bundle,
    [...problems, ...limitFindings(more)],
    [
      ...ignoredText(bundle.text),
      ...warnings,
      ...limitFindings(findings.warnings.map(inDocument)),
      ...(isObject ? limitFindings(findWeaknesses(draft)) : []),
      ...(networks === undefined ? [] : publishedWeaknesses(networks.ports).map(inDocument)),
    ],
    findings.unchecked.map(located),
  );
}

/** Returns the networks that the options or an annotation request; undefined if the request has problems. */
function requestNetworks(
  binding: Binding,
  text: string,
  { annotations }: Draft<Config>,
  options: AttachmentOptions,
  findings: Findings,
): RequestedAttachment | undefined {
  try {
    const config =
      annotations === undefined ? {} : { annotations: annotations as Readonly<Record<string, string>> };
    const requested = requestedAttachment(binding, config, text, options);
    append(findings.warnings, requested.warnings as readonly ErrorFields[]);
    return requested;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    append(findings.problems, error.problems ?? [error.fields()]);
    return undefined;
  }
}

/** Runs each part of the inspection even if earlier parts have found problems. */
function inspect(
  binding: Binding,
  bundle: Bundle,
  config: Config,
  {
    offline,
    systemdCgroup,
    rootless,
    networks,
  }: Required<Omit<CheckBundleOptions, 'attachment'>> & {
    /** The root mount has a problem and is not in the config. */
    readonly rootless: boolean;
    readonly networks: RequestedAttachment | undefined;
  },
  findings: Findings,
): void {
  let rootfs: string | undefined;
  if (!offline) {
    rootfs = findings.attempt(() => resolveRootfs(binding, bundle.path, config));
    append(findings.problems, checkOnHost(binding, config));
    append(findings.warnings, warnOnHost(binding, config));
  }
  const facts = offline ? capableMachine : readFacts(binding);
  const { ports = [] } = networks ?? {};
  const requested = networks?.networks ?? [];
  const [first] = requested;
  if (offline && first !== undefined) findings.attempt(() => requireOwnNetwork(config, first.origin));
  const planned =
    networks === undefined || offline || first === undefined
      ? undefined
      : findings.attempt(() => planNetworks({ binding }, facts, requested));
  const plan = findings.attempt(() =>
    makePlan(config, facts, {
      id: 'ID',
      bundle: bundle.path,
      noPivot: false,
      noNewKeyring: false,
      listenFds: 0,
      preserveFds: 0,
      startNow: false,
      systemdCgroup,
      ...(planned !== undefined && { ...planned, ports }),
    }),
  );
  if (offline) return;
  if (plan === undefined) {
    findings.addUnchecked('', 'the files, mounts and limits: the plan for them cannot be made');
    return;
  }
  inspectHost(binding, plan, facts, findings);
  addUncheckable(config, facts, findings);
  const mounts = config.linux?.namespaces?.findIndex(({ type, path }) => type === 'mount' && path) ?? -1;
  if (rootless) {
    findings.addUnchecked(
      '/mounts/0',
      'the files and mounts in the root, because the root mount has a problem',
    );
  } else if (mounts >= 0) {
    findings.addUnchecked(
      `/linux/namespaces/${mounts}`,
      'the files and mounts, which are those of the joined mount namespace',
    );
  } else {
    inspectContainer({ binding, plan, config, facts, rootfs }, findings);
  }
}
