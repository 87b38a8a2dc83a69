// SPDX-License-Identifier: Apache-2.0
import type { Check } from '../context.ts';

const spec = 'config.md#posix-platform-hooks';

export const checkHooks: Check = context => {
  for (const [kind, hooks] of Object.entries(context.config.hooks ?? {})) {
    for (const [index, hook] of hooks?.entries() ?? []) {
      const at = `/hooks/${kind}/${index}`;
      const { path, timeout } = hook;
      if (path !== undefined && !path.startsWith('/')) {
        context.problem({
          code: 'config.hooks.path',
          message: `the path of a hook must be absolute: ${JSON.stringify(path)}`,
          pointer: `${at}/path`,
          value: path,
          hint: 'PATH is not searched for hooks',
          spec,
        });
      }
      if (timeout !== undefined && timeout <= 0) {
        context.problem({
          code: 'config.hooks.timeout',
          message: `the timeout of a hook must be greater than zero: ${timeout}`,
          pointer: `${at}/timeout`,
          value: String(timeout),
          hint: 'it is in seconds; omit it for no timeout',
          spec,
        });
      }
      for (const [number, entry] of hook.env?.entries() ?? []) {
        if (entry.indexOf('=') > 0) continue;
        context.problem({
          code: 'config.hooks.env',
          message: `the environment variable "${entry}" of a hook is not NAME=value`,
          pointer: `${at}/env/${number}`,
          value: entry,
          spec,
        });
      }
    }
  }
};
