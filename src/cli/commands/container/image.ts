// SPDX-License-Identifier: Apache-2.0
import type { UsableImage } from '../../../direct/create.ts';
import { unpackedLayers } from '../../../image/layers.ts';
import { pullImage } from '../../../image/online.ts';
import { formatPlatform, isFor, parsePlatform } from '../../../image/platform.ts';
import { formatReference, parseReference, shortReference } from '../../../image/reference.ts';
import { claimImage, noSuchImage, type StoredImage } from '../../../image/store.ts';
import type { Context } from '../../command.ts';
import { directStore } from './common.ts';
import type { PullPolicy } from './options.ts';

const standardError = 2;

/** An image with unpacked layers, which no command removes until `end` is called. */
export interface ClaimedImage extends UsableImage {
  end(): void;
}

/**
 * Returns the image with unpacked layers. Pulls it if it is missing or for another platform than the requested one, and
 * reports progress on standard error, because standard output belongs to the program.
 *
 * @throws RuntimeError `image.*`, `registry.*`
 */
export function usableImage(
  context: Context,
  text: string,
  { pull, platform: platformText }: { readonly pull: PullPolicy; readonly platform: string | undefined },
): ClaimedImage {
  const { binding } = context.runtime;
  const store = directStore(context);
  const platform = platformText === undefined ? undefined : parsePlatform(platformText);
  const isWanted = (image: StoredImage) => platform === undefined || isFor(image.platform, platform);
  let claimed = pull === 'always' ? undefined : claimImage(store, text, isWanted);
  if (claimed === undefined && pull !== 'never') {
    const complete = formatReference(parseReference(text));
    if (pull === 'missing') {
      binding.write(standardError, `Unable to find image '${shortReference(complete)}' locally\n`);
    }
    pullImage(store, complete, {
      output: standardError,
      ...(platform !== undefined && { platform: formatPlatform(platform) }),
    });
  }
  claimed ??= claimImage(store, text);
  if (claimed === undefined) throw noSuchImage(text);
  const { image, end } = claimed;
  try {
    const layers = unpackedLayers(store, image, warning => context.runtime.log.warn(warning));
    return { id: image.id, config: image.config, layers, end };
  } catch (error) {
    end();
    throw error;
  }
}
