// SPDX-License-Identifier: Apache-2.0
import { parseJson } from '../bundle/json.ts';
import { onHost } from '../errors/system.ts';
import { entryPath } from '../host/paths.ts';
import type { Runtime } from '../lifecycle/runtime.ts';
import { updateContainer } from '../lifecycle/update.ts';
import type { Resources } from '../oci/resources.ts';
import { exactJson } from '../plan/exact-json.ts';
import type { DirectContainer } from './container.ts';
import { isUp, stateOf } from './status.ts';
import { containerFiles, containerPath, type DirectStore, withContainerLock } from './store.ts';

type Members = { readonly [name: string]: unknown };

/**
 * Changes limits of a container: at once if it runs, and in its config.json for later starts.
 *
 * @throws RuntimeError as the runtime's update; config.json is then as before
 */
export function updateDirect(
  runtime: Runtime,
  store: DirectStore,
  container: DirectContainer,
  resources: Resources,
): void {
  withContainerLock(store, container.id, () => {
    const { binding } = store;
    if (isUp(stateOf(runtime, store, container))) updateContainer(runtime, container.id, resources);
    const path = entryPath(containerPath(store, container.id), containerFiles.config);
    onHost(`unable to change ${path}`, () => {
      const config = parseJson(binding.readText(path)) as Members;
      const linux = config['linux'] as Members;
      const before = (linux['resources'] as Members | undefined) ?? {};
      const merged = Object.fromEntries(
        Object.entries(resources).map(([group, values]) => [
          group,
          { ...(before[group] as object | undefined), ...(values as object) },
        ]),
      );
      const changed = { ...config, linux: { ...linux, resources: { ...before, ...merged } } };
      binding.replaceText(path, `${exactJson(changed)}\n`, 0o600);
    });
  });
}
