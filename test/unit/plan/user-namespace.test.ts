// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Linux, Mount } from '../../../src/oci/config.ts';
import { namespaceFlags } from '../../../src/oci/namespaces.ts';
import { allCapabilities, facts, operations, orderOf, planFor, stepsOf } from '../../helpers/plan.ts';

const { user, pid, mount, network } = namespaceFlags;
const mappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
const linux: Linux = {
  namespaces: [{ type: 'mount' }, { type: 'user' }, { type: 'pid' }, { type: 'network' }],
  uidMappings: mappings,
  gidMappings: mappings,
};
const joined: Linux = {
  namespaces: [{ type: 'user', path: '/ns/user' }, { type: 'network', path: '/ns/net' }, { type: 'mount' }],
};
const bound = (source: string, ...options: string[]): Mount => ({
  destination: '/x',
  source,
  options: ['bind', ...options],
});

describe('a new user namespace', () => {
  it('is created before the others, which its root creates after the host has mapped the ids', () => {
    const plan = planFor({ linux });
    expect(plan.spawn.cloneFlags).toBe(user | pid);
    expect(plan.container.slice(0, 3)).toMatchObject([
      { op: 'sync', point: 'mapIds' },
      { op: 'becomeRoot' },
      { op: 'unshare', flags: mount | network },
    ]);
    expect(plan.host.filter(({ op }) => op === 'mapIds')).toEqual([
      { op: 'mapIds', when: 'mapIds', uids: mappings, gids: mappings, origin: '/linux/namespaces/1' },
    ]);
  });

  it('receives its root and its sources from the host together, before the first mount', () => {
    const plan = planFor({ linux, mounts: [bound('/data'), bound('/more')] });
    const trees = plan.host.filter(step => step.op === 'cloneTree');
    expect(trees.map(({ path }) => path)).toEqual(['/bundle/rootfs', '/data', '/more']);
    const [root, first, second] = trees.map(({ slot }) => slot);
    expect(stepsOf(plan, 'sync')[1]).toMatchObject({ point: 'hostTrees', into: root, count: 3 });
    expect(stepsOf(plan, 'openRoot')[0]?.tree).toBe(root);
    expect(stepsOf(plan, 'bind').map(({ tree }) => tree)).toEqual([first, second]);
    expect(orderOf(plan, 'setPropagation', 'sync', 'openRoot', 'bind')).toEqual([
      'sync',
      'setPropagation',
      'sync',
      'openRoot',
      'bind',
    ]);
  });

  it('of a runtime without root requests its mapping, and clones all sources itself', () => {
    const process = { oomScoreAdj: 5 };
    const request = { linux, process, mounts: [bound('/data')], facts: { euid: 1000 } };
    const plan = planFor(request);
    expect(operations(plan).slice(0, 3)).toEqual(['showToUser', 'sync', 'becomeRoot']);
    expect(stepsOf(plan, 'sync')).toHaveLength(1);
    expect([stepsOf(plan, 'openRoot')[0]?.tree, stepsOf(plan, 'bind')[0]?.tree]).toEqual([0, 0]);
    expect(plan.host.find(({ op }) => op === 'setOomScoreAdj')?.when).toBe('before');
    expect(() => planFor({ ...request, mounts: [bound('/data', 'idmap')] })).toThrow(
      expect.objectContaining({ code: 'config.unsupported', pointer: '/mounts/0' }),
    );
  });

  it('binds sources in its root itself', () => {
    const plan = planFor({ linux, mounts: [bound('/bundle/rootfs/data'), bound('rootfs')] });
    expect(stepsOf(plan, 'bind')).toMatchObject([
      { source: '/data', inRoot: 1, tree: 0 },
      { source: '/', inRoot: 1, tree: 0 },
    ]);
  });

  it('binds the device nodes of the host, and makes FIFOs', () => {
    const plan = planFor({
      linux: {
        ...linux,
        devices: [
          { type: 'c', path: '/dev/null', major: 1, minor: 3, fileMode: 0o600, uid: 5 },
          { type: 'p', path: '/dev/queue' },
        ],
      },
    });
    expect(stepsOf(plan, 'makeDevice').map(({ path }) => path)).toEqual(['/dev/queue']);
    expect(stepsOf(plan, 'bindDevice')).toHaveLength(6);
    expect(stepsOf(plan, 'bindDevice').at(-1)).toEqual({
      op: 'bindDevice',
      origin: '/linux/devices/0',
      path: '/dev/null',
      mode: 0o020000,
      major: 1,
      minor: 3,
    });
  });

  it('has all capabilities, whatever the runtime has', () => {
    const few = { ...facts, capabilities: { bounding: 1n, permitted: 1n, last: 40 } };
    const capabilities = { permitted: ['CAP_SYS_ADMIN'], bounding: ['CAP_SYS_ADMIN'] };
    const plan = planFor({ linux, process: { capabilities }, facts: few });
    expect(plan.warnings).toEqual([]);
    expect(stepsOf(plan, 'limitBoundingSet')[0]?.keep).toBe((1n << 21n) & allCapabilities);
  });

  it('is limited by the host, which may raise limits', () => {
    const rlimits = [{ type: 'RLIMIT_CORE', soft: 1, hard: 2 }];
    const plan = planFor({ linux, process: { rlimits } });
    expect(stepsOf(plan, 'setRlimit')).toEqual([]);
    expect(stepsOf(plan, 'sync').at(-1)).toMatchObject({ point: 'limits' });
    expect(plan.host.filter(({ op }) => op === 'limitInit')).toEqual([
      { op: 'limitInit', when: 'limits', resource: 4, soft: 1n, hard: 2n, origin: '/process/rlimits/0' },
    ]);
    const own = planFor({ linux, process: { rlimits }, facts: { euid: 1000 } });
    expect(stepsOf(own, 'setRlimit')).toHaveLength(1);
  });

  it('clones the root itself if it is moved instead of pivoted', () => {
    const plan = planFor({ linux, mounts: [bound('/data')], options: { noPivot: true } });
    expect(plan.host.filter(step => step.op === 'cloneTree').map(({ path }) => path)).toEqual(['/data']);
    expect(stepsOf(plan, 'openRoot')[0]?.tree).toBe(0);
    expect(operations(plan)).toContain('moveRoot');
  });
});

describe('a joined user namespace', () => {
  it('is joined at the clone, after the others, which may belong to the host', () => {
    const plan = planFor({ linux: joined });
    expect(plan.spawn.cloneFlags).toBe(0);
    const opened = plan.host.filter(step => step.op === 'openNamespace');
    expect(opened.map(({ path, slot }) => [path, slot])).toEqual([
      ['/ns/net', 0],
      ['/ns/user', 0],
    ]);
    expect(operations(plan).slice(0, 2)).toEqual(['becomeRoot', 'unshare']);
    expect(stepsOf(plan, 'unshare')[0]?.flags).toBe(mount);
  });

  it('must have the mappings of the config', () => {
    const plan = planFor({ linux: { ...joined, uidMappings: mappings } });
    expect(plan.host.find(step => step.op === 'openNamespace' && step.kind === user)).toMatchObject({
      mappings: { uids: mappings, gids: [] },
    });
  });

  it('may be joined with a mount namespace, but not with a new one', () => {
    const other = { type: 'mount', path: '/ns/mnt' } as const;
    const plan = planFor({ linux: { namespaces: [{ type: 'user', path: '/ns/user' }, other] } });
    expect(plan.host.filter(step => step.op === 'openNamespace').map(({ path }) => path)).toEqual([
      '/ns/mnt',
      '/ns/user',
    ]);
    const alone = { ...linux, namespaces: [{ type: 'user' }, other] } as const;
    expect(() => planFor({ linux: alone })).toThrowError(
      expect.objectContaining({ code: 'config.unsupported', pointer: '/linux/namespaces/1/path' }),
    );
  });
});

describe('many mounts of the host', () => {
  it('are received in parts, each right before its first mount', () => {
    const count = 450;
    const mounts = Array.from({ length: count }, (_, i) => bound(`/m${i}`));
    const plan = planFor({ linux, mounts });
    const waits = stepsOf(plan, 'sync').filter(step => step.point === 'hostTrees');
    const first = Number(stepsOf(plan, 'openRoot')[0]?.tree);
    // One of the trees is the root.
    expect(waits.map(({ into, count }) => [into, count])).toEqual([
      [first, 200],
      [first + 200, 200],
      [first + 400, count + 1 - 400],
    ]);
    const { container } = plan;
    for (const wait of waits.slice(1)) {
      const next = container[container.indexOf(wait) + 1];
      expect(next).toMatchObject({ op: 'bind', tree: wait.into });
    }
    expect(new Set(stepsOf(plan, 'bind').map(({ tree }) => tree)).size).toBe(count);
    expect(plan.host.filter(step => step.op === 'cloneTree').map(({ slot }) => slot)).toEqual(
      Array.from({ length: count + 1 }, (_, i) => first + i),
    );
  });

  it('may be as many as a mount namespace can hold', () => {
    const mounts = Array.from({ length: 5000 }, (_, i) => bound(`/m${i}`));
    expect(stepsOf(planFor({ linux, mounts }), 'bind')).toHaveLength(5000);
  });
});

describe('an id-mapped mount', () => {
  const own = { uidMappings: mappings, gidMappings: mappings };

  it('is cloned at its place and mapped by the host without a user namespace', () => {
    const plan = planFor({ mounts: [bound('/more'), { ...bound('/data'), ...own }] });
    expect(plan.host.filter(step => step.op === 'cloneTree')).toEqual([]);
    const idmap = { uids: mappings, gids: mappings, recursive: false };
    expect(plan.host.find(step => step.op === 'mapTree')).toMatchObject({ idmap, origin: '/mounts/1' });
    const ops = plan.container.filter(step => step.origin.startsWith('/mounts'));
    expect(ops.map(({ op }) => op)).toEqual(['bind', 'cloneTree', 'sync', 'bind']);
    expect(stepsOf(plan, 'sync')[0]).toMatchObject({ point: 'mapTree', count: 1 });
    const slots = [stepsOf(plan, 'cloneTree')[0]?.slot, stepsOf(plan, 'sync')[0]?.into];
    expect(slots).toEqual([stepsOf(plan, 'bind')[1]?.tree, stepsOf(plan, 'bind')[1]?.tree]);
    expect(stepsOf(plan, 'openRoot')[0]?.tree).toBe(0);
  });

  it('is also cloned at its place in a user namespace if its source is in the root', () => {
    const plan = planFor({
      linux,
      mounts: [{ ...bound('/data', 'idmap'), source: 'rootfs/more' }, bound('/more')],
    });
    expect(stepsOf(plan, 'cloneTree')).toMatchObject([{ source: '/more', inRoot: 1, origin: '/mounts/0' }]);
    const handed = plan.host.filter(step => step.op === 'cloneTree').map(({ origin }) => origin);
    expect(handed).toEqual(['/root/path', '/mounts/1']);
  });

  it('has the mappings of the container by default', () => {
    const plan = planFor({
      linux,
      mounts: [bound('/data', 'ridmap'), { ...bound('/more', 'idmap'), ...own }],
    });
    const trees = plan.host.filter(step => step.op === 'cloneTree').slice(1);
    expect(trees.map(({ idmap }) => idmap)).toEqual([
      { recursive: true },
      { uids: mappings, gids: mappings, recursive: false },
    ]);
  });
});
