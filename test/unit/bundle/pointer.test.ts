// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { childPointer, formatPointer, parsePointer, pointersAround } from '../../../src/bundle/pointer.ts';

it.each([
  [[], ''],
  [['mounts', 3, 'options', 1], '/mounts/3/options/1'],
  [['linux', 'sysctl', 'net/ipv4/ip~forward'], '/linux/sysctl/net~1ipv4~1ip~0forward'],
  [[''], '/'],
  [['~1'], '/~01'],
])('%j is %s and back', (tokens, pointer) => {
  expect(formatPointer(tokens)).toBe(pointer);
  expect(parsePointer(pointer)).toEqual(tokens.map(String));
});

it('adds one token', () => {
  expect(childPointer('/annotations', 'a/b')).toBe('/annotations/a~1b');
  expect(childPointer('', 0)).toBe('/0');
});

it('refuses a pointer that does not start at the document', () => {
  expect(() => parsePointer('mounts/0')).toThrow(SyntaxError);
});

it('lists all pointers that contain a pointer, by whole tokens', () => {
  expect(pointersAround('/mounts/10/options')).toEqual(['/mounts/10', '/mounts', '']);
  expect(pointersAround('/mounts')).toEqual(['']);
  expect(pointersAround('')).toEqual([]);
});
