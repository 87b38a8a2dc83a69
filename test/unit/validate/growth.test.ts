// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { parseJson } from '../../../src/bundle/json.ts';
import { RuntimeError } from '../../../src/errors/error.ts';
import { manyLines, oneLine } from '../../../src/errors/render.ts';
import { withSourceLocation } from '../../../src/lifecycle/source-location.ts';
import { describePlan } from '../../../src/plan/describe.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { checkConfig, requireConfig } from '../../../src/validate/check.ts';
import { findWeaknesses } from '../../../src/validate/isolation/index.ts';
import { describeReport, makeReport } from '../../../src/validate/report.ts';
import { bigDocuments } from '../../helpers/big-documents.ts';
import { facts } from '../../helpers/plan.ts';

const options = { id: 'ID', bundle: '/bundle' };

/** Performs `check` and `plan` on a document, except for the checks of the machine. */
function readAll(text: string): void {
  let document: unknown;
  try {
    document = parseJson(text);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    oneLine(error);
    return;
  }
  const { config, draft, problems, warnings } = checkConfig(document);
  describeReport(
    makeReport({ path: '/bundle', text, document }, problems, [...warnings, ...findWeaknesses(draft)], []),
  );
  try {
    withSourceLocation(text, () => {
      describePlan(makePlan(config ?? requireConfig(document, { text }).config, facts, options), 'text');
    });
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    oneLine(error);
    manyLines(error);
  }
}

/** CPU time in milliseconds. */
function cost(text: string): number {
  const before = process.cpuUsage();
  readAll(text);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const small = 30_000;
const factor = 4;
/** Documents that take less time than this need no comparison. */
const quick = 20;

/**
 * True if `factor` times the text takes at most twice the proportional time. Repeated, because other programs run too.
 */
function growsEvenly(make: (size: number) => string): boolean {
  const [one, many] = [make(small), make(small * factor)];
  for (let attempt = 0; attempt < 12; attempt++) {
    const took = cost(many);
    if (took < quick || took < 2 * factor * cost(one)) return true;
  }
  return false;
}

it('check and plan take time that is linear in the size of the document, for any large part', () => {
  const uneven = bigDocuments().filter(({ text }) => !growsEvenly(text));
  expect(uneven.map(({ name }) => name)).toEqual([]);
}, 300_000);
