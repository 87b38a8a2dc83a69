// SPDX-License-Identifier: Apache-2.0
import type { UsableImage } from '../../../direct/create.ts';
import { unpackedLayers } from '../../../image/layers.ts';
import { pullImage } from '../../../image/online.ts';
import { formatPlatform, isFor, parsePlatform } from '../../../image/platform.ts';
import { formatReference, parseReference, shortReference } from '../../../image/reference.ts';
import { findImage, needImage } from '../../../image/store.ts';
import type { Context } from '../../command.ts';
import { directStore } from './common.ts';
import type { PullPolicy } from './options.ts';

const standardError = 2;

/**
 * The image with unpacked layers. A missing one is pulled, and so is one of another platform than the requested one.
 * Standard output is the program's: progress goes to standard error.
 *
 * @throws RuntimeError `image.*`, `registry.*`
 */
export function usableImage(
  context: Context,
  text: string,
  { pull, platform: platformText }: { readonly pull: PullPolicy; readonly platform: string | undefined },
): UsableImage {
  const { binding } = context.runtime;
  const store = directStore(context);
  const platform = platformText === undefined ? undefined : parsePlatform(platformText);
  let image = pull === 'always' ? undefined : findImage(store, text);
  if (image !== undefined && platform !== undefined && !isFor(image.platform, platform)) image = undefined;
  if (image === undefined && pull !== 'never') {
    const complete = formatReference(parseReference(text));
    if (pull === 'missing') {
      binding.write(standardError, `Unable to find image '${shortReference(complete)}' locally\n`);
    }
    pullImage(store, complete, {
      output: standardError,
      ...(platform !== undefined && { platform: formatPlatform(platform) }),
    });
  }
  image ??= needImage(store, text);
  return {
    id: image.id,
    config: image.config,
    layers: unpackedLayers(store, image, text => context.runtime.log.warn(text)),
  };
}
