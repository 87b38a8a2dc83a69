// SPDX-License-Identifier: Apache-2.0
import { headerBytes, planMagic, planVersion } from '../../src/wire/encode.ts';
import { vocabulary } from '../../src/wire/steps.ts';

export interface DecodedStep {
  readonly op: string;
  readonly [field: string]: unknown;
}

/** Decodes the output of encodePlan with the checks of the executor. Numbers are bigints. */
export function decodePlan(bytes: Uint8Array): DecodedStep[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number): number => view.getUint32(at, true);
  const must = (good: boolean, part: string): void => {
    if (!good) throw new Error(`invalid plan: ${part}`);
  };
  must(u32(0) === planMagic && u32(4) === planVersion, 'magic and version');
  must(u32(8) === bytes.length, 'size');
  must(u32(24) === 0 && u32(28) === 0, 'reserved words');
  const count = u32(12);
  const index = u32(16);
  const data = u32(20);
  const inside = (at: number, entries: number): void =>
    must(at % 8 === 0 && at >= headerBytes && at + entries * 8 <= bytes.length, `range ${at} + ${entries}`);
  inside(index, count);

  const text = (at: number): string => {
    const start = u32(at);
    const length = u32(at + 4);
    must(start >= data && start + length < bytes.length, `text at ${start}`);
    const raw = bytes.subarray(start, start + length);
    must(!raw.includes(0) && bytes[start + length] === 0, `NUL of the text at ${start}`);
    return new TextDecoder('utf-8', { fatal: true }).decode(raw);
  };
  const list = <T>(at: number, entry: (at: number) => T): T[] => {
    const table = u32(at);
    const entries = u32(at + 4);
    inside(table, entries);
    return Array.from({ length: entries }, (_, i) => entry(table + i * 8));
  };
  const readers: Record<string, (at: number) => unknown> = {
    number: at => view.getBigUint64(at, true),
    signed: at => view.getBigInt64(at, true),
    text,
    texts: at => list(at, text),
    numbers: at => list(at, entry => view.getBigUint64(entry, true)),
  };

  const operations = Object.entries(vocabulary);
  return Array.from({ length: count }, (_, i) => {
    const [op, fields] = operations[u32(index + i * 8)] as [string, Record<string, string>];
    let at = u32(index + i * 8 + 4);
    const names = Object.keys(fields);
    inside(at, names.length);
    const step: Record<string, unknown> = { op };
    for (const name of names) {
      step[name] = (readers[fields[name] as string] as (at: number) => unknown)(at);
      at += 8;
    }
    return step as DecodedStep;
  });
}
