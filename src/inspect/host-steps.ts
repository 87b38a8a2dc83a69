// SPDX-License-Identifier: Apache-2.0
import { olderKernel } from '../cgroup/apply.ts';
import { wordsOf } from '../cgroup/controllers.ts';
import { planCgroup, requireVacant } from '../cgroup/directory.ts';
import { missingController } from '../cgroup/missing-controller.ts';
import { RuntimeError } from '../errors/error.ts';
import type { Binding } from '../host/binding.d.ts';
import type { HostFacts } from '../host/facts.ts';
import { isMachineRoot } from '../host/privilege.ts';
import { openNamespaceFile } from '../lifecycle/namespaces.ts';
import { inspectOperation } from '../lifecycle/perform-host-steps.ts';
import { explainHook } from '../plan/explain-hook.ts';
import type { HostStep, Plan } from '../plan/plan.ts';
import { hookError } from './container-steps.ts';
import type { Findings } from './findings.ts';
import { RootView } from './root-view.ts';

/** Compares the host part of a plan with the machine, without executing it. */
export function inspectHost(binding: Binding, plan: Plan, facts: HostFacts, findings: Findings): void {
  for (const step of plan.host) findings.attempt(() => inspectStep(binding, step, facts, findings));
  inspectControllers(binding, plan, facts, findings);
}

function inspectStep(binding: Binding, step: HostStep, facts: HostFacts, findings: Findings): void {
  switch (step.op) {
    case 'openNamespace':
      binding.close(openNamespaceFile(binding, step));
      findings.addUnchecked(step.origin, 'whether the namespace may be joined');
      return;
    case 'makeCgroup':
      // If the config names no cgroup, its name depends on the container's id, which is unknown.
      if (step.origin !== '') planCgroup(binding, facts.cgroup.mountpoint, step.path, step.origin);
      return;
    case 'startUnit':
      if (step.origin !== '') requireVacant(binding, `${facts.cgroup.mountpoint}${step.path}`, step.origin);
      return;
    case 'makeRdtGroup':
      findings.addUnchecked(step.origin, 'whether resctrl accepts the class of service');
      return;
    case 'runHook': {
      const { kind, index, hook, origin } = step;
      findings.addUnchecked(`/hooks/${kind}/${index}`, 'the effect of the hook: check does not run it');
      const number = hookError(new RootView(binding, undefined).hostEntry(hook.path, false));
      if (number === undefined) return;
      const failure = explainHook(origin, hook.path, { how: 'refused', syscall: 'execve', errno: number });
      if (kind === 'prestart' || kind === 'createRuntime') throw new RuntimeError(failure);
      const when = kind === 'poststart' ? 'start would fail' : 'delete would warn';
      findings.warnings.push({ ...failure, message: `${when}: ${failure.message}` });
      return;
    }
    default:
      inspectOperation(step, binding, findings);
      return;
  }
}

/** Reports limits whose controller is missing: the first one of each controller, like `create`. */
function inspectControllers(binding: Binding, plan: Plan, facts: HostFacts, findings: Findings): void {
  const root = facts.cgroup.mountpoint;
  const seen = new Set<string>();
  let offered: readonly string[] | undefined;
  for (const step of plan.host) {
    if (step.op !== 'writeCgroup') continue;
    findings.addUnchecked(step.origin, `whether the kernel accepts ${step.value} in ${step.file}`);
    const older = olderKernel(facts.kernel, step);
    if (older !== undefined) findings.problems.push(older);
    if (step.optional || step.controller === 'cgroup' || seen.has(step.controller)) continue;
    seen.add(step.controller);
    offered ??= wordsOf(binding, `${root}/cgroup.controllers`);
    if (offered.includes(step.controller)) continue;
    if (!isMachineRoot(binding)) continue;
    findings.problems.push(missingController(binding, root, offered, step).fields());
  }
}
