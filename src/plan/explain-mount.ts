// SPDX-License-Identifier: Apache-2.0
import { errno, errnoText } from '../errors/errno.ts';
import type { Report } from '../host/binding.d.ts';
import { MOUNT_ATTR, MS } from '../kernel/mount.ts';
import type { Step } from '../wire/steps.ts';
import type { Explanation, StepFailure } from './facility.ts';
import { flagNames } from './flag-names.ts';
import { mountFlags } from './mount-target.ts';

type MountStep = Extract<Step, { op: 'mount' | 'bind' | 'mountCgroup' | 'attachMount' }>;

export const nestedHint =
  'the runtime needs CAP_SYS_ADMIN and a machine (or outer container) that lets it mount';

/** Explains the failure of a config mount while it was made or changed. */
export function explainMount({ plan, report }: StepFailure): Explanation {
  const failed = plan.container[report.step] as Step;
  const mount = mountOf(plan.container, report.step);
  if (mount === undefined) return { code: 'container.mount', message: attempt(failed, report) };
  const error = `error mounting ${JSON.stringify(sourceOf(mount))} to rootfs at ${JSON.stringify(mount.target)}`;
  const refused = failed === mount ? refusal(mount, report) : undefined;
  return {
    code: 'container.mount',
    message: `${error}: ${refused ?? attempt(failed, report)}`,
    value: operand(failed),
    ...(failed.op === 'mount' &&
      failed.fstype === 'bind' &&
      report.errno === errno.ENODEV && {
        hint: 'a bind mount needs the option bind or rbind: the type alone has no effect',
      }),
  };
}

/** Returns the mount that a step makes or changes. */
function mountOf(steps: readonly Step[], at: number): MountStep | undefined {
  const failed = steps[at];
  let from = at;
  if (failed?.op === 'changeMount' && BigInt(failed.slot) !== 0n) {
    from = steps.findIndex(step => step.op === 'keepMount' && BigInt(step.slot) === BigInt(failed.slot));
  }
  // The bind follows its cloneTree.
  if (failed?.op === 'cloneTree') {
    from = steps.findIndex(
      step => (step.op === 'bind' || step.op === 'attachMount') && step.origin === failed.origin,
    );
  }
  for (let i = from; i >= 0; i--) {
    const step = steps[i] as Step;
    if (isMountStep(step)) return step;
  }
  return undefined;
}

function isMountStep(step: Step): step is MountStep {
  return ['mount', 'bind', 'mountCgroup', 'attachMount'].includes(step.op);
}

function sourceOf(mount: MountStep): string {
  return mount.op === 'mountCgroup' ? 'cgroup' : mount.source;
}

/** Text for a refusal by the executor's own rules, which has the error number of the call that detected it. */
function refusal(mount: MountStep, report: Report): string | undefined {
  const flags = Number(mount.flags);
  const notDirectory = report.errno === errno.ENOTDIR || report.errno === errno.ELOOP;
  if (mount.op === 'mount' && (flags & mountFlags.ordinaryDirectory) !== 0 && notDirectory) {
    return `filesystem ${JSON.stringify(mount.fstype)} must be mounted on ordinary directory`;
  }
  if (report.syscall === 'openat2' && report.errno === errno.EBUSY) {
    return `${JSON.stringify(mount.target)} leads to "/": mountpoint "/" is on the top of rootfs`;
  }
  if (report.syscall === 'fstatfs' && report.errno === errno.EPERM) {
    const target = JSON.stringify(mount.target);
    return (flags & mountFlags.sourceIsProc) !== 0
      ? `${target} cannot be mounted because it is not of type proc`
      : `${target} cannot be mounted because it is inside /proc`;
  }
  return undefined;
}

/** Returns the call, its operand or the file system's message, and the kernel's error text. */
function attempt(failed: Step, report: Report): string {
  const request = operand(failed);
  const detail = report.detail === '' ? '' : ` ${report.detail}`;
  const object = request === undefined || failed.op !== 'changeMount' ? detail : ` ${request}${detail}`;
  return `${report.syscall}${object}: ${errnoText(report.errno)}`;
}

function operand(step: Step): string | undefined {
  switch (step.op) {
    case 'mount':
    case 'mountCgroup':
      return shortList(step.options, flagNames(step.attributes, MOUNT_ATTR)) || undefined;
    case 'bind':
      return changes(step.attributesSet, step.attributesClear) || undefined;
    case 'changeMount':
      if (BigInt(step.propagation) !== 0n) {
        return flagNames(
          BigInt(step.propagation) | (BigInt(step.recursive) === 0n ? 0n : BigInt(MS.MS_REC)),
          MS,
        );
      }
      return `${changes(step.attributesSet, step.attributesClear)}${BigInt(step.recursive) === 0n ? '' : ' AT_RECURSIVE'}`;
    default:
      return undefined;
  }
}

const longestList = 4096;

/** Joins the words with commas, up to the length of a page, because mount(2) takes no more. */
function shortList(options: readonly string[], attributes: string): string {
  let text = '';
  for (const word of options) {
    if (text.length > longestList) return `${text.slice(0, longestList)}...`;
    text += text === '' ? word : `,${word}`;
  }
  if (attributes === '0') return text;
  return text === '' ? attributes : `${text},${attributes}`;
}

function changes(set: number | bigint, clear: number | bigint): string {
  const words: string[] = [];
  if (BigInt(set) !== 0n) words.push(`+${flagNames(set, MOUNT_ATTR)}`);
  if (BigInt(clear) !== 0n) words.push(`-${flagNames(clear, MOUNT_ATTR)}`);
  return words.join(' ');
}
