// SPDX-License-Identifier: Apache-2.0

import { nearestWord } from '../../errors/spelling.ts';
import { lookUp } from '../../oci/look-up.ts';
import { namespaceFlags } from '../../oci/namespaces.ts';
import type { Check } from '../context.ts';

const spec = 'config-linux.md#namespaces';

export const checkNamespaces: Check = context => {
  const seen = new Map<string, number>();
  context.config.linux?.namespaces?.forEach((namespace, index) => {
    const pointer = `/linux/namespaces/${index}`;
    const { path } = namespace;
    // Any string is possible here, despite the type.
    const type: string | undefined = namespace.type;
    if (type === undefined) return;
    const first = seen.get(type);
    if (!Object.hasOwn(namespaceFlags, type)) {
      const types = Object.keys(namespaceFlags);
      const meant = lookUp(synonyms, type) ?? nearestWord(type, types);
      context.problem({
        code: 'config.namespace.unknown',
        message: `namespace "${type}" does not exist`,
        pointer: `${pointer}/type`,
        value: type,
        hint: meant === undefined ? `the types are ${types.join(', ')}` : `did you mean ${meant}?`,
        spec,
      });
    } else if (first !== undefined) {
      context.problem({
        code: 'config.namespace.duplicate',
        message: `malformed spec file: duplicated ns "${type}"`,
        pointer: `${pointer}/type`,
        value: type,
        hint: `the first entry is at /linux/namespaces/${first}`,
        spec,
      });
    }
    if (first === undefined) seen.set(type, index);
    if (path !== undefined && path !== '') {
      const wrong = !path.startsWith('/')
        ? 'is not absolute'
        : path.includes(',')
          ? 'contains a comma'
          : undefined;
      if (wrong === undefined) return;
      context.problem({
        code: 'config.namespace.path',
        message: `the path "${path}" of the ${type} namespace ${wrong}`,
        pointer: `${pointer}/path`,
        value: path,
        spec,
      });
    }
  });
};

/** The kernel's names that differ from those of OCI. */
const synonyms: Readonly<Record<string, string>> = { net: 'network', mnt: 'mount' };
