// SPDX-License-Identifier: Apache-2.0
// A process that works with a keeper: kept-client ADDON attach|logs|start DIRECTORY OPTIONS. It uses its own standard
// streams, and test/direct therefore bundles and starts it. An error is printed as JSON.
import { appendFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AttachOptions, attach, openAttachment } from '../../src/direct/attach.ts';
import { startContainerKeeper } from '../../src/direct/keeper.ts';
import { readLogs } from '../../src/direct/logs.ts';
import type { Binding } from '../../src/host/binding.d.ts';

const [, , addon = '', operation = '', directory = '', text = '{}'] = process.argv;
const binding = createRequire(addon)(addon) as Binding;
const options = JSON.parse(text) as Record<string, unknown>;

/** Appends `attached` and the end of the connection to a file. */
function attachTo(report: string): void {
  const { removes, clears, ...rest } = options as unknown as AttachOptions &
    Record<'removes' | 'clears', boolean>;
  try {
    const attachment = openAttachment(binding, directory, { output: true, removes });
    appendFileSync(report, 'attached\n');
    const end = attach(binding, directory, attachment, rest);
    if (clears) rmSync(directory, { recursive: true });
    appendFileSync(report, `${JSON.stringify(end)}\n`);
  } catch (error) {
    appendFileSync(report, `${errorText(error)}\n`);
  }
}

function errorText(error: unknown): string {
  return JSON.stringify({ ...(error as object), message: (error as Error).message });
}

const time = (value: unknown): bigint => BigInt(String(value));

try {
  if (operation === 'attach') attachTo(String(options['report']));
  if (operation === 'logs') {
    const { since, until, ...rest } = options;
    readLogs(binding, directory, {
      ...rest,
      ...(since !== undefined && { since: time(since) }),
      ...(until !== undefined && { until: time(until) }),
    });
  }
  if (operation === 'start') {
    startContainerKeeper(binding, {
      directory,
      argv: options['argv'] as string[],
      terminal: false,
      openStdin: false,
      logLimit: { bytes: 0, files: 1 },
    });
  }
} catch (error) {
  process.stderr.write(errorText(error));
  process.exitCode = 1;
}
