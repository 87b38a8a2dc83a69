// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { RuntimeError } from '../../../src/errors/error.ts';
import { oneLine } from '../../../src/errors/render.ts';
import { parseDocument, type Sources, withSourceLocation } from '../../../src/lifecycle/source-location.ts';
import { thrown } from '../../helpers/fake-machine.ts';

const text = '{\n  "memory": {\n    "limit": 5\n  }\n}';
const failing = (fields: { pointer?: string; line?: number; column?: number }, sources: string | Sources) =>
  thrown(() =>
    withSourceLocation(sources, () => {
      throw new RuntimeError({ code: 'config.range', message: 'no', ...fields });
    }),
  ) as unknown as RuntimeError;
const line = (fields: { pointer?: string; line?: number; column?: number }, sources: string | Sources) =>
  oneLine(failing(fields, sources));

describe('the place of a failure', () => {
  const at = { pointer: '/memory/limit' };

  it.each<[string, string | Sources, string]>([
    ['config.json, when only a text is given', text, 'no (config.json:3:14 /memory/limit)'],
    ['a document of another name', { text, document: 'limits.json' }, 'no (limits.json:3:14 /memory/limit)'],
    ['a document without a text', { document: 'resources' }, 'no (resources /memory/limit)'],
    ['an option', { option: '--memory' }, 'no (--memory)'],
    ['nothing, when no single option requested', { option: undefined }, 'no'],
    ['that of the pointer', p => ({ option: `--${p.slice(1, 7)}` }), 'no (--memory)'],
  ])('is %s', (_, sources, expected) => {
    expect(line(at, sources)).toBe(expected);
  });

  it('is that of an inner document', () => {
    const inner = () => failing(at, { text, document: 'inner.json' });
    const outer = thrown(() =>
      withSourceLocation(text, () => {
        throw inner();
      }),
    );
    expect(oneLine(outer as unknown as RuntimeError)).toBe('no (inner.json:3:14 /memory/limit)');
  });

  it('is the known line in the document', () => {
    expect(line({ line: 1, column: 2 }, { text, document: 'standard input' })).toBe(
      'no (standard input:1:2)',
    );
  });

  it('is undefined without a pointer', () => {
    expect(line({}, { text, document: 'limits.json' })).toBe('no');
    expect(line({ pointer: '' }, text)).toBe('no');
  });

  it('is in the message about text that is not JSON', () => {
    const failure = thrown(() => parseDocument('{bad', 'standard input'));
    expect(failure).toMatchObject({ message: expect.stringMatching(/^standard input is not valid JSON/) });
  });
});
