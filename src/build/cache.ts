// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../errors/system.ts';
import { makeDirectories } from '../host/files.ts';
import { hasBlob, type ImageStore } from '../image/blobs.ts';
import { digestOfText, hexOf } from '../image/digest.ts';
import type { StoredLayer } from '../image/store.ts';

/** The result of a step. */
export interface StepResult {
  /** RFC 3339. */
  readonly created: string;
  /** Undefined if the step changed no file. */
  readonly layer?: StoredLayer;
}

/** Returns the key of a step: a digest of everything that its result depends on, and of the key of the step before. */
export function stepKey(before: string, description: unknown): string {
  return digestOfText(`${before}\n${JSON.stringify(description)}`);
}

/** Returns the result of an equal step of an earlier build; undefined without one. Its layer may have been pruned. */
export function findStep(store: ImageStore, key: string): StepResult | undefined {
  const text = store.binding.readTextIfThere(pathOf(store, key), true);
  if (text === undefined) return undefined;
  let result: StepResult;
  try {
    result = JSON.parse(text) as StepResult;
  } catch {
    // The file is damaged: the step runs again.
    return undefined;
  }
  return result.layer === undefined || hasBlob(store, result.layer.digest) ? result : undefined;
}

export function keepStep(store: ImageStore, key: string, result: StepResult): void {
  const path = pathOf(store, key);
  onHost(`unable to write ${path}`, () => {
    makeDirectories(store.binding, stepsPath(store), 0o700);
    store.binding.replaceText(path, `${JSON.stringify(result)}\n`, 0o600);
  });
}

/** Returns the path of the directory with the results. */
export function stepsPath({ directory }: ImageStore): string {
  return `${directory}/build`;
}

function pathOf(store: ImageStore, key: string): string {
  return `${stepsPath(store)}/${hexOf(key)}`;
}
