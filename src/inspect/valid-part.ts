// SPDX-License-Identifier: Apache-2.0
import { childPointer, parsePointer } from '../bundle/pointer.ts';
import type { ErrorFields } from '../errors/error.ts';
import type { Config } from '../oci/config.ts';
import { completeConfig } from '../validate/complete.ts';
import type { Draft } from '../validate/context.ts';

/** A config without the parts that have problems. */
export interface ValidPart {
  readonly config: Config;
  /** Converts a pointer in this config, whose lists may be shorter, to one in the document. */
  original(pointer: string): string;
}

/**
 * Returns the part of a config that can be planned in spite of problems: the machine is then inspected too. A list
 * entry with a problem is removed as a whole. Returns undefined if nothing can be planned because there is no root.
 */
export function validPart(draft: Draft<Config>, problems: readonly ErrorFields[]): ValidPart | undefined {
  const pruner = new Pruner(problems.map(({ pointer = '' }) => pointer));
  const pruned = pruner.prune(draft, '', '') as Draft<Config> | undefined;
  if (!pruned?.root?.path) return undefined;
  const process = pruned.process && {
    ...pruned.process,
    args: pruned.process.args ?? [],
    cwd: pruned.process.cwd ?? '/',
  };
  const config = completeConfig({ ...pruned, ...(process !== undefined && { process }) });
  return { config, original: pointer => pruner.original(pointer) };
}

class Pruner {
  /** Pointers of problems. */
  private readonly wrong: ReadonlySet<string>;
  /** These pointers and those of all enclosing values. */
  private readonly touched = new Set<string>();
  /** For the pointer of each pruned list, the original indices of its entries. */
  private readonly indices = new Map<string, readonly number[]>();

  constructor(pointers: readonly string[]) {
    this.wrong = new Set(pointers);
    for (const pointer of pointers) {
      for (let at = pointer; !this.touched.has(at); at = at.slice(0, at.lastIndexOf('/'))) {
        this.touched.add(at);
        if (at === '') break;
      }
    }
  }

  /** Returns the value without its problems; undefined if nothing is left. */
  prune(value: unknown, pointer: string, prunedPointer: string): unknown {
    if (this.wrong.has(pointer)) return undefined;
    if (!this.touched.has(pointer) || typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) {
      const kept: number[] = [];
      for (let index = 0; index < value.length; index++) {
        if (!this.touched.has(`${pointer}/${index}`)) kept.push(index);
      }
      this.indices.set(prunedPointer, kept);
      return kept.map(index => value[index] as unknown);
    }
    const entries: [string, unknown][] = [];
    for (const [name, member] of Object.entries(value)) {
      const pruned = this.prune(member, childPointer(pointer, name), childPointer(prunedPointer, name));
      if (pruned !== undefined) entries.push([name, pruned]);
    }
    return Object.fromEntries(entries);
  }

  original(pointer: string): string {
    let pruned = '';
    let out = '';
    for (const token of parsePointer(pointer)) {
      const index = this.indices.get(pruned)?.[Number(token)];
      pruned = childPointer(pruned, token);
      out = childPointer(out, index ?? token);
    }
    return out;
  }
}
