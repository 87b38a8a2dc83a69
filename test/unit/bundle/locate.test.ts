// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { locate, locateAll } from '../../../src/bundle/locate.ts';

const text = `{
  "process": {
    "Args": ["sh", "-c", ": [ { \\" }"],
    "env": [ ]
  },
  "mounts": [
    {"destination": "/a", "options": []},
    {
      "destination": "/b",
      "options": ["ro", "size=1,2"]
    }
  ],
  "annotations": {"a/b": "1", "a~b": "2"},
  "hostname": "first",
  "hostname": "second"
}
`;

it.each([
  ['', 1, 1],
  ['/process', 2, 14],
  ['/process/args', 3, 13],
  ['/process/args/2', 3, 26],
  ['/mounts/1/options/1', 10, 25],
  ['/mounts/0/options', 7, 38],
  ['/annotations/a~1b', 13, 26],
  ['/annotations/a~0b', 13, 38],
])('finds the value of %j at %i:%i', (pointer, line, column) => {
  expect(locate(text, pointer)).toEqual({ line, column });
});

it('finds the last of two members with one name', () => {
  expect(locate(text, '/hostname')).toEqual({ line: 15, column: 15 });
});

it('prefers the name with the exact spelling', () => {
  expect(locate('{"cwd": 1, "CWD": 2}', '/cwd')).toEqual({ line: 1, column: 9 });
});

it.each([
  ['/process/cwd', 2, 14],
  ['/process/env/0', 4, 12],
  ['/mounts/7/source', 6, 13],
  ['/mounts/x', 6, 13],
  ['/hostname/x', 15, 15],
  ['/linux/seccomp', 1, 1],
])('locates the nearest parent of the missing %s', (pointer, line, column) => {
  expect(locate(text, pointer)).toEqual({ line, column });
});

it('locates many pointers in one pass', () => {
  const pointers = [
    '/mounts/1/options/1',
    '',
    '/hostname',
    '/process/args/2',
    '/hostname/x',
    '/mounts/1',
    '/none',
  ];
  expect(locateAll(text, pointers)).toEqual(pointers.map(pointer => locate(text, pointer)));
});

it.each([
  ['a member of an object that is given again without it', '{"a": {"b": 1}, "a": {"c": 2}}', '/a/b', 22],
  ['a member that both contain', '{"a": {"b": 1}, "a": {"b": 2}}', '/a/b', 28],
  ['a member that is given later in another case', '{"a": 1, "A": 2}', '/a', 7],
  ['the last of several in another case', '{"A": 1, "aA": 0, "A": 2}', '/a', 24],
])('finds %s', (_, given, pointer, column) => {
  expect(locate(given, pointer)).toEqual({ line: 1, column });
});
