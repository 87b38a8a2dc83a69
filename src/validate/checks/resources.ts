// SPDX-License-Identifier: Apache-2.0
import { formatPointer } from '../../bundle/pointer.ts';
import { controllerOf } from '../../cgroup/unified.ts';
import { isNumber, isUnset } from '../../cgroup/write.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import type { ErrorFields } from '../../errors/error.ts';
import type { Integer } from '../../oci/config.ts';
import type { CPU, HugepageLimit, Memory, Rdma, Resources } from '../../oci/resources.ts';
import type { Check, Draft } from '../context.ts';
import { keepProblem, stopAtLimit } from '../findings.ts';
import { blockIOProblems } from './block-io.ts';

/** The last part of the codes `config.resources.*`. */
type ResourceCode = ErrorCode extends infer Code
  ? Code extends `config.resources.${infer Last}`
    ? Last
    : never
  : never;

type Problem = ErrorFields & { readonly pointer: string };
/** Reports a problem of the property at this path below the resources. */
export type ReportProblem = (
  at: readonly (string | number)[],
  fields: Omit<ErrorFields, 'pointer' | 'code'> & { readonly code: ResourceCode },
) => void;

export const checkResources: Check = context => {
  const resources = context.config.linux?.resources;
  if (resources === undefined) return;
  for (const problem of resourceProblems(resources, '/linux/resources', true)) context.problem(problem);
};

/**
 * Returns the problems of the resources, except wrong types.
 *
 * @param origin - pointer of the resources in their document
 * @param whole - true for complete resources, false for changes to others
 */
export function resourceProblems(resources: Draft<Resources>, origin: string, whole: boolean): Problem[] {
  const problems: Problem[] = [];
  const report: ReportProblem = (at, { code, ...fields }) =>
    keepProblem(problems, {
      ...fields,
      code: `config.resources.${code}`,
      pointer: origin + formatPointer(at),
    });
  stopAtLimit(() => checkControllers(resources, whole, report));
  return problems;
}

function checkControllers(resources: Draft<Resources>, whole: boolean, report: ReportProblem): void {
  const { memory, cpu, blockIO, hugepageLimits, rdma, unified } = resources;
  if (memory !== undefined) memoryProblems(memory, whole, report);
  if (cpu !== undefined) cpuProblems(cpu, report);
  if (blockIO !== undefined) blockIOProblems(blockIO, report);
  if (hugepageLimits !== undefined) hugepageProblems(hugepageLimits, report);
  if (rdma !== undefined) rdmaProblems(rdma, report);
  if (unified !== undefined) unifiedProblems(unified, report);
}

function memoryProblems(memory: Draft<Memory>, whole: boolean, report: ReportProblem): void {
  const spec = 'config-linux.md#memory';
  for (const name of ['limit', 'reservation', 'swap'] as const) {
    const value = memory[name];
    if (value === undefined || value >= -1) continue;
    const message = `memory.${name} is ${value}, which is not a number of bytes`;
    report(['memory', name], {
      code: 'memory',
      message,
      value: String(value),
      hint: '-1 means no limit',
      spec,
    });
  }
  const { limit, swap, swappiness } = memory;
  if (!isUnset(limit) && !isUnset(swap) && limit > 0 && swap > 0 && swap < limit) {
    report(['memory', 'swap'], {
      code: 'memory-swap',
      message: 'memory+swap limit should be >= memory limit',
      value: String(swap),
      hint: `swap is the sum of memory and swap: use at least ${limit}, which allows no swap`,
      spec,
    });
  }
  if (whole && isUnset(limit) && !isUnset(swap) && swap > 0) {
    report(['memory', 'swap'], {
      code: 'memory-swap',
      message: 'unable to set swap limit without memory limit',
      value: String(swap),
      hint: 'swap is the sum of memory and swap: set limit too',
      spec,
    });
  }
  if (swappiness !== undefined && swappiness > 100 && BigInt(swappiness) !== 18446744073709551615n) {
    const message = `memory.swappiness is ${swappiness}`;
    report(['memory', 'swappiness'], { code: 'swappiness', message, hint: 'it is from 0 to 100', spec });
  }
}

function cpuProblems(cpu: Draft<CPU>, report: ReportProblem): void {
  const spec = 'config-linux.md#cpu';
  const { quota, period, burst, idle } = cpu;
  const outside = (name: 'quota' | 'period', value: Integer, hint: string): void =>
    report(['cpu', name], {
      code: 'cpu',
      message: `cpu.${name} is ${value} microseconds, which the kernel refuses`,
      value: String(value),
      hint,
      spec,
    });
  if (!isUnset(quota) && quota > 0 && quota < 1000)
    outside('quota', quota, 'use at least 1000, or -1 for no limit');
  if (!isUnset(period) && (period < 1000 || period > 1000000)) {
    outside('period', period, 'from 1000 to 1000000');
  }
  if (burst !== undefined && !isUnset(quota) && quota > 0 && burst > quota) {
    const message = `cpu.burst ${burst} is above the quota ${quota}`;
    report(['cpu', 'burst'], {
      code: 'cpu',
      message,
      value: String(burst),
      hint: 'use at most the quota',
      spec,
    });
  }
  if (idle !== undefined && !isNumber(idle, 0) && !isNumber(idle, 1)) {
    const message = `cpu.idle is ${idle}`;
    report(['cpu', 'idle'], {
      code: 'cpu',
      message,
      value: String(idle),
      hint: 'use 1 for idle, or 0',
      spec,
    });
  }
  for (const name of ['cpus', 'mems'] as const) {
    const list = cpu[name];
    if (list === undefined || isNumberList(list)) continue;
    report(['cpu', name], {
      code: 'cpuset',
      message: `cpu.${name} "${list}" is not a list of numbers`,
      value: list,
      hint: 'use numbers and ranges separated by commas, such as 0-3,7',
      spec,
    });
  }
}

/** Checks the kernel's list format: `0-3,7`, `0-31:2/4` (2 of each 4), `all`, `N` for the last number. */
function isNumberList(list: string): boolean {
  if (/^\s*$/.test(list)) return true;
  return list
    .trim()
    .split(',')
    .every(part => {
      if (part === 'all') return true;
      const range = /^(\d+|N)(?:-(\d+|N)(?::\d+\/\d+)?)?$/.exec(part);
      if (range === null) return false;
      const [, first = '', last = first] = range;
      return first === 'N' ? last === 'N' : last === 'N' || Number(first) <= Number(last);
    });
}

/** The kernel's file names contain the size in this format: `hugetlb.2MB.max`. */
function hugepageProblems(limits: readonly Draft<HugepageLimit>[], report: ReportProblem): void {
  const spec = 'config-linux.md#huge-page-limits';
  const seen = new Map<string, number>();
  for (const [index, { pageSize }] of limits.entries()) {
    if (pageSize === undefined) continue;
    const at = ['hugepageLimits', index, 'pageSize'];
    const first = seen.get(pageSize);
    if (first !== undefined) {
      const message = `the limit for huge pages of ${pageSize} is set twice`;
      const hint = `the first entry is at hugepageLimits/${first}`;
      report(at, { code: 'page-size', message, value: pageSize, hint, spec });
    } else seen.set(pageSize, index);
    if (/^[1-9][0-9]*[KMG]B$/.test(pageSize)) continue;
    const upper = pageSize.toUpperCase();
    report(at, {
      code: 'page-size',
      message: `"${pageSize}" is not a size of huge pages`,
      value: pageSize,
      hint: /^[1-9][0-9]*[KMG]B$/.test(upper)
        ? `did you mean ${upper}?`
        : 'use a number and KB, MB or GB, such as 2MB',
      spec,
    });
  }
}

function rdmaProblems(devices: Draft<Readonly<Record<string, Rdma>>>, report: ReportProblem): void {
  for (const device of Object.keys(devices)) {
    if (/^\S+$/.test(device)) continue;
    const message = `"${device}" is not the name of an RDMA device`;
    report(['rdma', device], { code: 'rdma', message, value: device, spec: 'config-linux.md#rdma' });
  }
}

/** Core files that are not limits: writing them affects the runtime, the processes, or the cgroup as a whole. */
const actions = ['cgroup.procs', 'cgroup.threads', 'cgroup.kill', 'cgroup.freeze', 'cgroup.type'];

function unifiedProblems(files: Draft<Readonly<Record<string, string>>>, report: ReportProblem): void {
  const refuse = (file: string, message: string, hint?: string): void =>
    report(['unified', file], {
      code: 'unified',
      message,
      value: file,
      hint,
      spec: 'config-linux.md#unified',
    });
  for (const file of Object.keys(files)) {
    const name = JSON.stringify(file);
    if (file.includes('/') || file === '..' || file === '.') {
      refuse(file, `unified resource ${name} must be a file name (no slashes)`);
    } else if (!file.includes('.') || controllerOf(file) === '') {
      refuse(
        file,
        `unified resource ${name} must be in the form CONTROLLER.PARAMETER`,
        'use a name such as memory.high',
      );
    } else if (actions.includes(file)) {
      refuse(file, `unified resource ${name} is not a limit`, 'it would move, stop or end processes');
    }
  }
}
