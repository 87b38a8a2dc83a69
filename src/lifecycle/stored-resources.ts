// SPDX-License-Identifier: Apache-2.0
import { parseJson } from '../bundle/json.ts';
import { onHost } from '../errors/system.ts';
import { joinPath } from '../host/paths.ts';
import type { Resources } from '../oci/resources.ts';
import { checkResourcesDocument } from '../validate/check-resources.ts';
import { files } from './record.ts';
import type { Runtime } from './runtime.ts';

/**
 * What holds now: as of the last update, else of the config.
 *
 * @param directory - of the container's state
 */
export function storedResources({ binding }: Runtime, directory: string): Resources {
  const updated = binding.readTextIfThere(joinPath(directory, files.resources));
  if (updated !== undefined) return parseJson(updated) as Resources;
  const config = joinPath(directory, files.config);
  const text = onHost(`unable to read ${config}`, () => binding.readText(config));
  const document = parseJson(text) as { linux?: { resources?: unknown } };
  return checkResourcesDocument(document.linux?.resources ?? {}).resources ?? {};
}
