// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { MOUNT_ATTR, MS } from '../../../src/kernel/mount.ts';
import { capabilityNames } from '../../../src/plan/capabilities.ts';
import { describePlan, stepText } from '../../../src/plan/describe.ts';
import { cloneFlagNames, flagNames, modeText } from '../../../src/plan/flag-names.ts';
import { limitText } from '../../../src/plan/rlimits.ts';
import { planFor } from '../../helpers/plan.ts';

describe('decoding', () => {
  it('names flags, and prints unnamed bits in hex', () => {
    expect(flagNames(MS.MS_SLAVE | MS.MS_REC, MS)).toBe('MS_REC|MS_SLAVE');
    expect(flagNames(0x81, MOUNT_ATTR)).toBe('MOUNT_ATTR_RDONLY|MOUNT_ATTR_NODIRATIME');
    expect(flagNames(0x40000001, MS)).toBe('MS_RDONLY|0x40000000');
    expect(flagNames(0, MS)).toBe('0');
  });

  it('names the mask of access times before its parts', () => {
    expect(flagNames(0x70, MOUNT_ATTR)).toBe('MOUNT_ATTR__ATIME');
    expect(flagNames(0x10, MOUNT_ATTR)).toBe('MOUNT_ATTR_NOATIME');
  });

  it('names capabilities, file types, limits and namespaces', () => {
    expect(capabilityNames((1n << 40n) | 1n)).toBe('CAP_CHOWN|CAP_CHECKPOINT_RESTORE');
    expect(capabilityNames(1n << 60n)).toBe('bit 60');
    expect(capabilityNames(0)).toBe('none');
    expect(modeText(0o060640)).toBe('S_IFBLK|0640');
    expect(modeText(0o22)).toBe('0022');
    expect(modeText(0o1777)).toBe('01777');
    expect(limitText(2n ** 64n - 1n)).toBe('unlimited');
    expect(cloneFlagNames(0x40020000)).toBe('CLONE_NEWNET|CLONE_NEWNS');
  });

  it('quotes texts of more than one word', () => {
    expect(stepText({ op: 'execute', origin: '', args: ['sh', '-c', 'echo "a b"'], env: [] })).toBe(
      'execute args=[sh -c "echo \\"a b\\""]',
    );
  });
});

describe('describePlan', () => {
  const plan = planFor({
    process: {
      rlimits: [{ type: 'RLIMIT_CORE', soft: 2n ** 53n + 1n, hard: 2n ** 64n - 1n }],
      oomScoreAdj: 7,
    },
    linux: { namespaces: [{ type: 'mount' }, { type: 'uts', path: '/ns/uts' }] },
  });

  it('prints each step on a line with its number first and its pointer last', () => {
    const lines = describePlan(plan, 'text').split('\n');
    const from = lines.indexOf('the init') + 1;
    for (const [index, step] of plan.container.entries()) {
      expect(lines[from + index]).toMatch(new RegExp(`^ *${index}  ${step.op}\\b`));
      if (step.origin !== '') expect(lines[from + index]?.endsWith(` ${step.origin}`)).toBe(true);
    }
  });

  it('prints every 64-bit number exactly in JSON', () => {
    const text = describePlan(plan, 'json');
    expect(text).toContain('"soft": 9007199254740993');
    expect(text).toContain('"hard": 18446744073709551615');
  });

  it('prints JSON that parses to the plan', () => {
    const small = planFor({ process: { args: ['sh', '-c', 'echo "ü\n"'] } });
    expect(JSON.parse(describePlan(small, 'json'))).toEqual(small);
  });

  it('prints the same text for the same plan', () => {
    expect(describePlan(planFor(), 'json')).toBe(describePlan(planFor(), 'json'));
  });
});
