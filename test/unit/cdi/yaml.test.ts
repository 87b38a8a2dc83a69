// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { parseYaml, YamlError } from '../../../src/cdi/yaml.ts';

describe('the part of YAML that device specifications use', () => {
  test('is read like the emitters of Go write it: lists are not indented, long texts are folded', () => {
    const text = [
      '---',
      'cdiVersion: 0.5.0',
      'containerEdits:',
      '  deviceNodes:',
      '  - path: /dev/nvidiactl',
      '  - path: /dev/nvidia-uvm # a comment',
      '    fileMode: 438',
      '  hooks:',
      '  - args:',
      '    - nvidia-cdi-hook',
      '    - create-symlinks',
      '    - --link',
      '    - ../libcuda.so::/usr/lib/libcuda.so',
      '    hookName: createContainer',
      '    path: /usr/bin/nvidia-cdi-hook',
      '  env:',
      '  - "A=b c"',
      "  - 'D=it''s'",
      '  - TEXT=one two',
      '    three',
      'devices:',
      '- containerEdits: {deviceNodes: [{path: /dev/nvidia0, permissions: "rw"}]}',
      '  name: "0"',
      '-',
      '  name: all',
      '  containerEdits: {}',
      'kind: nvidia.com/gpu',
      'empty:',
      'none: ~',
      'mode: 0660',
      '',
    ].join('\n');
    expect(parseYaml(text)).toEqual({
      cdiVersion: '0.5.0',
      containerEdits: {
        deviceNodes: [{ path: '/dev/nvidiactl' }, { path: '/dev/nvidia-uvm', fileMode: 438 }],
        hooks: [
          {
            args: ['nvidia-cdi-hook', 'create-symlinks', '--link', '../libcuda.so::/usr/lib/libcuda.so'],
            hookName: 'createContainer',
            path: '/usr/bin/nvidia-cdi-hook',
          },
        ],
        env: ['A=b c', "D=it's", 'TEXT=one two three'],
      },
      devices: [
        { containerEdits: { deviceNodes: [{ path: '/dev/nvidia0', permissions: 'rw' }] }, name: '0' },
        { name: 'all', containerEdits: {} },
      ],
      kind: 'nvidia.com/gpu',
      empty: null,
      none: null,
      mode: 0o660,
    });
  });

  test.each<[string, unknown]>([
    ['a: 1', { a: 1 }],
    ['a: -0x', { a: '-0x' }],
    ['a: 1.5e3', { a: 1500 }],
    ['a: True', { a: true }],
    ['a: yes', { a: 'yes' }],
    ['a: x#y', { a: 'x#y' }],
    ['a: "x # y"', { a: 'x # y' }],
    ['"a b": \'\'', { 'a b': '' }],
    ['- - 1\n  - 2\n- a: 1\n  b: 2', [[1, 2], { a: 1, b: 2 }]],
    ['a:\n- 1\nb: []', { a: [1], b: [] }],
    ['[a, {b: c}, "d,e"]', ['a', { b: 'c' }, 'd,e']],
    ['{"a": [1, 2]}', { a: [1, 2] }],
    ['__proto__: 1', JSON.parse('{"__proto__": 1}')],
    ['', null],
    ['# nothing', null],
    ['text', 'text'],
  ])('%j is read', (text, value) => {
    expect(parseYaml(text)).toStrictEqual(value);
  });

  test.each<[string, number, string]>([
    ['a: &x 1', 1, 'anchors'],
    ['a: *x', 1, 'anchors'],
    ['a: !!str 1', 1, 'tags'],
    ['a: |\n  text', 1, 'block scalars'],
    ['a: 1\n---\nb: 2', 2, 'one document'],
    ['%YAML 1.2\n---\na: 1', 1, 'one document'],
    ['a:\n\tb: 1', 2, 'a tab'],
    ['a: 1\na: 2', 2, 'occurs twice'],
    ['a: 1\n  b: 2', 1, 'a colon needs quotes'],
    ['a:\n    b: 1\n  c: 2', 3, 'indentation'],
    ['a: [1,\n  2]', 2, 'over several lines'],
    ['a: [1, 2', 1, 'not complete'],
    ['a: "x" y', 1, 'quotes'],
    ['a: "\\x41"', 1, 'escape'],
    ['a: b: c', 1, 'a colon needs quotes'],
    ['a\nb: 1', 1, 'a colon'],
  ])('%j is refused', (text, line, why) => {
    let error: unknown;
    try {
      parseYaml(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(YamlError);
    expect((error as YamlError).message).toContain(why);
    expect((error as YamlError).line).toBe(line);
  });
});
