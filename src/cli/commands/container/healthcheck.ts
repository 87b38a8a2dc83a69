// SPDX-License-Identifier: Apache-2.0
import { Option } from 'commander';
import { checkHealth, probe } from '../../../direct/health.ts';
import { requireUp } from '../../../direct/stop.ts';
import { findContainer } from '../../../direct/store.ts';
import { RuntimeError } from '../../../errors/error.ts';
import type { CommandModule } from '../../command.ts';
import { directStore } from './common.ts';

export const healthcheck: CommandModule = {
  name: 'container healthcheck',
  summary: 'check the health of a container now',
  example: ['tsubo container healthcheck web'],
  define(command) {
    command
      .argument('<container>', 'name, id or prefix of an id')
      // The keeper uses this option: nothing is printed, and the exit status is 1 while the start interval applies.
      .addOption(new Option('--scheduled', '').hideHelp())
      // For the check itself: prints the result as JSON, and records nothing.
      .addOption(new Option('--probe', '').hideHelp());
  },
  run(context, [word = ''], options) {
    const { runtime, print } = context;
    const store = directStore(context);
    const container = findContainer(store, word);
    if (options['probe'] === true && container.health !== undefined) {
      print(JSON.stringify(probe(runtime, container, container.health)));
      return 0;
    }
    if (options['scheduled'] === true)
      return checkHealth(runtime, store, container)?.starting === true ? 1 : 0;
    requireUp(runtime, store, container, 'check the health of');
    if (container.health === undefined) {
      throw new RuntimeError({
        code: 'usage.bad-value',
        message: `container ${container.name} has no health check`,
        value: container.name,
        hint: 'make it with --health-cmd, or from an image with HEALTHCHECK',
      });
    }
    const checked = checkHealth(runtime, store, container);
    if (checked === undefined) {
      throw new RuntimeError({
        code: 'state.not-running',
        message: `the health of container ${container.name} was not checked: it is paused, or has ended meanwhile`,
        value: container.name,
        hint: `tsubo container unpause ${container.name} resumes a paused container`,
      });
    }
    print(`${checked.health.status}\n`);
    return checked.health.log.at(-1)?.exitCode === 0 ? 0 : 1;
  },
};
