// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { encodePlan, headerBytes } from '../../../src/wire/encode.ts';
import { type Step, vocabulary } from '../../../src/wire/steps.ts';
import { decodePlan } from '../../helpers/decode-plan.ts';

/** A step of every operation, each field with a distinct value. */
function oneOfEach(): Step[] {
  let n = 0;
  return Object.entries(vocabulary).map(([op, fields]) => {
    const step: Record<string, unknown> = { op, origin: '' };
    for (const [name, kind] of Object.entries(fields) as [string, string][]) {
      n++;
      step[name] = {
        number: n,
        signed: -n,
        text: `text ${n}`,
        texts: [`a${n}`, '', `ü${n}`],
        numbers: [n, 0, n + 1],
      }[kind];
    }
    return step as unknown as Step;
  });
}

/** The steps as the decoder returns them. */
function asDecoded(steps: readonly Step[]): unknown[] {
  return steps.map(step =>
    Object.fromEntries(
      Object.entries(step)
        .filter(([name]) => name !== 'origin')
        .map(([name, value]) => [
          name,
          Array.isArray(value)
            ? value.map(v => (typeof v === 'number' ? BigInt(v) : v))
            : typeof value === 'number'
              ? BigInt(value)
              : value,
        ]),
    ),
  );
}

describe('encodePlan', () => {
  it('encodes every operation without loss', () => {
    expect(decodePlan(encodePlan(oneOfEach()))).toEqual(asDecoded(oneOfEach()));
  });

  it('writes only a header for an empty plan', () => {
    const bytes = encodePlan([]);
    expect(bytes.length).toBe(headerBytes);
    expect(Array.from(bytes.subarray(0, 4))).toEqual(Array.from('TSBO', c => c.charCodeAt(0)));
    expect(decodePlan(bytes)).toEqual([]);
  });

  it('numbers operations by their position in the vocabulary', () => {
    const bytes = encodePlan([{ op: 'pivotRoot', origin: '' }]);
    const code = new DataView(bytes.buffer, bytes.byteOffset).getUint32(headerBytes, true);
    expect(code).toBe(Object.keys(vocabulary).indexOf('pivotRoot'));
  });

  it('preserves numbers up to 2^64-1', () => {
    for (const soft of [
      0,
      1,
      2 ** 31,
      2 ** 32,
      2 ** 32 + 1,
      Number.MAX_SAFE_INTEGER,
      2n ** 53n + 1n,
      2n ** 64n - 1n,
    ]) {
      const [step] = decodePlan(encodePlan([{ op: 'setRlimit', origin: '', resource: 7, soft, hard: soft }]));
      expect(step).toMatchObject({ soft: BigInt(soft), hard: BigInt(soft) });
    }
  });

  it('refuses numbers that do not fit an unsigned 64-bit integer', () => {
    for (const mask of [-1, 0.5, 2 ** 60, Number.NaN, -1n, 2n ** 64n]) {
      expect(() => encodePlan([{ op: 'setUmask', origin: '/process/user', mask }])).toThrowError(
        expect.objectContaining({ code: 'plan.number', pointer: '/process/user' }),
      );
    }
  });

  it('writes UTF-8 of every length as TextEncoder does', () => {
    const texts = [
      '',
      'plain',
      'ß',
      '壺',
      '🏺',
      'a壺🏺z',
      '\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}',
    ];
    const [step] = decodePlan(encodePlan([{ op: 'execute', origin: '', args: texts, env: [] }]));
    expect(step?.['args']).toEqual(texts);
  });

  it('writes U+FFFD for a lone surrogate', () => {
    const halves = ['\ud800', 'a\udc00b', '\ud83c\ud83c\udffa', '\ud83cx'];
    const [step] = decodePlan(encodePlan([{ op: 'execute', origin: '', args: halves, env: [] }]));
    expect(step?.['args']).toEqual(
      halves.map(text => new TextDecoder().decode(new TextEncoder().encode(text))),
    );
  });

  it('refuses a NUL and names its place', () => {
    const steps: Step[] = [{ op: 'execute', origin: '/process/args/0', args: ['sh', 'a\0b'], env: [] }];
    expect(() => encodePlan(steps)).toThrowError(
      expect.objectContaining({ code: 'config.nul', pointer: '/process/args/0' }),
    );
  });

  it('grows for an environment far larger than its first buffer', () => {
    const env = Array.from({ length: 3000 }, (_, i) => `NAME${i}=${'壺'.repeat(i % 97)}`);
    const [step] = decodePlan(encodePlan([{ op: 'execute', origin: '', args: ['x'], env }]));
    expect(step?.['env']).toEqual(env);
  });
});
