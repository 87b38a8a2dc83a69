// SPDX-License-Identifier: Apache-2.0
import { checkpointContainer } from '../../lifecycle/checkpoint.ts';
import type { CommandModule } from '../command.ts';
import { badValue, defineImageOptions, imageOptions, textOption } from '../image-options.ts';

export const checkpoint: CommandModule = {
  name: 'checkpoint',
  summary: 'write the processes of a container to files with criu, and delete the container',
  example: [
    'tsubo checkpoint --image-path /var/lib/images/web web',
    'tsubo restore --image-path /var/lib/images/web --bundle /containers/web --detach web',
  ],
  define(command) {
    command.argument('<container-id>', 'a running or paused container');
    defineImageOptions(command);
    command
      .option('--leave-running', 'the container continues')
      .option('--pre-dump', 'write only the memory; the container continues')
      .option('--parent-path <dir>', 'the image of an earlier --pre-dump, relative to that of --image-path')
      .option('--tcp-skip-in-flight', 'leave out TCP connections that are not yet accepted')
      .option('--link-remap', 'give unlinked files a name')
      .option(
        '--page-server <address:port>',
        'the server to which the memory is sent, or that --lazy-pages starts',
      )
      .option(
        '--status-fd <fd>',
        'descriptor that gets a null byte when the memory can be fetched (--lazy-pages)',
      );
  },
  run({ runtime }, [id = ''], options) {
    checkpointContainer(runtime, id, {
      ...imageOptions(options),
      ...textOption(options, 'parentPath'),
      leaveRunning: options['leaveRunning'] === true,
      preDump: options['preDump'] === true,
      tcpSkipInFlight: options['tcpSkipInFlight'] === true,
      linkRemap: options['linkRemap'] === true,
      ...pageServer(options['pageServer']),
      ...statusFd(options['statusFd']),
    });
    return 0;
  },
};

function pageServer(value: unknown): { readonly pageServer?: { address: string; port: number } } {
  if (typeof value !== 'string' || value === '') return {};
  const colon = value.lastIndexOf(':');
  const address = value.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1');
  const port = value.slice(colon + 1);
  const hint = 'for example 192.0.2.7:9876';
  if (address === '' || port === '')
    throw badValue('use --page-server ADDRESS:PORT to specify page server', value, hint);
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw badValue('invalid port number', value, hint);
  return { pageServer: { address, port: Number(port) } };
}

function statusFd(value: unknown): { readonly statusFd?: number } {
  if (typeof value !== 'string' || value === '' || value === '-1') return {};
  if (!/^\d{1,7}$/.test(value)) {
    throw badValue(
      `invalid value ${JSON.stringify(value)} for --status-fd`,
      value,
      'use the number of a descriptor',
    );
  }
  return { statusFd: Number(value) };
}
