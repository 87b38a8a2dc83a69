// SPDX-License-Identifier: Apache-2.0
import { stateOf } from '../../../direct/status.ts';
import { listContainers } from '../../../direct/store.ts';
import type { SystemInfo } from '../../../direct/system-info.ts';
import { visibleLine } from '../../../errors/visible.ts';
import { isMachineRoot } from '../../../host/privilege.ts';
import { machinePlatform } from '../../../image/platform.ts';
import { listImages } from '../../../image/store.ts';
import type { CommandModule } from '../../command.ts';
import { formatOf } from '../../options.ts';
import { version } from '../../version.ts';
import { directStore } from '../container/common.ts';

export const info: CommandModule = {
  name: 'system info',
  summary: 'show the numbers of containers and images, the directories and the machine',
  example: ['tsubo system info', 'tsubo system info --format json'],
  define(command) {
    command.option('--format <format>', 'format of the output: text or json (default: text)');
  },
  run(context, _args, options) {
    const format = formatOf(options, ['text', 'json']);
    const { runtime, print } = context;
    const { binding } = runtime;
    const store = directStore(context);
    const { containers, damaged } = listContainers(store);
    for (const problem of damaged) context.report(problem);
    const states = containers.map(container => stateOf(runtime, store, container).status);
    const { machine, release } = binding.identity();
    const { os, architecture } = machinePlatform(machine);
    const members: SystemInfo = {
      Containers: containers.length,
      ContainersRunning: states.filter(status => status === 'running').length,
      ContainersPaused: states.filter(status => status === 'paused').length,
      ContainersStopped: states.filter(status => status !== 'running' && status !== 'paused').length,
      Images: listImages(store).length,
      ServerVersion: version,
      RootDir: store.directory,
      StateDir: runtime.root,
      Driver: 'overlayfs',
      Rootless: !isMachineRoot(binding),
      KernelVersion: release,
      OSType: os,
      Architecture: architecture,
    };
    if (format === 'json') print(`${JSON.stringify(members, null, 2)}\n`);
    else
      print(
        Object.entries(members)
          .map(([name, value]) => `${labelOf(name)}: ${visibleLine(String(value))}\n`)
          .join(''),
      );
    return 0;
  },
};

/** `ContainersRunning` as `Containers Running`. */
function labelOf(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, '$1 $2');
}
