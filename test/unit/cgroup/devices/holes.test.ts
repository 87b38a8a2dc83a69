// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { findHole } from '../../../../src/cgroup/devices/holes.ts';
import { accessMask, type DeviceRule } from '../../../../src/cgroup/devices/rules.ts';

/** `deny c 1:* rw` */
function rule(text: string): DeviceRule {
  const [verb, type, device = '', letters = ''] = text.split(' ');
  const [major, minor] = device.split(':').map(part => (part === '*' ? undefined : Number(part)));
  return {
    allow: verb === 'allow',
    type: type as DeviceRule['type'],
    major,
    minor,
    access: accessMask(letters),
  };
}

it.each<[list: string, index: number | undefined]>([
  ['deny a *:* rwm', undefined],
  ['allow c *:* rwm; deny c 1:3 w', 1],
  ['allow c 1:* rwm; deny c 1:3 w', 1],
  ['allow c *:3 rwm; deny c 1:3 w', 1],
  ['deny a *:* rwm; allow b *:* r; deny b 8:* rw', 2],
  // No common access, another type, another number.
  ['allow c *:* r; deny c 1:3 wm', undefined],
  ['allow c *:* rwm; deny b 8:0 rwm', undefined],
  ['allow c 2:* rwm; deny c 1:3 rwm', undefined],
  // The same rule, a wider one, and a rule that an earlier rule reverts.
  ['allow c 1:* rwm; deny c 1:* w', undefined],
  ['allow c 1:3 rwm; deny c *:* rwm', undefined],
  ['allow c *:* rw; deny c *:* w; deny c 1:3 w', undefined],
  ['allow c *:* rw; deny c *:* w; deny c 1:3 r', 2],
  // A list that allows everything except its exceptions.
  ['allow a *:* rwm; deny c 1:* rwm', undefined],
  ['allow a *:* rwm; deny c 1:* rwm; allow c 1:3 r', 2],
  ['allow a *:* rwm; deny c 1:* rwm; deny a *:* rwm; allow c 1:3 r', undefined],
])('a hole in a wildcard is found: %s', (list, index) => {
  expect(findHole(list.split('; ').map(rule))?.index).toBe(index);
});
