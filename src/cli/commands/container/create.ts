// SPDX-License-Identifier: Apache-2.0

import type { DirectContainer } from '../../../direct/container.ts';
import { createDirect } from '../../../direct/create.ts';
import { removeDirect } from '../../../direct/remove.ts';
import { RuntimeError } from '../../../errors/error.ts';
import { onHost } from '../../../errors/system.ts';
import { resolvePath } from '../../../host/paths.ts';
import { O } from '../../../kernel/files.ts';
import type { CommandModule, Context } from '../../command.ts';
import { directStore } from './common.ts';
import { requireTerminal } from './foreground.ts';
import { usableImage } from './image.ts';
import { defineRequest, portsOf, pullPolicy, requestOf, textOf, unsupportedOptions } from './options.ts';

export const create: CommandModule = {
  name: 'container create',
  summary: 'make a container of an image; start runs its program',
  example: ['tsubo container create --name web -p 8800:80 httpd', 'tsubo container start web'],
  optionsFirst: true,
  shortOptionsCombine: true,
  failureStatus: 125,
  foreignOptions: unsupportedOptions,
  define(command) {
    command
      .argument('<image>', 'name or id of an image')
      .argument('[command...]', "replaces the image's command or arguments");
    defineRequest(command);
  },
  run(context, [image = '', ...args], options) {
    context.print(`${createOf(context, image, args, options).id}\n`);
    return 0;
  },
};

/** Makes the container that the options request. */
export function createOf(
  context: Context,
  imageText: string,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
  inForeground = false,
): DirectContainer {
  const { binding } = context.runtime;
  const store = directStore(context);
  const file = textOf(options, 'cidfile');
  const path = file === undefined ? undefined : resolvePath(() => binding.getcwd(), file);
  if (path !== undefined && binding.stat(path, true) !== undefined) {
    throw new RuntimeError({
      code: 'usage.bad-value',
      message: `container ID file found, make sure the other container isn't running or delete ${file}`,
      path,
      value: file,
    });
  }
  // Wrong options are refused before an image is pulled.
  const requested = requestOf(context, imageText, args, options);
  const image = usableImage(context, imageText, {
    pull: pullPolicy(options),
    platform: textOf(options, 'platform'),
  });
  let container: DirectContainer;
  try {
    const request = {
      ...requested,
      ports: portsOf(context, requested, image.config.ExposedPorts, options),
    };
    if (options['detach'] !== true && inForeground) requireTerminal(binding, request, request.openStdin);
    container = createDirect(context.runtime, store, image, request);
  } finally {
    image.end();
  }
  if (path === undefined) return container;
  try {
    onHost(`unable to write ${path}`, () =>
      binding.writeText(path, container.id, O.O_CREAT | O.O_EXCL, 0o644),
    );
  } catch (error) {
    removeDirect(context.runtime, store, container.id, { force: true, volumes: true });
    throw error;
  }
  return container;
}
