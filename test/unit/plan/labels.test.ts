// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Binding } from '../../../src/host/binding.d.ts';
import { makeExecPlan } from '../../../src/plan/exec-plan.ts';
import { contextOption } from '../../../src/plan/labels.ts';
import { checkLabels } from '../../../src/validate/label-checks.ts';
import { refused } from '../../helpers/fake-machine.ts';
import { facts, operations, orderOf, planFor, stepsOf } from '../../helpers/plan.ts';

const labels = { selinuxLabel: 'u:r:container_t:s0', apparmorProfile: 'jar' };
const namespaces = [{ type: 'mount' }] as const;

describe('labels', () => {
  it('are set before the user changes, that of the keyring first', () => {
    const plan = planFor({ process: labels, linux: { namespaces: [...namespaces] } });
    expect(stepsOf(plan, 'setSecurityAttribute')).toEqual([
      {
        op: 'setSecurityAttribute',
        origin: '/process/selinuxLabel',
        names: ['keycreate'],
        value: 'u:r:container_t:s0',
      },
      {
        op: 'setSecurityAttribute',
        origin: '/process/selinuxLabel',
        names: ['exec'],
        value: 'u:r:container_t:s0',
      },
      {
        op: 'setSecurityAttribute',
        origin: '/process/apparmorProfile',
        names: ['apparmor/exec', 'exec'],
        value: 'exec jar',
      },
    ]);
    const order = operations(plan);
    expect(order.indexOf('setSecurityAttribute')).toBe(order.indexOf('joinSessionKeyring') - 1);
    expect(orderOf(plan, 'setSecurityAttribute', 'changeDirectory', 'setUser')).toEqual([
      'setSecurityAttribute',
      'changeDirectory',
      'setSecurityAttribute',
      'setUser',
      'changeDirectory',
    ]);
  });

  it('apply to executed programs too', () => {
    const process = { args: ['/bin/true'], cwd: '/', user: { uid: 0, gid: 0 }, ...labels };
    const origin = (...parts: readonly (string | number)[]) => `/${parts.join('/')}`;
    const plan = makeExecPlan({ process, facts, origin }, { id: 'jar' });
    expect(stepsOf(plan, 'setSecurityAttribute').map(step => step.origin)).toEqual([
      '/selinuxLabel',
      '/selinuxLabel',
      '/apparmorProfile',
    ]);
  });

  it('have no effect if they are empty', () => {
    const process = { selinuxLabel: '', apparmorProfile: '' };
    const plan = planFor({ process, linux: { namespaces: [...namespaces], mountLabel: '' } });
    expect(operations(plan)).not.toContain('setSecurityAttribute');
  });

  it('of mounts become the context of file systems that accept one', () => {
    const mounts = ['tmpfs', 'proc', 'mqueue', 'devpts'].map(type => ({ destination: `/${type}`, type }));
    const plan = planFor({ mounts, linux: { namespaces: [...namespaces], mountLabel: 'u:o:t:s0:c1,c2' } });
    expect(stepsOf(plan, 'mount').map(({ fstype, options }) => [fstype, options])).toEqual([
      ['tmpfs', ['context=u:o:t:s0:c1,c2']],
      ['proc', []],
      ['mqueue', []],
      ['devpts', ['context=u:o:t:s0:c1,c2']],
    ]);
    // The file system accepts it only then.
    const at = operations(plan).indexOf('labelMount');
    expect(plan.container[at]).toMatchObject({ label: 'u:o:t:s0:c1,c2', origin: '/linux/mountLabel' });
    expect(plan.container[at - 1]).toMatchObject({ op: 'mount', fstype: 'mqueue' });
    expect(contextOption('a', 'tmpfs', ['rootcontext=b'])).toEqual([]);
  });
});

describe('the kernel', () => {
  const machine = (apparmor: string | undefined, selinux: boolean) =>
    ({
      readText: (path: string) => {
        if (apparmor === undefined) throw refused('open', 2, path);
        return apparmor;
      },
      filesystemType: () => (selinux ? 0xf97cff8c : undefined),
    }) as Partial<Binding> as Binding;
  const at = (name: string) => `/process/${name}`;

  it('has both modules', () => {
    expect(checkLabels(machine('Y\n', true), labels, at, 'x')).toEqual([]);
  });

  it.each([undefined, 'N\n'])('has neither module (%j)', enabled => {
    expect(checkLabels(machine(enabled, false), labels, at, 'x').map(({ pointer }) => pointer)).toEqual([
      '/process/apparmorProfile',
      '/process/selinuxLabel',
      '/linux/mountLabel',
    ]);
    expect(checkLabels(machine(enabled, false), {}, at)).toEqual([]);
  });
});
