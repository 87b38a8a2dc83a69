// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../../errors/error.ts';
import { nearestWord } from '../../errors/spelling.ts';
import type { Shape } from '../../oci/shape.ts';
import {
  type Landlock,
  type LandlockKind,
  landlockAnnotation,
  landlockShape,
  landlockWords,
} from '../../plan/landlock.ts';
import { checkShape } from '../check-shape.ts';
import type { Check } from '../context.ts';

const pointer = `/annotations/${landlockAnnotation}`;

/** Checks the annotation with Landlock rules. Every fault is a problem, because no rule may be ignored. */
export const checkLandlock: Check = context => {
  const text = context.config.annotations?.[landlockAnnotation];
  if (text === undefined) return;
  const problem = (message: string, more: Pick<ErrorFields, 'hint' | 'value'> = {}): void =>
    context.problem({
      code: 'config.landlock',
      pointer,
      message: `annotation ${landlockAnnotation}: ${message}`,
      ...more,
    });
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    problem((error as Error).message, {
      hint: 'write JSON: {"ruleset": {"handledAccessFS": ["write_file"]}}',
    });
    return;
  }
  const { value, problems, warnings } = checkShape(landlockShape, document, '', landlockAnnotation);
  for (const found of [...problems, ...warnings]) {
    problem(`${found.message}${found.pointer ? ` (${found.pointer})` : ''}`, { hint: found.hint });
  }
  if (problems.length + warnings.length > 0) return;
  const wrong = inexactName(landlockShape, document);
  if (wrong !== undefined) {
    problem(`the member ${wrong} is null, or its name has another case than documented`);
    return;
  }
  const { ruleset, rules = {} } = value as unknown as Landlock;
  const known = (kind: LandlockKind, words: readonly string[]): boolean =>
    words.every(word => {
      const all = landlockWords(kind);
      if (all.includes(word)) return true;
      const meant = nearestWord(word, all);
      problem(`${JSON.stringify(word)} is unknown`, {
        value: word,
        hint: meant === undefined ? `use ${all.join(' ')}` : `did you mean ${meant}?`,
      });
      return false;
    });
  const { handledAccessFS = [], handledAccessNetwork = [], scoped = [] } = ruleset;
  if (handledAccessFS.length + handledAccessNetwork.length + scoped.length === 0) {
    problem('ruleset is empty and restricts nothing', {
      hint: 'name the rights that are refused without a rule in handledAccessFS or handledAccessNetwork',
    });
  }
  known('fs', handledAccessFS);
  known('network', handledAccessNetwork);
  known('scope', scoped);
  const allowed = (kind: LandlockKind, words: readonly string[], handled: readonly string[]): void => {
    if (!known(kind, words)) return;
    if (words.length === 0) problem('a rule allows nothing', { hint: 'remove the rule' });
    const free = words.find(word => !handled.includes(word));
    if (free === undefined) return;
    const list = kind === 'fs' ? 'handledAccessFS' : 'handledAccessNetwork';
    problem(`a rule allows ${free}, which is not in ${list}: it is allowed everywhere`, {
      value: free,
      hint: `add it to ${list}, or remove it from the rule`,
    });
  };
  for (const { allowedAccess, paths } of rules.pathBeneath ?? []) {
    allowed('fs', allowedAccess, handledAccessFS);
    const relative = paths.find(path => !path.startsWith('/'));
    if (relative !== undefined) {
      problem(`the path ${JSON.stringify(relative)} is not absolute`, { value: relative });
    }
  }
  for (const { allowedAccess } of rules.networkPort ?? []) {
    allowed('network', allowedAccess, handledAccessNetwork);
  }
};

/** Returns a name in another spelling than that of the shape, because its rule would have no effect. */
function inexactName(shape: Shape, value: unknown): string | undefined {
  if (Array.isArray(value) && shape.kind === 'list') {
    for (const entry of value) {
      const wrong = inexactName(shape.of, entry);
      if (wrong !== undefined) return wrong;
    }
  }
  if (shape.kind !== 'object') return undefined;
  for (const [name, member] of Object.entries(value as object)) {
    const inner = shape.properties[name];
    if (inner === undefined || member === null) return name;
    const wrong = inexactName(inner, member);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
