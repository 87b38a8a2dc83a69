// SPDX-License-Identifier: Apache-2.0
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import type { CheckReport } from '../../../src/validate/report.ts';
import {
  type FakeConfig,
  type FakeMachine,
  machineForEachTest,
  writeBundle,
} from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

function call(...words: string[]): number {
  machine.arguments = ['tsubo', 'check', ...words];
  machine.stdout = '';
  return main(machine.binding);
}
const bundle = (change?: (config: FakeConfig) => void) =>
  writeBundle(join(machine.directory, 'bundle'), change);

function report(path: string): CheckReport {
  call('--format', 'json', path);
  return JSON.parse(machine.stdout) as CheckReport;
}

it('exits with 0 for warnings alone, but not with --strict', () => {
  const path = bundle();
  expect(call(path)).toBe(0);
  expect(machine.stdout).toContain('warning: there is no seccomp filter (config.json:');
  expect(call('--strict', path)).toBe(1);
  expect(report(path)).toMatchObject({ bundle: path, valid: true, problems: [] });
  expect(machine.calls).toEqual([]);
});

it('reports every problem with its place, value, section and the likely spelling', () => {
  const path = bundle(config => {
    config.ociVersion = '2.0.0';
    config.linux.namespaces.push({ type: 'netwrok' });
    config['hostnam'] = 'x';
    config.process['oomScoreAdj'] = 5000;
  });
  expect(call(path)).toBe(1);
  const { problems, warnings, valid } = report(path);
  expect(valid).toBe(false);
  expect(problems.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
    'config.range /process/oomScoreAdj',
    'config.ociVersion /ociVersion',
    'config.namespace.unknown /linux/namespaces/2/type',
  ]);
  expect(problems[2]).toMatchObject({
    value: '"netwrok"',
    hint: 'did you mean network?',
    spec: 'config-linux.md#namespaces',
    line: expect.any(Number),
    column: expect.any(Number),
  });
  expect(warnings).toContainEqual(
    expect.objectContaining({ code: 'config.unknown-property', hint: 'did you mean hostname?', line: 33 }),
  );
});

it('prints the problems last, after short warnings and the list of skipped checks', () => {
  const path = bundle(config => {
    config.root.path = 'nowhere';
    Object.assign(config.linux, { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } });
    config.process['terminal'] = true;
  });
  expect(call(path)).toBe(1);
  const lines = machine.stdout.split('\n');
  const kinds = lines.map(line => /^(?:warning|not checked|problem|\S+: )/.exec(line)?.[0]).filter(Boolean);
  expect([...new Set(kinds)]).toEqual(['warning', 'not checked', 'problem', `${path}: `]);
  expect(lines.filter(line => line.startsWith('not checked: '))).toEqual([
    'not checked: the terminal: create needs --console-socket for it (/process/terminal)',
    'not checked: whether the container can start under the filter (/linux/seccomp)',
  ]);
  expect(lines.at(-2)).toMatch(/: 1 problem, \d+ warnings$/);
  expect(report(path).unchecked.map(({ pointer }) => pointer)).toEqual([
    '/process/terminal',
    '/linux/seccomp',
  ]);
});

it('lists the checks that a user without root cannot perform', () => {
  const path = bundle();
  const { binding } = machine;
  const identity = binding.identity();
  Object.assign(binding, { identity: () => ({ ...identity, euid: 1000 }) });
  const found = report(path);
  expect(found.valid).toBe(true);
  expect(found.unchecked).toEqual([
    { pointer: '/linux/namespaces', message: 'create without root, which needs a user namespace' },
    { pointer: '', message: 'whether this user has the rights that the container needs' },
  ]);
});

it('checks only the document with --offline', () => {
  const path = bundle(config => {
    config.root.path = 'nowhere';
  });
  expect(call('--offline', path)).toBe(0);
  expect(machine.stdout).toContain('\nnot checked: the machine: only config.json was read\n');
});

it.each(['[]', '"x"', '17'])('reports nothing about the isolation of %s', text => {
  const path = bundle();
  writeFileSync(join(path, 'config.json'), text);
  const { problems, warnings } = report(path);
  expect(problems[0]).toMatchObject({ code: 'config.type' });
  expect(warnings).toEqual([]);
});

it('warns of text after the document, and of repeated members', () => {
  const path = bundle();
  const text = readFileSync(join(path, 'config.json'), 'utf8');
  const warned = (changed: string) => {
    writeFileSync(join(path, 'config.json'), changed);
    const { problems, warnings } = report(path);
    expect(problems).toEqual([]);
    return warnings.filter(({ code }) => code.startsWith('bundle.'));
  };
  expect(warned(text)).toEqual([]);
  expect(warned(`${text}\n} trailing text {`)).toMatchObject([
    {
      code: 'bundle.config-trailing',
      message: 'text follows the document in config.json and is ignored',
      line: text.split('\n').length + 1,
      column: 1,
      value: '} trailing text {',
    },
  ]);
  expect(warned(`${text} {"a": 1}`)).toMatchObject([
    { message: 'a second document follows the document in config.json and is ignored' },
  ]);
  expect(warned(text.replace('"root":', '"root": {"path": 7},\n"root":'))).toMatchObject([
    {
      code: 'bundle.config-duplicate',
      message: '"root" occurs twice in one object: this value is used, and the one in line 16 is ignored',
      pointer: '/root',
      line: 17,
      hint: 'remove one of them: runc also uses the last one but merges objects, and crun uses the first',
    },
  ]);
  // Members of different objects are not repeated; objects inside lists have their own place.
  expect(warned(text.replace('"type": "pid"', '"type": "ipc", "path": "", "type": "pid"'))).toMatchObject([
    { pointer: '/linux/namespaces/1/type' },
  ]);
});

it('reports an invalid config and a missing bundle as problems', () => {
  const path = bundle();
  writeFileSync(join(path, 'config.json'), '{]');
  expect(report(path)).toMatchObject({
    valid: false,
    problems: [{ code: 'bundle.config-syntax', line: 1, column: 2 }],
  });
  rmSync(path, { recursive: true });
  expect(report(path).problems).toMatchObject([{ code: 'bundle.not-found', path }]);
  expect(call(path)).toBe(1);
});

it('checks the root file system', () => {
  const path = bundle(config => {
    config.root.path = 'nowhere';
  });
  expect(report(path).problems).toMatchObject([
    { code: 'bundle.rootfs-missing', pointer: '/root/path', value: '"nowhere"' },
  ]);
});

it('prints a number that no double can hold as it is written', () => {
  const path = bundle();
  const text = readFileSync(join(path, 'config.json'), 'utf8');
  writeFileSync(join(path, 'config.json'), text.replace('"uid": 0', '"uid": -1e400'));
  expect(report(path).problems).toMatchObject([
    { pointer: '/process/user/uid', value: '-1e400', message: expect.not.stringContaining('Infinity') },
  ]);
});

it('truncates long values, and prints integers unchanged', () => {
  const path = bundle();
  const text = `{"ociVersion": 18446744073709551615, "root": ["${'x'.repeat(200)}"]}`;
  writeFileSync(join(path, 'config.json'), text);
  const { problems } = report(path);
  expect(problems.find(({ pointer }) => pointer === '/ociVersion')?.value).toBe('18446744073709551615');
  expect(problems.find(({ pointer }) => pointer === '/root')?.value).toMatch(/^\["x{70,}\.\.\.$/);
});

it('refuses an unknown format', () => {
  expect(call('--format', 'yaml', bundle())).toBe(1);
  expect(machine.stderr).toContain('invalid format option \\"yaml\\"');
});
