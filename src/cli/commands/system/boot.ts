// SPDX-License-Identifier: Apache-2.0
import { ownCommand } from '../../../direct/own-command.ts';
import { bootContainers } from '../../../direct/restart.ts';
import { startDirect } from '../../../direct/start.ts';
import { isRuntimeError } from '../../../errors/error.ts';
import type { CommandModule } from '../../command.ts';
import { directStore } from '../container/common.ts';

export const boot: CommandModule = {
  name: 'system boot',
  summary: 'start the containers that run after a start of the machine, by their --restart',
  example: ['tsubo system boot'],
  define() {},
  run(context) {
    const { runtime, print, report } = context;
    const store = directStore(context);
    let status = 0;
    for (const container of bootContainers(store)) {
      try {
        if (startDirect(runtime, store, container)) print(`${container.name}\n`);
      } catch (error) {
        if (!isRuntimeError(error) || error.code === 'internal') throw error;
        report(error);
        status = 1;
      }
    }
    return status;
  },
};

export const unit: CommandModule = {
  name: 'system unit',
  summary: 'print a unit with which systemd starts containers after a start of the machine',
  example: ['tsubo system unit >/etc/systemd/system/tsubo.service', 'systemctl enable tsubo.service'],
  define() {},
  run({ runtime, print }) {
    const { binding } = runtime;
    const data = binding.getenv('TSUBO_DATA');
    const command = [...ownCommand(runtime), 'system', 'boot'].map(quoted).join(' ');
    print(
      [
        '[Unit]',
        'Description=Containers of tsubo with a restart policy',
        'Wants=network-online.target',
        'After=network-online.target',
        ...(data === undefined ? [] : [`RequiresMountsFor=${quoted(data)}`]),
        '',
        '[Service]',
        'Type=oneshot',
        'RemainAfterExit=yes',
        ...(data === undefined ? [] : [`Environment=${quoted(`TSUBO_DATA=${data}`)}`]),
        `ExecStart=${command}`,
        '# The keepers of the containers belong to the unit and outlive its command.',
        'KillMode=process',
        '',
        '[Install]',
        'WantedBy=multi-user.target',
        '',
      ].join('\n'),
    );
    return 0;
  },
};

/** Returns a text as a word of a unit file. */
function quoted(word: string): string {
  const escaped = word.replace(/[\\"]/g, '\\$&').replace(/%/g, '%%').replace(/\$/g, '$$$$');
  return /^[\w@%+=:,./-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}
