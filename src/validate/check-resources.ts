// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';
import type { Resources } from '../oci/resources.ts';
import type { ObjectShape } from '../oci/shape.ts';
import { checkShape } from './check-shape.ts';
import { resourceProblems } from './checks/resources.ts';
import type { Draft } from './context.ts';
import { resourcesShape } from './resources-shape.ts';

export interface CheckedResources {
  /** Undefined if there are problems. */
  readonly resources: Resources | undefined;
  readonly problems: readonly ErrorFields[];
  readonly warnings: readonly ErrorFields[];
}

/**
 * Checks changes to the resources of a container, a document in the format of config.json's `linux.resources`.
 * Pointers refer to the document. It does not check device rules: the caller calls deviceRuleProblems.
 */
export function checkResourcesDocument(document: unknown): CheckedResources {
  const spec = 'config-linux.md#control-groups';
  const { value, problems, warnings } = checkShape(
    resourcesShape as ObjectShape,
    document,
    spec,
    'the resources',
  );
  const found = problems.length > 0 ? problems : resourceProblems(value as Draft<Resources>, '', false);
  return {
    resources: found.length === 0 ? (value as unknown as Resources) : undefined,
    problems: found,
    warnings,
  };
}
