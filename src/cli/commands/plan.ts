// SPDX-License-Identifier: Apache-2.0
import { prepare } from '../../lifecycle/prepare.ts';
import { describePlan } from '../../plan/describe.ts';
import type { CommandModule } from '../command.ts';
import { bundleOf, defineBundle, formatOf } from '../options.ts';

export const plan: CommandModule = {
  name: 'plan',
  summary: 'print what create and start would do, step by step, and do nothing',
  example: ['tsubo plan /containers/web', 'tsubo plan --format json /containers/web | jq ".container[].op"'],
  define(command) {
    defineBundle(command);
    command.option('-f, --format <format>', 'text or json (default: text)');
  },
  run({ runtime, print }, [argument], options) {
    const format = formatOf(options, ['text', 'json']);
    const bundle = bundleOf(argument, options);
    const { plan: made } = prepare(runtime, { id: 'ID', bundle });
    print(describePlan(made, format));
    return 0;
  },
};
