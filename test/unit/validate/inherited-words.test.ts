// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseJson } from '../../../src/bundle/json.ts';
import { main } from '../../../src/cli/main.ts';
import { RuntimeError } from '../../../src/errors/error.ts';
import { manyLines } from '../../../src/errors/render.ts';
import { lookUp } from '../../../src/oci/look-up.ts';
import { describePlan } from '../../../src/plan/describe.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { checkConfig } from '../../../src/validate/check.ts';
import { describeReport, makeReport } from '../../../src/validate/report.ts';
import { textPlaces } from '../../helpers/big-documents.ts';
import { FakeMachine } from '../../helpers/fake-machine.ts';
import { facts } from '../../helpers/plan.ts';

/** Members that every object inherits: `constructor`, `toString`, `__proto__`, ... */
const words = Object.getOwnPropertyNames(Object.prototype);

/** Part of the output if one of them was found in a table. */
const inherited = /native code|\[object |function |=> |NaN/;

function outputOf(text: string): string {
  const document = parseJson(text);
  const { config, problems, warnings } = checkConfig(document);
  const report = describeReport(makeReport({ path: '/bundle', text, document }, problems, warnings, []));
  if (config === undefined) return report;
  try {
    const plan = makePlan(config, facts, { id: 'ID', bundle: '/bundle' });
    return `${report}${describePlan(plan, 'text')}${describePlan(plan, 'json')}`;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return `${report}${manyLines(error).join('\n')}`;
  }
}

it('contains the words that are searched', () => {
  expect(words).toEqual(expect.arrayContaining(['constructor', '__proto__', 'toString', 'hasOwnProperty']));
});

it.each(words)('a table has no %s unless it was put there', word => {
  expect(lookUp({ a: 1 }, word)).toBeUndefined();
  expect(lookUp({ [word]: 1 }, word)).toBe(1);
});

describe('a word that every object has', () => {
  it.each(textPlaces())('is a word like any other in $name', ({ document }) => {
    const found = words.map(word => outputOf(document(word))).filter(text => inherited.test(text));
    expect(found).toEqual([]);
  });

  it('does not become the prototype as a name', () => {
    const text = '{"annotations": {"__proto__": {"polluted": "yes"}}, "__proto__": {"hostname": "x"}}';
    for (const document of [parseJson(text), parseJson(`${text} trailing`)]) {
      const { annotations, hostname } = document as Record<string, Record<string, unknown>>;
      expect(hostname).toBeUndefined();
      expect(annotations?.['polluted']).toBeUndefined();
      expect(Object.keys(annotations ?? {})).toEqual(['__proto__']);
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('stays a name when two spellings of a property become one', () => {
    const text = '{"annotations": {"a": "1"}, "Annotations": {"__proto__": "2", "constructor": "3"}}';
    const { annotations } = checkConfig(parseJson(text)).draft;
    expect(Object.entries(annotations ?? {})).toEqual([
      ['a', '1'],
      ['__proto__', '2'],
      ['constructor', '3'],
    ]);
  });
});

describe('on the command line', () => {
  let machine: FakeMachine;
  beforeEach(() => {
    machine = new FakeMachine();
  });
  afterEach(() => machine.dispose());

  it.each(words)('%s is not a command, option, format, signal or time', word => {
    for (const line of [
      [word],
      [`--${word}`, 'list'],
      ['list', `--${word}`],
      ['list', '--format', word],
      ['--log-format', word, 'list'],
      ['kill', 'x', word],
      ['kill', 'x', `SIG${word}`],
      ['events', '--interval', `1${word}`, 'x'],
      ['state', word],
      ['update', '--memory', word, 'x'],
      ['exec', '--user', word, 'x', 'y'],
      ['check', word],
    ]) {
      machine.arguments = ['tsubo', ...line];
      machine.stdout = '';
      machine.stderr = '';
      expect(main(machine.binding), line.join(' ')).not.toBe(0);
      expect(machine.stdout + machine.stderr).not.toMatch(inherited);
    }
  });
});
