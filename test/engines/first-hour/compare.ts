// SPDX-License-Identifier: Apache-2.0
import { type Difference, differences } from './differences.ts';

/** The output and the status of a command. */
export interface Printed {
  readonly line: string;
  readonly status: number | null;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

/** Returns a text for each step where tsubo's lines are not Docker's and no listed difference has the reason. */
export function compare(docker: readonly Printed[], tsubo: readonly Printed[]): string[] {
  const unused = new Set(differences);
  const texts = docker.flatMap((step, index) => {
    const left = { docker: linesOf(step), tsubo: linesOf(tsubo[index]) };
    for (const difference of differences.filter(({ line }) => line === step.line)) {
      if (isIn(difference, left)) unused.delete(difference);
    }
    if (left.docker.join('\n') === left.tsubo.join('\n')) return [];
    return [
      step.line,
      ...left.docker.map(line => `  docker: ${line}`),
      ...left.tsubo.map(line => `  tsubo:  ${line}`),
    ];
  });
  return [...texts, ...[...unused].map(({ line, reason }) => `${line}: no longer differs: ${reason}`)];
}

interface Lines {
  docker: string[];
  tsubo: string[];
}

function linesOf(printed: Printed | undefined): string[] {
  if (printed === undefined) return [];
  const { status, stdout, stderr } = printed;
  return [...stdout, ...stderr.map(line => `stderr: ${line}`), `status ${status}`];
}

/** Removes the lines of a difference. False if one of them is not there: then none is removed. */
function isIn({ docker = [], tsubo = [] }: Difference, left: Lines): boolean {
  const rest: Lines = { docker: [...left.docker], tsubo: [...left.tsubo] };
  for (const [side, patterns] of [
    ['docker', docker],
    ['tsubo', tsubo],
  ] as const) {
    for (const pattern of patterns) {
      const at = rest[side].findIndex(line =>
        typeof pattern === 'string' ? line === pattern : pattern.test(line),
      );
      if (at < 0) return false;
      rest[side].splice(at, 1);
    }
  }
  Object.assign(left, rest);
  return true;
}
