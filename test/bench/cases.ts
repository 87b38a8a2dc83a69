// SPDX-License-Identifier: Apache-2.0
// The measured cases, in the order of the tables.

export interface Case {
  readonly name: CaseName;
  /** A line below the title of its table or plot. */
  readonly what: string;
}

export const caseNames = [
  'run',
  'run-seccomp',
  'run-seccomp-cold',
  'run-union',
  'run-union-volatile',
  'run-network',
  'run-network-union',
  'run-ports',
  'run-crowded',
  'network-up',
  'network-down',
  'create',
  'start',
  'exec',
  'state',
  'kill',
  'delete',
  'delete-network',
  'list',
  'init',
] as const;

export type CaseName = (typeof caseNames)[number];

/** Cases of images and their containers beside engines (images.ts). They are measured only if they are named. */
export const imageCases = ['pull', 'container-run', 'build', 'container-memory'] as const;

export type ImageCase = (typeof imageCases)[number];

export const cases: readonly Case[] = [
  { name: 'run', what: 'the default bundle, /bin/true, from nothing to nothing' },
  { name: 'run-seccomp', what: 'the same with a seccomp profile of the size that engines send, warm' },
  { name: 'run-seccomp-cold', what: 'the same under a new --root, which has no cached filter' },
  {
    name: 'run-union',
    what: 'the default bundle with a root of 10 layers and an upper one on disk, synced at the end',
  },
  { name: 'run-union-volatile', what: 'the same with the option volatile: nothing is synced' },
  { name: 'run-network', what: 'the default bundle in a network, with an address and a published port' },
  { name: 'run-network-union', what: 'the same with the volatile root of 10 layers' },
  { name: 'run-ports', what: 'the same as run-network with 20 published ports' },
  { name: 'run-crowded', what: 'the same as run-network with 200 other containers on the bridge' },
  {
    name: 'network-up',
    what: 'the network of one container with one port, by the programs of engines; tsubo needs run-network minus run',
  },
  { name: 'network-down', what: 'its removal' },
  { name: 'create', what: 'the default bundle, with --pid-file' },
  { name: 'start', what: 'a created container' },
  { name: 'exec', what: '/bin/true in a running container, to its end' },
  { name: 'state', what: 'a created container' },
  { name: 'kill', what: 'KILL to a running container' },
  { name: 'delete', what: 'a stopped container whose init has been reaped' },
  { name: 'delete-network', what: 'the same container in a network, with a published port' },
  { name: 'list', what: 'stopped containers, as many as stated above' },
  { name: 'init', what: 'memory of the init between create and start' },
];

/** Cases that are one command each, which makes a container and removes it. */
export const runs = [
  'run',
  'run-seccomp',
  'run-seccomp-cold',
  'run-union',
  'run-union-volatile',
  'run-network',
  'run-network-union',
  'run-ports',
] as const satisfies readonly CaseName[];

/** Cases of the programs that make the network of a container for an engine. */
export const networkCases: readonly CaseName[] = ['network-up', 'network-down'];

/** Cases that are steps of the life of one container, and are therefore measured together. */
export const life: readonly CaseName[] = ['create', 'state', 'start', 'exec', 'kill', 'delete', 'init'];
