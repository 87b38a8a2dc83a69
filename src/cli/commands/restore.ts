// SPDX-License-Identifier: Apache-2.0
import { restoreContainer } from '../../lifecycle/restore.ts';
import type { CommandModule } from '../command.ts';
import { defineImageOptions, imageOptions, textOption } from '../image-options.ts';

export const restore: CommandModule = {
  name: 'restore',
  summary: 'restore a container from the files of checkpoint, wait until it exits, and delete it',
  example: ['tsubo restore --image-path /var/lib/images/web --bundle /containers/web --detach web'],
  define(command) {
    command.argument('<container-id>', 'a name for the container, which need not be the earlier one');
    defineImageOptions(command);
    command
      .option(
        '-b, --bundle <dir>',
        'the bundle: the directory with config.json (default: the current directory)',
      )
      .option('-d, --detach', 'return as soon as the program runs; the container stays until it is deleted')
      .option('--pid-file <file>', 'write the process id of the init to this file')
      .option('--console-socket <path>', "Unix socket that receives the master of the container's terminal")
      .option('--no-subreaper', 'do not adopt orphaned processes of the container')
      .option('--no-pivot', 'accepted and ignored: criu enters the root itself')
      .option(
        '--lsm-profile <type:name>',
        'use this profile of AppArmor or SELinux instead of the earlier one',
      )
      .option('--lsm-mount-context <context>', 'use this SELinux label for the mounts');
  },
  run({ runtime }, [id = ''], options) {
    return restoreContainer(runtime, {
      ...imageOptions(options),
      id,
      bundle: typeof options['bundle'] === 'string' && options['bundle'] !== '' ? options['bundle'] : '.',
      ...textOption(options, 'pidFile'),
      ...textOption(options, 'consoleSocket'),
      ...textOption(options, 'lsmProfile'),
      ...textOption(options, 'lsmMountContext'),
      detach: options['detach'] === true,
      noSubreaper: options['subreaper'] === false,
    });
  },
};
