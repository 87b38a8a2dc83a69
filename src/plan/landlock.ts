// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { RuntimeError } from '../errors/error.ts';
import type { HostFacts } from '../host/facts.ts';
import { LANDLOCK_ACCESS_FS, LANDLOCK_ACCESS_NET, LANDLOCK_SCOPE } from '../kernel/landlock.ts';
import { type ObjectShape, strings, uint16 } from '../oci/shape.ts';
import type { Step } from '../wire/steps.ts';
import type { Facility } from './facility.ts';
import { flagNames } from './flag-names.ts';

/** The annotation with the rules, as JSON. */
export const landlockAnnotation = 'tsubo.landlock.v1';

/** Rules for every process of the container: a handled right is refused unless a rule allows it. */
export interface Landlock {
  readonly ruleset: {
    readonly handledAccessFS?: readonly string[];
    readonly handledAccessNetwork?: readonly string[];
    readonly scoped?: readonly string[];
  };
  readonly rules?: {
    readonly pathBeneath?: readonly PathRule[];
    readonly networkPort?: readonly PortRule[];
  };
}

interface PathRule {
  readonly allowedAccess: readonly string[];
  /** Paths in the container. */
  readonly paths: readonly string[];
}

interface PortRule {
  readonly allowedAccess: readonly string[];
  readonly ports: readonly number[];
}

/** Returns the kernel's names without their prefix and in lower case: `read_file`. */
function wordsOf(table: Readonly<Record<string, number>>): Map<string, number> {
  return new Map(
    Object.entries(table).map(([name, bit]) => [
      name.replace(/^LANDLOCK_(?:ACCESS_FS|ACCESS_NET|SCOPE)_/, '').toLowerCase(),
      bit,
    ]),
  );
}

const tables = { fs: LANDLOCK_ACCESS_FS, network: LANDLOCK_ACCESS_NET, scope: LANDLOCK_SCOPE } as const;

export type LandlockKind = keyof typeof tables;

/** Returns the words of one kind, for messages. */
export function landlockWords(kind: LandlockKind): string[] {
  return [...wordsOf(tables[kind]).keys()];
}

/** The annotation's document. */
export const landlockShape: ObjectShape = {
  kind: 'object',
  properties: {
    ruleset: {
      kind: 'object',
      properties: { handledAccessFS: strings, handledAccessNetwork: strings, scoped: strings },
    },
    rules: {
      kind: 'object',
      properties: {
        pathBeneath: {
          kind: 'list',
          of: {
            kind: 'object',
            properties: { allowedAccess: strings, paths: strings },
            required: ['allowedAccess', 'paths'],
          },
        },
        networkPort: {
          kind: 'list',
          of: {
            kind: 'object',
            properties: { allowedAccess: strings, ports: { kind: 'list', of: uint16 } },
            required: ['allowedAccess', 'ports'],
          },
        },
      },
    },
  },
  required: ['ruleset'],
};

/** Returns the rules of a config whose annotation has been checked. */
export function landlockOf(annotations: Readonly<Record<string, string>> | undefined): Landlock | undefined {
  const text = annotations?.[landlockAnnotation];
  return text === undefined ? undefined : (JSON.parse(text) as Landlock);
}

/** The first kernel with a right. The kernel has the others since Linux 5.13. */
const since: Readonly<Record<string, readonly [major: number, minor: number]>> = {
  refer: [5, 19],
  truncate: [6, 2],
  bind_tcp: [6, 7],
  connect_tcp: [6, 7],
  ioctl_dev: [6, 10],
  abstract_unix_socket: [6, 12],
  signal: [6, 12],
};

/**
 * Returns the step that restricts the process and everything that it starts. It comes after the last file that the init
 * opens, and before a seccomp filter, which may refuse its calls. Without no_new_privs it needs CAP_SYS_ADMIN, which
 * the change of user takes away.
 *
 * @throws RuntimeError `host.unsupported` if the kernel lacks a right, because no rule may be omitted
 */
export function landlockSteps(landlock: Landlock | undefined, { kernel }: HostFacts): Step[] {
  if (landlock === undefined) return [];
  const origin = `/annotations/${landlockAnnotation}`;
  const { ruleset, rules = {} } = landlock;
  const { handledAccessFS = [], handledAccessNetwork = [], scoped = [] } = ruleset;
  for (const word of [...handledAccessFS, ...handledAccessNetwork, ...scoped]) {
    const [major, minor] = since[word] ?? [5, 13];
    if (kernel.major > major || (kernel.major === major && kernel.minor >= minor)) continue;
    throw new RuntimeError({
      code: 'host.unsupported',
      pointer: origin,
      value: word,
      message: `Landlock's ${word} needs Linux ${major}.${minor}, and this is ${kernel.release}`,
      hint: 'remove it from the rules',
    });
  }
  const paths: string[] = [];
  const pathAccesses: number[] = [];
  for (const { allowedAccess, paths: of } of rules.pathBeneath ?? []) {
    for (const path of of) {
      paths.push(path);
      pathAccesses.push(bitsOf('fs', allowedAccess));
    }
  }
  const ports: number[] = [];
  const portAccesses: number[] = [];
  for (const { allowedAccess, ports: of } of rules.networkPort ?? []) {
    for (const port of of) {
      ports.push(port);
      portAccesses.push(bitsOf('network', allowedAccess));
    }
  }
  return [
    {
      op: 'restrictAccess',
      origin,
      files: bitsOf('fs', handledAccessFS),
      network: bitsOf('network', handledAccessNetwork),
      scoped: bitsOf('scope', scoped),
      paths,
      pathAccesses,
      ports,
      portAccesses,
    },
  ];
}

function bitsOf(kind: LandlockKind, words: readonly string[]): number {
  const table = wordsOf(tables[kind]);
  return words.reduce((bits, word) => bits | (table.get(word) ?? 0), 0);
}

const steps = {
  /**
   * Restricts the process with Landlock: `files`, `network` and `scoped` are handled. For each path in the root and each
   * port, the rights in the list of the same length are allowed. Rights to directories are ignored on other
   * files.
   */
  restrictAccess: {
    files: 'number',
    network: 'number',
    scoped: 'number',
    paths: 'texts',
    pathAccesses: 'numbers',
    ports: 'numbers',
    portAccesses: 'numbers',
  },
} as const;

const rights = (values: readonly (number | bigint)[]) =>
  values.map(value => flagNames(value, LANDLOCK_ACCESS_FS));

/** Landlock. */
export const landlockFacility: Facility<typeof steps> = {
  steps,
  explain: {
    restrictAccess: (_, { called }) => ({
      code: 'container.landlock',
      message: `unable to restrict access with Landlock: ${called}`,
    }),
  },
  hints: () => ({
    restrictAccess: {
      [errno.ENOSYS]: 'this kernel has no Landlock: remove the annotation',
      [errno.EOPNOTSUPP]:
        'Landlock is disabled on this machine: add landlock to the kernel parameter lsm, or remove the annotation',
      [errno.ENOENT]: 'the paths of the rules must exist in the container',
      [errno.EPERM]: 'set process.noNewPrivileges, or run the container with CAP_SYS_ADMIN',
      [errno.E2BIG]: 'too many rules, or too many nested restrictions',
    },
  }),
  lists: {
    restrictAccess: {
      pathAccesses: rights,
      portAccesses: values => values.map(value => flagNames(value, LANDLOCK_ACCESS_NET)),
    },
  },
  fields: {
    restrictAccess: {
      files: value => flagNames(value, LANDLOCK_ACCESS_FS),
      network: value => flagNames(value, LANDLOCK_ACCESS_NET),
      scoped: value => flagNames(value, LANDLOCK_SCOPE),
    },
  },
};
