// SPDX-License-Identifier: Apache-2.0
import { parsePointer } from '../bundle/pointer.ts';
import { errno, errnoName, errnoText } from '../errors/errno.ts';
import type { ErrorFields } from '../errors/error.ts';
import type { Report } from '../host/binding.d.ts';
import type { Config } from '../oci/config.ts';
import { namespaceFlags } from '../oci/namespaces.ts';
import type { Step } from '../wire/steps.ts';
import { cloneFlagNames, limitText, rlimitName } from './decode-field.ts';
import { stepText } from './describe.ts';
import { explainHookStep } from './explain-hook.ts';
import { explainMount } from './explain-mount.ts';
import { explainExecute, explainFindProgram } from './explain-program.ts';
import { explainScheduling } from './explain-scheduling.ts';
import { hintFor } from './hints.ts';
import type { Plan } from './plan.ts';
import { rootMask } from './restricted-paths.ts';

/**
 * Fields for a failed step in addition to those of every failure; `pointer` if it is more precise than the step's
 * origin.
 */
export type Explanation = Pick<ErrorFields, 'code' | 'message' | 'pointer' | 'value' | 'hint'>;

/**
 * Turns a report of the init into the fields of an error: the step's number leads to the place in config.json.
 *
 * @param report - of kind `failed`, `warning` or `ended`
 * @param config - the plan's config: the scheduler may be refused because of other properties
 */
export function explainFailure(plan: Plan, report: Report, config?: Config): ErrorFields {
  const step = plan.container[report.step];
  if (report.kind === 'failed' && step === undefined) return ownFailure(report);
  if (report.kind === 'ended' || step === undefined) {
    return {
      code: 'container.ended',
      stage: 'container',
      message: 'container init ended before it was ready, without a report',
      hint: 'it was killed: by a memory limit (see dmesg), or by somebody with kill',
    };
  }
  if (step.op === 'runHook') {
    return { stage: 'container', step: report.step, ...explainHookStep(step, report) };
  }
  const explanation = explainStep(plan, step, report, config);
  const hint = explanation.hint ?? hintFor(step, report) ?? filterHint(plan, report.step);
  return {
    code: explanation.code,
    message: explanation.message,
    // The origin is empty for steps of the runtime and of options: no place in a document.
    pointer:
      explanation.pointer ?? itemPointer(step, report) ?? (step.origin === '' ? undefined : step.origin),
    stage: 'container',
    step: report.step,
    syscall: report.syscall,
    errno: report.errno,
    errnoName: errnoName(report.errno),
    ...(report.detail !== '' && { [report.detail.startsWith('/') ? 'path' : 'detail']: report.detail }),
    value: explanation.value,
    hint,
  };
}

/** The place that requested the refused item of the step's list. */
function itemPointer({ origin, places }: Step, { item = -1 }: Report): string | undefined {
  const place = places?.[item];
  return typeof place === 'number' ? `${origin}/options/${place}` : place;
}

/** A failure of the init before the first step of any plan. */
function ownFailure({ syscall, errno }: Report): ErrorFields {
  return {
    code: 'container.syscall',
    stage: 'container',
    message: `the init could not prepare itself: ${syscall}: ${errnoText(errno)}`,
    syscall,
    errno,
    errnoName: errnoName(errno),
    hint: 'something around the runtime refuses the call: a seccomp filter of the container or service it runs in',
  };
}

/** The hint for a failure after the filter was loaded: the filter may have refused the call. */
function filterHint({ container }: Plan, step: number): string | undefined {
  // At `start` the plan has only the steps after `ready`.
  const loaded = container.findIndex(one => one?.op === 'loadSeccomp');
  if (loaded < 0 || loaded >= step) return undefined;
  return 'the seccomp profile may refuse the call: without process.noNewPrivileges it holds before the program is executed';
}

function explainStep(plan: Plan, step: Step, report: Report, config?: Config): Explanation {
  const text = errnoText(report.errno);
  const called = `${report.syscall}${report.detail === '' ? '' : ` ${report.detail}`}: ${text}`;
  switch (step.op) {
    case 'mount':
    case 'bind':
    case 'cloneTree':
    case 'mountCgroup':
    case 'keepMount':
    case 'changeMount':
    case 'labelMount':
      return explainMount(plan, report.step, report);
    case 'openRoot':
      return { code: 'container.rootfs', message: rootMessage(step.path, report), value: step.path };
    case 'mountRoot':
      return explainRootMount(step, report);
    case 'setPropagation':
    case 'setMountPropagation':
      return { code: 'container.rootfs', message: `error preparing rootfs: ${called}` };
    case 'pivotRoot':
    case 'moveRoot':
    case 'changeRoot':
      return { code: 'container.rootfs', message: `error jailing process inside rootfs: ${called}` };
    case 'setRootPropagation':
      return { code: 'container.rootfs', message: `unable to apply root propagation flags: ${called}` };
    case 'sealRoot':
      return { code: 'container.rootfs', message: `error setting rootfs as readonly: ${called}` };
    case 'makeDevice':
      return {
        code: 'container.device',
        message: `error creating device node ${JSON.stringify(step.path)}: ${called}`,
        value: `${step.major}:${step.minor}`,
      };
    case 'bindDevice':
      return {
        code: 'container.device',
        message: `error binding device node ${JSON.stringify(step.path)}: ${called}`,
        value: `${step.major}:${step.minor}`,
      };
    case 'showToUser':
    case 'becomeRoot':
      return { code: 'container.user', message: `unable to become root in the user namespace: ${called}` };
    case 'makeSymlink':
    case 'makeSymlinkIf':
    case 'replaceSymlink':
      return { code: 'container.device', message: `error setting up /dev symlink ${step.path}: ${called}` };
    case 'readonlyPath':
      return {
        code: 'container.path',
        message: `can't make ${JSON.stringify(step.path)} read-only: ${called}`,
      };
    case 'maskPath':
      return {
        code: 'container.path',
        message:
          report.syscall === 'openat2' && report.errno === errno.EBUSY
            ? rootMask(step.path)
            : `can't mask path ${JSON.stringify(step.path)}: ${called}`,
      };
    case 'keepPidNamespace':
    case 'enterPidNamespace':
      return {
        code: 'container.namespace',
        message: `failed to join the namespace of ${step.origin}: ${called}`,
        value: cloneFlagNames(namespaceFlags.pid),
      };
    case 'joinNamespace':
      return {
        code: 'container.namespace',
        message: `failed to join the namespace of ${step.origin}: ${called}`,
        value: cloneFlagNames(step.kind),
      };
    case 'unshare':
      return {
        code: 'container.namespace',
        message: `failed to make new namespaces: ${called}`,
        value: cloneFlagNames(step.flags),
      };
    case 'enterTimeNamespace':
      return {
        code: 'container.namespace',
        message: `failed to make the time namespace: ${called}`,
        ...(report.syscall === 'write' && { pointer: '/linux/timeOffsets', value: step.offsets.trim() }),
      };
    case 'raiseLoopback':
      return { code: 'container.network', message: `failed to bring up the loopback interface: ${called}` };
    case 'setSysctl':
      return { code: 'container.sysctl', message: sysctlMessage(step, report), value: step.value };
    case 'joinSessionKeyring':
      return {
        code: 'container.keyring',
        message: `unable to join session keyring: ${called}`,
        value: step.name,
      };
    case 'setSecurityAttribute': {
      const apparmor = step.names.includes('apparmor/exec');
      const attempt = apparmor ? 'unable to apply apparmor profile' : 'unable to set the SELinux label';
      return { code: 'container.label', message: `${attempt}: ${called}`, value: step.value };
    }
    case 'setHostname':
      return { code: 'container.hostname', message: `sethostname: ${text}`, value: step.name };
    case 'setDomainname':
      return { code: 'container.hostname', message: `setdomainname: ${text}`, value: step.name };
    case 'openTerminal':
      return {
        code: 'container.terminal',
        message: `unable to make the terminal: ${called}`,
        value: step.path,
      };
    case 'useTerminal':
      return { code: 'container.terminal', message: `unable to set the controlling terminal: ${called}` };
    case 'setRlimit':
      return {
        code: 'container.rlimit',
        message: `error setting rlimit type ${step.resource}: ${text}`,
        value: `${rlimitName(step.resource)} soft=${limitText(step.soft)} hard=${limitText(step.hard)}`,
      };
    case 'setAffinity':
    case 'setScheduler':
    case 'setIoPriority':
    case 'setPersonality':
    case 'setMemoryPolicy':
      return explainScheduling(step, report, config);
    case 'limitBoundingSet':
      return {
        code: 'container.capabilities',
        message: `unable to apply bounding set: ${text}`,
        value: stepText(step),
      };
    case 'setCapabilities':
    case 'setAmbientSet':
      return {
        code: 'container.capabilities',
        message: `unable to apply caps: ${text}`,
        value: stepText(step),
      };
    case 'loadSeccomp':
      return {
        code: 'container.seccomp',
        message: `error loading seccomp filter: ${called}`,
        value: stepText(step),
      };
    case 'setUser':
      return { code: 'container.user', message: `unable to setup user: ${userMessage(step, report)}` };
    case 'makeDirectory':
      return { code: 'container.cwd', message: `mkdir ${step.path}: ${text}`, value: step.path };
    case 'changeDirectory':
      return { code: 'container.cwd', message: directoryMessage(step, report), value: step.path };
    case 'findProgram':
      return explainFindProgram(step, report);
    case 'execute':
      return explainExecute(step, report);
    case 'ready':
      return {
        code: 'container.seccomp',
        message: `the init cannot wait for its start: ${called}`,
        ...(filterHint(plan, report.step) !== undefined && { pointer: '/linux/seccomp' }),
      };
    default:
      return { code: 'container.syscall', message: `${step.op}: ${called}` };
  }
}

/** The directory that the root is mounted over is that of root.path; everything else is of the mount. */
function explainRootMount(step: Extract<Step, { op: 'mountRoot' }>, report: Report): Explanation {
  if (report.syscall === 'openat2') {
    return {
      code: 'container.rootfs',
      message: rootMessage(step.path, report),
      pointer: '/root/path',
      value: step.path,
    };
  }
  const about = report.detail === '' ? '' : ` ${report.detail}`;
  return {
    code: 'container.mount',
    message: `error mounting the layers of the root: ${report.syscall}${about}: ${errnoText(report.errno)}`,
    value: step.options[report.item ?? -1],
  };
}

function rootMessage(path: string, report: Report): string {
  if (report.errno === errno.ENOENT) return `invalid rootfs: stat ${path}: ${errnoText(report.errno)}`;
  if (report.errno === errno.ENOTDIR || report.errno === errno.ELOOP) {
    return `invalid rootfs: not an absolute path, or a symlink: ${path}`;
  }
  return `error preparing rootfs: ${report.syscall} ${path}: ${errnoText(report.errno)}`;
}

function sysctlMessage(step: Extract<Step, { op: 'setSysctl' }>, report: Report): string {
  // The key as written in the config: the last part of the origin.
  const key = parsePointer(step.origin).at(-1) ?? step.path;
  const text = errnoText(report.errno);
  return report.syscall === 'write'
    ? `failed to write sysctl ${key} = ${JSON.stringify(step.value)}: ${text}`
    : `open sysctl ${key} file: ${text}`;
}

function userMessage(step: Extract<Step, { op: 'setUser' }>, report: Report): string {
  if (report.errno === errno.EINVAL && report.syscall.startsWith('setresuid')) {
    return `cannot setuid to unmapped uid ${step.uid} in user namespace`;
  }
  if (report.errno === errno.EINVAL && report.syscall.startsWith('setresgid')) {
    return `cannot setgid to unmapped gid ${step.gid} in user namespace`;
  }
  return `${report.syscall}: ${errnoText(report.errno)}`;
}

function directoryMessage(
  { path, origin }: Extract<Step, { op: 'changeDirectory' }>,
  report: Report,
): string {
  if (report.errno === errno.EXDEV) {
    return 'current working directory is outside of container mount namespace root -- possible container breakout detected';
  }
  let asked = '';
  if (origin.startsWith('/process/')) asked = ' set in config.json';
  else if (origin !== '' && !origin.startsWith('/')) asked = ` set by ${origin}`;
  return `chdir to cwd (${JSON.stringify(path)})${asked} failed: ${errnoText(report.errno)}`;
}
