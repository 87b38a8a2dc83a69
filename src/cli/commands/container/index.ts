// SPDX-License-Identifier: Apache-2.0
import type { CommandGroup } from '../../command.ts';
import { attach } from './attach.ts';
import { commit, diff } from './commit.ts';
import { cp } from './cp.ts';
import { create } from './create.ts';
import { exec } from './exec.ts';
import { healthcheck } from './healthcheck.ts';
import { inspect } from './inspect.ts';
import { kill, pause, restart, stop, unpause, wait } from './lifecycle.ts';
import { logs } from './logs.ts';
import { ls } from './ls.ts';
import { port, rename, top } from './manage.ts';
import { prune, rm } from './rm.ts';
import { run } from './run.ts';
import { start } from './start.ts';
import { stats } from './stats.ts';
import { update } from './update.ts';

export const container: CommandGroup = {
  name: 'container',
  summary: 'run containers of images, with the words of Docker',
  example: [
    'tsubo container run --rm busybox echo hello',
    'tsubo container run -d --name web -p 8800:80 httpd',
    'tsubo container ls --all',
  ],
  commands: [
    run,
    create,
    start,
    stop,
    restart,
    kill,
    pause,
    unpause,
    exec,
    logs,
    attach,
    wait,
    cp,
    diff,
    commit,
    ls,
    inspect,
    top,
    stats,
    healthcheck,
    port,
    update,
    rename,
    rm,
    prune,
  ],
};
