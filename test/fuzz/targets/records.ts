// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseContainer } from '../../../src/direct/container.ts';
import { readExit } from '../../../src/direct/exit-status.ts';
import { readVolume } from '../../../src/direct/volumes.ts';
import { parseRecord, recordText, validMembers } from '../../../src/lifecycle/check-record.ts';
import { checkExecData, explainStartFailure } from '../../../src/lifecycle/exec-data.ts';
import type { ContainerRecord } from '../../../src/lifecycle/record.ts';
import { storedResources } from '../../../src/lifecycle/stored-resources.ts';
import { parseDefinition } from '../../../src/network/definition.ts';
import { diskBinding } from '../../helpers/disk-binding.ts';
import type { Random } from '../../helpers/random.ts';
import { mutateJson, mutateText } from '../mutate.ts';
import { attempt, type Target, Violation } from '../target.ts';
import { temporaryDirectory } from '../temporary.ts';

const root = temporaryDirectory();
const directory = join(root, 'jar');
mkdirSync(directory);
mkdirSync(join(root, 'volumes/site/_data'), { recursive: true });
const runtime = { binding: diskBinding(), root, log: { warning: () => {}, debug: () => {} } } as never;
const store = { binding: diskBinding(), directory: root };

function damaged(random: Random, documents: readonly unknown[]): string {
  const document = random.pick(documents);
  if (random.once(30)) return mutateText(random, '');
  const text = JSON.stringify(random.once(5) ? document : mutateJson(random, document));
  return random.once(4) ? mutateText(random, text) : text;
}

const init = { pid: 4000, startTime: 123_456 };
const record: ContainerRecord = {
  version: 2,
  id: 'jar',
  bundle: '/bundle',
  rootfs: '/bundle/rootfs',
  created: '2026-01-01T00:00:00.000000000Z',
  sharedPidNamespace: false,
  cgroup: { root: '/sys/fs/cgroup', path: '/sys/fs/cgroup/jar', made: ['/sys/fs/cgroup/jar'] },
  init,
} as ContainerRecord;
const records = [
  record,
  {
    ...record,
    annotations: { a: 'b' },
    hooks: { poststart: [{ path: '/bin/true' }], poststop: [{ path: '/x', args: ['x'], timeout: 5 }] },
    upper: { path: '/u', work: '/w', id: '1:2', workId: '1:3', bootId: 'x' },
    network: {
      attachments: [{ name: 'default', bridge: 'b0', interface: 'eth0', addresses: ['10.0.0.2'] }],
      ports: ['0.0.0.0:80:80/tcp'],
      keeper: init,
    },
  },
  {
    ...record,
    rdt: { root: '/r', path: '/r/a', made: true, named: false },
    startHooks: true,
    mountsBelow: 1,
  },
].map(made => JSON.parse(recordText(made as ContainerRecord)) as unknown);

/** state.json: an accepted record has the types that its readers rely on, and absolute paths without `..`. */
export const recordTarget: Target = {
  name: 'state.json',
  corpus: records.map(made => JSON.stringify(made)),
  generate: random => damaged(random, records),
  execute(input) {
    const found = parseRecord(input as string, 'jar');
    const valid = validMembers(input as string, 'jar');
    const accepted = 'message' in found ? valid : found;
    for (const path of [accepted.bundle, accepted.rootfs, accepted.cgroup?.path, accepted.upper?.path]) {
      if (path !== undefined && (!path.startsWith('/') || path.includes('/../')))
        throw new Violation('an unsafe path is accepted', path);
    }
    for (const { pid } of [accepted.init, accepted.network?.keeper].filter(
      process => process !== undefined,
    )) {
      if (!Number.isInteger(pid) || pid < 1) throw new Violation('an invalid pid is accepted', String(pid));
    }
    for (const hook of [...(accepted.hooks?.poststop ?? []), ...(accepted.hooks?.poststart ?? [])]) {
      if (typeof hook.path !== 'string') throw new Violation('a hook without a path is accepted');
    }
    if (!('message' in found)) {
      if (found.id !== 'jar') throw new Violation('the record of another container is accepted');
      if ('message' in parseRecord(recordText(found), 'jar'))
        throw new Violation('an accepted record is refused when it is written again', input as string);
    }
    return !('message' in found);
  },
};

const execData = [
  {
    version: 2,
    inherited: {
      process: {
        user: { uid: 0, gid: 0 },
        env: ['A=b'],
        cwd: '/',
        args: ['sh'],
        capabilities: { bounding: [] },
      },
      linux: { seccomp: { flags: 0, words: [6, 0, 0, 0x7fff0000] } },
    },
    afterReady: { first: 3, steps: [{ op: 'execute', args: ['sh'], env: [], origin: '/process/args' }] },
  },
];

/** exec.json and resources.json, and config.json of a state directory. */
export const execDataTarget: Target = {
  name: 'exec.json',
  corpus: execData.map(made => JSON.stringify(made)),
  generate: random =>
    damaged(random, [...execData, { memory: { limit: 5 }, pids: { limit: 5 }, devices: [{ allow: true }] }]),
  execute(input) {
    writeFileSync(join(directory, 'exec.json'), input as string);
    writeFileSync(join(directory, 'resources.json'), input as string);
    const checked = attempt(() => checkExecData(runtime, 'jar') ?? true) !== undefined;
    for (const step of [3, 4, 0xffffffff]) {
      const report = { kind: 'failed', step, syscall: 'execve', errno: 2, detail: '/x' } as const;
      attempt(() => explainStartFailure(runtime, 'jar', report));
    }
    return attempt(() => storedResources(runtime, directory)) !== undefined || checked;
  },
};

const exits = [
  {
    pid: 5,
    status: 137,
    signal: 9,
    oomKilled: true,
    finishedAt: '2026-01-01T00:00:00Z',
    log: { lostBytes: 5, errno: 28 },
  },
];

export const exitTarget: Target = {
  name: 'exit.json',
  corpus: exits.map(made => JSON.stringify(made)),
  generate: random => damaged(random, exits),
  execute(input) {
    writeFileSync(join(directory, 'exit.json'), input as string);
    const exit = attempt(() => readExit(diskBinding(), directory));
    if (exit === undefined) return false;
    const { status, signal = 0, log } = exit;
    if (status < 0 || status > 255)
      throw new Violation('an exit status out of range is accepted', String(status));
    if (!Number.isInteger(signal)) throw new Violation('an invalid signal is accepted', String(signal));
    if (log !== undefined && !Number.isInteger(log?.lostBytes))
      throw new Violation('an invalid number of lost bytes is accepted', JSON.stringify(log));
    return true;
  },
};

const id = 'a'.repeat(64);
const containers = [
  {
    ...{ version: 1, id, name: 'web', image: 'busybox', imageId: `sha256:${id}`, layers: [id] },
    ...{ created: '2026-01-01T00:00:00Z', command: ['sh'], entrypoint: [], hostname: 'h', user: '' },
    ...{
      labels: { a: 'b' },
      networks: [],
      ports: [],
      exposed: ['80/tcp'],
      terminal: false,
      openStdin: false,
    },
    mounts: [{ type: 'volume', source: '/v', name: 'site', destination: '/d', readOnly: false, options: [] }],
    ...{ remove: false, stopSignal: 15, stopTimeout: 10, privileged: false, readOnly: false },
  },
];

export const containerTarget: Target = {
  name: 'container.json',
  corpus: containers.map(made => JSON.stringify(made)),
  generate: random => damaged(random, containers),
  execute(input) {
    const container = parseContainer(input as string, id);
    if (typeof container === 'string' || 'newer' in container) return false;
    for (const { source, name, type } of container.mounts) {
      if (source !== undefined && typeof source !== 'string')
        throw new Violation('an invalid source is accepted');
      if (name !== undefined && typeof name !== 'string') throw new Violation('an invalid name is accepted');
      if (type !== 'tmpfs' && source === undefined)
        throw new Violation(`a ${type} without a source is accepted`);
    }
    if (container.stopSignal < 0 || container.stopSignal > 64)
      throw new Violation('a signal out of range is accepted', String(container.stopSignal));
    if (container.layers.some(layer => layer.includes('/') || layer === '..' || layer === ''))
      throw new Violation('an invalid layer is accepted', container.layers.join());
    return true;
  },
};

const networks = [
  {
    version: 1,
    name: 'default',
    bridge: 'tsubo0',
    mtu: 1500,
    internal: false,
    isolated: true,
    ipv4: { subnet: '10.63.0.0/16', gateway: '10.63.0.1' },
    ipv6: { subnet: 'fd00::/64', gateway: 'fd00::1' },
  },
];
const volumes = [{ name: 'site', created: '2026-01-01T00:00:00Z', labels: { a: 'b' }, anonymous: false }];

/** Definitions of networks and volumes. */
export const definitionTarget: Target = {
  name: 'definitions',
  corpus: [...networks, ...volumes].map(made => JSON.stringify(made)),
  generate: random => damaged(random, [...networks, ...volumes]),
  execute(input) {
    const network = parseDefinition(input as string, 'default');
    writeFileSync(join(root, 'volumes/site/volume.json'), input as string);
    const volume = readVolume(store as never, 'site');
    if (volume === undefined) throw new Violation('a volume with a damaged record does not exist');
    if (Array.isArray(volume.labels) || Object.values(volume.labels).some(value => typeof value !== 'string'))
      throw new Violation('invalid labels are accepted', JSON.stringify(volume.labels));
    return typeof network !== 'string';
  },
};
