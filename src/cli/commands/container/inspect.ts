// SPDX-License-Identifier: Apache-2.0
import { inspectDirect } from '../../../direct/inspect.ts';
import { findContainer } from '../../../direct/store.ts';
import type { CommandModule } from '../../command.ts';
import { directStore, failureOf } from './common.ts';

export const inspect: CommandModule = {
  name: 'container inspect',
  summary: 'print everything about containers as JSON',
  example: ["tsubo container inspect web | jq '.[0].State'"],
  define(command) {
    command.argument('<container...>', 'names, ids or prefixes of ids');
  },
  run(context, words) {
    const { runtime, print, report } = context;
    const store = directStore(context);
    const found: object[] = [];
    let status = 0;
    for (const word of words) {
      try {
        found.push(inspectDirect(runtime, store, findContainer(store, word)));
      } catch (error) {
        report(failureOf(error));
        status = 1;
      }
    }
    print(`${JSON.stringify(found, null, 4)}\n`);
    return status;
  },
};
