// SPDX-License-Identifier: Apache-2.0
import { prepare } from '../../lifecycle/prepare.ts';
import { describePlan } from '../../plan/describe.ts';
import type { CommandModule } from '../command.ts';
import { textOrJson } from '../options.ts';

export const plan: CommandModule = {
  name: 'plan',
  summary: 'print what create and start would do, step by step, and do nothing',
  example: ['tsubo plan /containers/web', 'tsubo plan --format json /containers/web | jq ".container[].op"'],
  define(command) {
    command
      .argument('<bundle>', 'the bundle: the directory with config.json')
      .option('--format <format>', 'text or json (default: text)');
  },
  run({ runtime, print }, [bundle = ''], options) {
    const format = textOrJson(options);
    const { plan: made } = prepare(runtime, { id: 'ID', bundle });
    print(describePlan(made, format));
    return 0;
  },
};
