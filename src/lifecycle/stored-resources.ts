// SPDX-License-Identifier: Apache-2.0
import { parseJson } from '../bundle/json.ts';
import { onHost, toRuntimeError } from '../errors/system.ts';
import { joinPath } from '../host/paths.ts';
import type { Resources } from '../oci/resources.ts';
import { checkResourcesDocument } from '../validate/check-resources.ts';
import { files } from './record.ts';
import type { Runtime } from './runtime.ts';
import { damaged } from './store.ts';

/**
 * Returns the resources in effect: those of the last update, or the config's if there was none.
 *
 * @param directory - the container's state directory
 * @throws RuntimeError `state.damaged`
 */
export function storedResources({ binding }: Runtime, directory: string): Resources {
  const updated = joinPath(directory, files.resources);
  const text = binding.readTextIfThere(updated);
  if (text !== undefined) return checked(updated, parsed(updated, text));
  const config = joinPath(directory, files.config);
  const document = parsed(
    config,
    onHost(`unable to read ${config}`, () => binding.readText(config)),
  );
  const { linux } = (document ?? {}) as { linux?: { resources?: unknown } };
  return checked(config, linux?.resources ?? {});
}

function parsed(path: string, text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw damaged(path, toRuntimeError(error).message.replace(/^config\.json is/, 'it is'));
  }
}

function checked(path: string, document: unknown): Resources {
  const { resources, problems } = checkResourcesDocument(document);
  if (resources !== undefined) return resources;
  throw damaged(path, problems[0]?.message ?? 'it contains no resources');
}
