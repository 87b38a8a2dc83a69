// SPDX-License-Identifier: Apache-2.0
import { containerStats, warnOfUncounted, watchContainer } from '../../lifecycle/events.ts';
import type { CommandModule } from '../command.ts';
import { durationMs } from '../duration.ts';
import { goJson } from '../go-json.ts';

export const events: CommandModule = {
  name: 'events',
  summary: 'print resource use and out-of-memory kills of a container, as JSON',
  example: ['tsubo events --stats web | jq .data.memory.usage', 'tsubo events --interval 1s web'],
  define(command) {
    command
      .argument('<container-id>', 'a container that is created, running or paused')
      .option('--interval <duration>', 'time between two reports, such as 500ms or 1m30s (default: 5s)')
      .option('--stats', 'print the present resource use, and exit');
  },
  run({ runtime, print }, [id = ''], options) {
    const given = options['interval'];
    const intervalMs = durationMs('interval', typeof given === 'string' ? given : '5s');
    if (options['stats'] === true) {
      print(`${goJson({ type: 'stats', id, data: containerStats(runtime, id) })}\n`);
      // After the statistics: callers that read both streams together parse the first line.
      warnOfUncounted(runtime, id);
    } else {
      watchContainer(runtime, id, intervalMs, event => print(`${goJson(event)}\n`));
    }
    return 0;
  },
};
