// SPDX-License-Identifier: Apache-2.0
import { readInRoot } from '../../../direct/image-files.ts';
import { programStatus } from '../../../direct/program-status.ts';
import { useNoInput } from '../../../direct/standard-input.ts';
import { stateOf } from '../../../direct/status.ts';
import { requireUp } from '../../../direct/stop.ts';
import { findContainer } from '../../../direct/store.ts';
import { findUser } from '../../../direct/users.ts';
import { onHost, toRuntimeError } from '../../../errors/system.ts';
import { capabilityNumbers } from '../../../kernel/capabilities.ts';
import { O } from '../../../kernel/files.ts';
import { type ExecOptions, execInContainer } from '../../../lifecycle/exec.ts';
import type { Runtime } from '../../../lifecycle/runtime.ts';
import type { CommandModule } from '../../command.ts';
import { directStore } from './common.ts';
import { environmentOf, textOf } from './options.ts';

const optionNames = {
  cwd: '--workdir',
  env: '--env',
  user: '--user',
  additionalGids: '--user',
  tty: '--tty',
  capabilities: '--privileged',
  selinuxLabel: '--privileged',
  apparmorProfile: '--privileged',
};

export const exec: CommandModule = {
  name: 'container exec',
  summary: 'run a program in a running container',
  example: ['tsubo container exec web ls -l /', 'tsubo container exec -it --user www web /bin/sh'],
  optionsFirst: true,
  shortOptionsCombine: true,
  failureStatus: 125,
  define(command) {
    command
      .argument('<container>', 'a name, an id or a prefix of an id')
      .argument('<command...>', 'the program and its arguments')
      .option('-i, --interactive', 'pass standard input to the program')
      .option('-t, --tty', 'give the program a terminal')
      .option('-d, --detach', 'return as soon as the program runs')
      .option('-e, --env <pair...>', "set NAME=VALUE; NAME alone takes the caller's value")
      .option('--env-file <file...>', 'read such lines from a file')
      .option('-u, --user <user>', 'user and group, as names or numbers')
      .option('-w, --workdir <dir>', 'the working directory in the container')
      .option('--privileged', 'all capabilities');
  },
  run(context, [word = '', ...args], options) {
    const { runtime, report } = context;
    const { binding } = runtime;
    const store = directStore(context);
    const container = findContainer(store, word);
    requireUp(runtime, store, container, 'exec in');
    const detach = options['detach'] === true;
    const terminal = options['tty'] === true && !detach;
    const workdir = textOf(options, 'workdir');
    const user = textOf(options, 'user');
    const request: ExecOptions = {
      args,
      detach,
      tty: terminal,
      env: [
        ...(terminal ? ['TERM=xterm'] : []),
        // Unlike `run`, exec cannot remove a variable.
        ...environmentOf(binding, options).filter(entry => entry.includes('=')),
      ],
      ...(workdir !== undefined && { cwd: workdir }),
      ...(user !== undefined && idsOf(runtime, stateOf(runtime, store, container).pid, user)),
      ...(options['privileged'] === true && { capabilities: ownCapabilities(runtime) }),
      optionNames,
    };
    // The program reads end of file at once, as with Docker.
    if (options['interactive'] !== true && !terminal) useNoInput(binding);
    try {
      return execInContainer(runtime, container.id, request);
    } catch (error) {
      const failure = toRuntimeError(error);
      report(failure);
      binding.endBySignal();
      return programStatus(failure) ?? 125;
    }
  },
};

/** Looks the names of user and groups up in the files of the running container. */
function idsOf({ binding }: Runtime, pid: number, user: string) {
  const root = onHost('unable to open the root of the container', () =>
    binding.open(`/proc/${pid}/root`, O.O_PATH | O.O_CLOEXEC, 0),
  );
  try {
    const files = {
      passwd: readInRoot(binding, root, '/etc/passwd'),
      group: readInRoot(binding, root, '/etc/group'),
    };
    return findUser(user, files);
  } finally {
    binding.close(root);
  }
}

function ownCapabilities({ binding }: Runtime): string[] {
  const { boundingCapabilities } = binding.identity();
  return Object.entries(capabilityNumbers)
    .filter(([, number]) => ((boundingCapabilities >> BigInt(number)) & 1n) === 1n)
    .map(([name]) => name);
}
