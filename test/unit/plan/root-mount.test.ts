// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Mount } from '../../../src/oci/config.ts';
import { explainFailure } from '../../../src/plan/explain.ts';
import { operations, type PlanRequest, planFor, stepsOf } from '../../helpers/plan.ts';

const root = (...options: string[]): Mount => ({ destination: '/', type: 'overlay', options });
const plan = (options: readonly string[], request: PlanRequest = {}) =>
  planFor({ mounts: [root(...options), { destination: '/proc', type: 'proc' }], ...request });
const step = (options: readonly string[], request?: PlanRequest) => {
  const [found] = stepsOf(plan(options, request), 'mountRoot');
  if (found === undefined) throw new Error('the plan has no mountRoot');
  return found;
};
const refused = (options: readonly string[]): unknown => {
  try {
    plan(options);
  } catch (error) {
    const { code, pointer } = error as { readonly code: string; readonly pointer?: string };
    return { code, pointer };
  }
  return undefined;
};

describe('a root mount', () => {
  it('takes the place of the step that opens the root, and is not a mount in it', () => {
    const usual = operations(planFor({ mounts: [{ destination: '/proc', type: 'proc' }] }));
    expect(operations(plan(['lowerdir=/a:/b']))).toEqual(
      usual.map(op => (op === 'openRoot' ? 'mountRoot' : op)),
    );
  });

  it.each([
    ['lowerdir=/a:/b', ['lowerdir+=/a', 'lowerdir+=/b']],
    ['lowerdir=/a\\:b:/c', ['lowerdir+=/a:b', 'lowerdir+=/c']],
    ['lowerdir=/a\\\\:/b\\,c', ['lowerdir+=/a\\', 'lowerdir+=/b,c']],
    ['lowerdir=/a:/b::/c::/d', ['lowerdir+=/a', 'lowerdir+=/b', 'datadir+=/c', 'datadir+=/d']],
    ['lowerdir=a:../b', ['lowerdir+=/bundle/a', 'lowerdir+=/bundle/../b']],
    ['lowerdir+=/a:b,lowerdir+=/c\\,d', ['lowerdir+=/a:b', 'lowerdir+=/c,d']],
  ])('splits %j into layers', (option, options) => {
    expect(step([option])).toMatchObject({ options, places: options.map(() => 0) });
  });

  it('passes other options on in their order, with the places that requested them', () => {
    const options = ['nodev', 'lowerdir=/a', 'upperdir=/u', 'metacopy=on', 'workdir=/w', 'volatile', 'sync'];
    expect(step(options)).toMatchObject({
      options: ['lowerdir+=/a', 'upperdir=/u', 'metacopy=on', 'workdir=/w', 'volatile', 'sync'],
      places: [1, 2, 3, 4, 5, 6],
      lower: '',
      oneCall: 0,
    });
  });

  it('has the label of the container unless an option sets one', () => {
    const linux = { namespaces: [{ type: 'mount' as const }], mountLabel: 'a:b:c:s0' };
    expect(step(['lowerdir=/a:/b'], { linux })).toMatchObject({
      options: ['lowerdir+=/a', 'lowerdir+=/b', 'context=a:b:c:s0'],
      places: [0, 0, '/linux/mountLabel'],
    });
    expect(step(['lowerdir=/a:/b', 'context=x'], { linux }).options).not.toContain('context=a:b:c:s0');
  });

  it('becomes read-only at the end, because mount points are made in it before', () => {
    expect(step(['ro', 'lowerdir=/a:/b']).options).not.toContain('ro');
    expect(step(['ro', 'lowerdir=/a:/b']).attributes).toBe(0);
    expect(stepsOf(plan(['lowerdir=/a:/b', 'ro']), 'sealRoot')).toEqual([
      { op: 'sealRoot', origin: '/mounts/0/options/1' },
    ]);
    expect(stepsOf(plan(['ro', 'rw', 'lowerdir=/a:/b']), 'sealRoot')).toEqual([]);
  });

  it('of one layer is that layer, and warns of options that then have no meaning', () => {
    const made = plan(['lowerdir=/a', 'metacopy=on', 'workdir=/w']);
    expect(stepsOf(made, 'mountRoot')).toMatchObject([{ lower: '/a', options: [], places: [0] }]);
    expect(made.warnings.map(({ pointer }) => pointer)).toEqual([
      '/mounts/0/options/1',
      '/mounts/0/options/2',
    ]);
    expect(step(['lowerdir=/a', 'upperdir=/u', 'workdir=/w']).lower).toBe('');
  });

  it('leaves out a workdir without upperdir, with a warning', () => {
    const made = plan(['lowerdir=/a:/b', 'workdir=/w']);
    expect(stepsOf(made, 'mountRoot')[0]?.options).toEqual(['lowerdir+=/a', 'lowerdir+=/b']);
    expect(made.warnings.map(({ pointer }) => pointer)).toEqual(['/mounts/0/options/1']);
  });

  it.each([
    [6, 7, 1],
    [6, 8, 0],
    [7, 0, 0],
    [5, 10, 1],
  ])('is made by one call on Linux %i.%i: %i', (major, minor, oneCall) => {
    const kernel = { release: `${major}.${minor}.0`, major, minor };
    expect(step(['lowerdir=/a:/b'], { facts: { kernel } }).oneCall).toBe(oneCall);
  });

  it.each([
    ['no layer', ['xino=on'], '/mounts/0'],
    ['an empty layer', ['lowerdir=/a:'], '/mounts/0/options/0'],
    ['an empty upper layer', ['lowerdir=/a', 'upperdir=', 'workdir=/w'], '/mounts/0/options/1'],
    ['an upper layer without workdir', ['lowerdir=/a', 'upperdir=/u'], '/mounts/0/options/1'],
    ['two upper layers', ['lowerdir=/a', 'upperdir=/u', 'workdir=/w', 'upperdir=/v'], '/mounts/0/options/3'],
    [
      'two work directories',
      ['lowerdir=/a', 'upperdir=/u', 'workdir=/w', 'workdir=/v'],
      '/mounts/0/options/3',
    ],
    ['a propagation', ['lowerdir=/a:/b', 'rshared'], '/mounts/0/options/1'],
    ['a recursive word', ['rro', 'lowerdir=/a:/b'], '/mounts/0/options/0'],
    ['id mappings', ['idmap', 'lowerdir=/a:/b'], '/mounts/0/options/0'],
    ['501 layers', Array.from({ length: 501 }, (_, i) => `lowerdir+=/${i}`), '/mounts/0/options/500'],
  ])('with %s is refused', (_, options, pointer) => {
    expect(refused(options)).toEqual({ code: 'config.mount.layers', pointer });
  });

  it('is made by the host in a user namespace, with the owners of the container in its lower layers', () => {
    const linux = {
      namespaces: [{ type: 'mount' as const }, { type: 'user' as const }],
      uidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
      gidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
    };
    const over = plan(['lowerdir=/a', 'upperdir=/u', 'workdir=/w'], { linux });
    const [made] = over.host.filter(({ op }) => op === 'makeUnion');
    expect(made).toMatchObject({
      options: ['lowerdir+=/a', 'upperdir=/u', 'workdir=/w'],
      idmap: { recursive: false },
      origin: '/mounts/0',
    });
    const slot = made?.op === 'makeUnion' ? made.slot : 0;
    // The init may not enter the directory of root.path.
    expect(stepsOf(over, 'mountRoot')).toMatchObject([{ path: '/', tree: slot }]);
    const one = plan(['lowerdir=/a'], { linux });
    expect(one.host.filter(({ op }) => op === 'cloneTree')).toMatchObject([
      { path: '/a', recursive: false, idmap: { recursive: false }, origin: '/mounts/0' },
    ]);
    expect(one.warnings).toEqual([]);
    const user = { ...linux, facts: undefined };
    const rootless = plan(['lowerdir=/a:/b'], { linux: user, facts: { euid: 1000 } });
    expect(rootless.host.filter(({ op }) => op === 'makeUnion')).toEqual([]);
    expect(stepsOf(rootless, 'mountRoot')).toMatchObject([{ path: '/bundle/rootfs', tree: 0 }]);
  });

  it('of layers needs Linux 6.15 in a user namespace, and one layer does not', () => {
    const linux = { namespaces: [{ type: 'mount' as const }, { type: 'user' as const }] };
    const kernel = { release: '6.14.1', major: 6, minor: 14 };
    expect(() => plan(['lowerdir=/a:/b'], { linux, facts: { kernel } })).toThrowError(
      expect.objectContaining({ code: 'host.unsupported', pointer: '/mounts/0' }),
    );
    expect(step(['lowerdir=/a'], { linux, facts: { kernel } }).lower).toBe('/a');
    expect(step(['lowerdir=/a:/b'], { linux, facts: { kernel: { ...kernel, minor: 15 } } }).tree).not.toBe(0);
  });

  it('claims the directories that it writes into, before anything is made', () => {
    const record = (options: readonly string[]) =>
      plan(options).host.find(({ op }) => op === 'saveRecord') as { readonly upper?: unknown };
    expect(record(['lowerdir=/a', 'workdir=w', 'upperdir=u\\:1']).upper).toEqual({
      path: '/bundle/u:1',
      work: '/bundle/w',
      volatile: false,
      origin: '/mounts/0/options/2',
    });
    for (const word of ['volatile', 'fsync=volatile']) {
      expect(record([word, 'lowerdir=/a', 'upperdir=/u', 'workdir=/w']).upper).toMatchObject({
        volatile: true,
      });
    }
    expect(record(['lowerdir=/a:/b', 'volatile'])).not.toHaveProperty('upper');
  });

  it('is not every overlay, and not any mount on the root', () => {
    const later = { destination: '/data', type: 'overlay', options: ['lowerdir=/a:/b'] };
    expect(operations(planFor({ mounts: [later] }))).toContain('openRoot');
    for (const first of [{ ...root('lowerdir=/a'), type: 'tmpfs' }, root('bind', 'lowerdir=/a')]) {
      expect(() => planFor({ mounts: [first] })).toThrowError(
        expect.objectContaining({ pointer: expect.stringMatching(/^\/mounts\/0\//) }),
      );
    }
  });

  it('has failures with the place of the layer, and of root.path', () => {
    const made = plan(['lowerdir=/a:/b', 'upperdir=/u', 'workdir=/w']);
    const at = made.container.findIndex(({ op }) => op === 'mountRoot');
    const report = { kind: 'failed', step: at, syscall: 'fsconfig', errno: 2 } as const;
    expect(explainFailure(made, { ...report, item: 2, detail: 'upperdir=/u' })).toMatchObject({
      code: 'container.mount',
      pointer: '/mounts/0/options/1',
      message: 'error mounting the layers of the root: fsconfig upperdir=/u: no such file or directory',
      hint: expect.stringContaining('a layer must exist'),
    });
    expect(explainFailure(made, { ...report, detail: '' })).toMatchObject({ pointer: '/mounts/0' });
    const place = { ...report, syscall: 'openat2', detail: '/bundle/rootfs' };
    expect(explainFailure(made, place)).toMatchObject({ code: 'container.rootfs', pointer: '/root/path' });
  });
});
