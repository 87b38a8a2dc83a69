// SPDX-License-Identifier: Apache-2.0
import type { Input } from './target.ts';

/** Attempts at most: a failure should be reported soon. */
const mostAttempts = 3000;

/**
 * Removes parts of an input as long as it still fails.
 *
 * @param fails - true if an input fails in the same way
 */
export function shrink(input: Input, fails: (input: Input) => boolean): Input {
  let left = mostAttempts;
  const limited = (candidate: Input): boolean => left-- > 0 && fails(candidate);
  if (typeof input !== 'string')
    return shrinkList(
      [...input],
      list => limited(Uint8Array.from(list)),
      list => Uint8Array.from(list),
    );
  let text = input;
  try {
    text = JSON.stringify(shrinkJson(JSON.parse(input), value => limited(JSON.stringify(value) ?? '')));
    if (!fails(text)) text = input;
  } catch {
    // It is not JSON, or its exact numbers matter.
  }
  return shrinkList(
    [...text],
    list => limited(list.join('')),
    list => list.join(''),
  );
}

function shrinkList<T, R>(list: T[], fails: (list: T[]) => boolean, make: (list: T[]) => R): R {
  let best = list;
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length; ) {
      const candidate = [...best.slice(0, at), ...best.slice(at + size)];
      if (candidate.length < best.length && fails(candidate)) best = candidate;
      else at += size;
    }
  }
  return make(best);
}

type Container = Record<string, unknown>;

function shrinkJson(value: unknown, fails: (value: unknown) => boolean): unknown {
  const root: Container = { value };
  const stillFails = (): boolean => fails(root['value']);
  const visit = (parent: Container, key: string): void => {
    const before = parent[key];
    for (const smaller of [null, '', 0, [], {}]) {
      if (before === smaller || (typeof before !== 'object' && typeof smaller === 'object')) continue;
      parent[key] = smaller;
      if (stillFails()) return;
    }
    parent[key] = before;
    if (typeof before !== 'object' || before === null) return;
    for (const name of Object.keys(before).reverse()) {
      const inner = before as Container;
      const member = inner[name];
      if (Array.isArray(inner)) inner.splice(Number(name), 1);
      else delete inner[name];
      if (stillFails()) continue;
      if (Array.isArray(inner)) inner.splice(Number(name), 0, member);
      else inner[name] = member;
      visit(inner, name);
    }
  };
  visit(root, 'value');
  return root['value'];
}
