// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { MS } from '../../../src/kernel/mount.ts';
import type { RootfsPropagation } from '../../../src/oci/config.ts';
import type { NamespaceType } from '../../../src/oci/namespaces.ts';
import { operations, orderOf, planFor, stepsOf } from '../../helpers/plan.ts';

/** Flags of the three propagation steps; undefined for a missing step. */
function propagation(rootfsPropagation?: RootfsPropagation) {
  const namespaces = [{ type: 'mount' as const }];
  const plan = planFor({ linux: { namespaces, ...(rootfsPropagation && { rootfsPropagation }) } });
  return {
    before: stepsOf(plan, 'setPropagation')[0]?.flags,
    parent: stepsOf(plan, 'setMountPropagation')[0]?.flags,
    after: stepsOf(plan, 'setRootPropagation')[0]?.flags,
  };
}

describe('rootfsPropagation', () => {
  const { MS_REC, MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE } = MS;

  it.each([
    [undefined, MS_SLAVE | MS_REC, undefined, undefined],
    ['rslave', MS_SLAVE | MS_REC, undefined, undefined],
    ['slave', MS_SLAVE, MS_SLAVE, undefined],
    ['rprivate', MS_PRIVATE | MS_REC, undefined, undefined],
    ['private', MS_PRIVATE, MS_PRIVATE, undefined],
    ['shared', MS_SHARED, MS_PRIVATE, MS_SHARED],
    ['rshared', MS_SHARED | MS_REC, MS_PRIVATE, MS_SHARED | MS_REC],
    ['unbindable', MS_UNBINDABLE, MS_PRIVATE, MS_UNBINDABLE],
    ['runbindable', MS_UNBINDABLE | MS_REC, MS_PRIVATE, MS_UNBINDABLE | MS_REC],
  ] as const)('%s keeps the new root from the host and comes into effect', (word, before, parent, after) => {
    expect(propagation(word)).toEqual({ before, parent, after });
  });

  it.each([
    [undefined, MS_PRIVATE | MS_REC, MS_PRIVATE | MS_REC],
    ['slave', 0, 0],
    ['rslave', 0, 0],
    ['rprivate', 0, 0],
    ['shared', 0, MS_PRIVATE],
    ['unbindable', 0, MS_PRIVATE],
  ] as const)(
    '%s makes the root private before it is put in its place, unless it is a slave',
    (word, plain, user) => {
      const requested = word === undefined ? {} : { rootfsPropagation: word };
      const tree = (...types: NamespaceType[]) => {
        const namespaces = types.map(type => ({ type }));
        return stepsOf(planFor({ linux: { namespaces, ...requested } }), 'openRoot')[0]?.propagation;
      };
      expect(tree('mount')).toBe(plain);
      expect(tree('mount', 'user')).toBe(user);
    },
  );

  it('applies to the root alone without a mount namespace', () => {
    const plan = planFor({ linux: { namespaces: [] } });
    expect(stepsOf(plan, 'setMountPropagation')[0]?.flags).toBe(MS_PRIVATE | MS_REC);
  });

  it('is set on the namespace before the root is opened, and on the root after the pivot', () => {
    const plan = planFor({ linux: { namespaces: [{ type: 'mount' }], rootfsPropagation: 'rshared' } });
    const order = [
      'setPropagation',
      'setMountPropagation',
      'openRoot',
      'pivotRoot',
      'setRootPropagation',
    ] as const;
    expect(operations(plan).filter(op => (order as readonly string[]).includes(op))).toEqual(order);
  });

  it.each(['private', 'rprivate'] as const)('cannot be %s without pivot_root', rootfsPropagation => {
    const linux = { namespaces: [{ type: 'mount' as const }], rootfsPropagation };
    expect(() => planFor({ linux, options: { noPivot: true } })).toThrowError(
      expect.objectContaining({ code: 'config.rootfsPropagation', pointer: '/linux/rootfsPropagation' }),
    );
  });
});

describe('the root', () => {
  it('is resolved relative to the bundle', () => {
    expect(stepsOf(planFor({ config: { root: { path: './a/../rootfs/' } } }), 'openRoot')[0]?.path).toBe(
      '/bundle/rootfs',
    );
    expect(stepsOf(planFor({ config: { root: { path: '/images/x' } } }), 'openRoot')[0]?.path).toBe(
      '/images/x',
    );
  });

  it('is moved instead of pivoted on request', () => {
    const plan = planFor({ options: { noPivot: true } });
    expect(operations(plan)).toContain('moveRoot');
    expect(operations(plan)).not.toContain('pivotRoot');
  });

  it('becomes readonly after the working directory was made in it, and before masks clone from it', () => {
    const plan = planFor({
      config: { root: { path: 'rootfs', readonly: true } },
      linux: { namespaces: [{ type: 'mount' }], maskedPaths: ['/proc/kcore'] },
    });
    const order = ['makeDirectory', 'sealRoot', 'maskPath'] as const;
    expect(orderOf(plan, ...order)).toEqual(order);
  });

  it('remains writable otherwise', () => {
    expect(operations(planFor())).not.toContain('sealRoot');
  });
});
