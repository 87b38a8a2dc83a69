// SPDX-License-Identifier: Apache-2.0
import { wrap } from '../../errors/layout.ts';
import { prepare } from '../../lifecycle/prepare.ts';
import { warnOf } from '../../lifecycle/warnings.ts';
import { describePlan } from '../../plan/describe.ts';
import type { CommandModule } from '../command.ts';
import {
  bundleOf,
  defineBundle,
  defineDevices,
  defineNetworks,
  devicesGiven,
  formatOf,
  networksGiven,
} from '../options.ts';

export const plan: CommandModule = {
  name: 'plan',
  summary: 'print the steps that create and start would perform, without performing them',
  example: ['tsubo plan /containers/web', 'tsubo plan --format json /containers/web | jq ".container[].op"'],
  define(command) {
    defineBundle(command);
    defineNetworks(command);
    defineDevices(command);
    command.option('-f, --format <format>', 'format of the output: text or json (default: text)');
  },
  run({ runtime, print, style }, [argument], options) {
    const format = formatOf(options, ['text', 'json']);
    const bundle = bundleOf(argument, options);
    const { plan: made, warnings } = prepare(runtime, {
      id: 'ID',
      bundle,
      ...networksGiven(options),
      ...devicesGiven(options),
    });
    warnOf(runtime, warnings);
    print(
      format === 'json' ? describePlan(made, format) : wrapped(describePlan(made, format), style().width),
    );
    return 0;
  },
};

/** Wraps each step with its continuation lines indented. */
function wrapped(text: string, width: number | undefined): string {
  if (width === undefined) return text;
  return text
    .split('\n')
    .map(line =>
      wrap(line.replace(/ {2,}(?=\/)/, ' '), width - indentation).join(`\n${' '.repeat(indentation)}`),
    )
    .join('\n');
}

const indentation = 8;
