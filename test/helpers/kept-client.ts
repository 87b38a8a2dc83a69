// SPDX-License-Identifier: Apache-2.0
// A client of a keeper: kept-client ADDON DIRECTORY REPORT OPTIONS. It appends `attached` and the end of the connection to the
// file REPORT. test/direct bundles it, because a client uses its own standard streams.
import { appendFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AttachOptions, attach, openAttachment } from '../../src/direct/attach.ts';
import type { Binding } from '../../src/host/binding.d.ts';

const [, , addon = '', directory = '', report = '', options = '{}'] = process.argv;
const binding = createRequire(addon)(addon) as Binding;
const { removes, clears, ...rest } = JSON.parse(options) as AttachOptions &
  Record<'removes' | 'clears', boolean>;
try {
  const attachment = openAttachment(binding, directory, { output: true, removes });
  appendFileSync(report, 'attached\n');
  const end = attach(binding, directory, attachment, rest);
  if (clears) rmSync(directory, { recursive: true });
  appendFileSync(report, `${JSON.stringify(end)}\n`);
} catch (error) {
  appendFileSync(report, `${JSON.stringify({ ...(error as object), message: (error as Error).message })}\n`);
}
