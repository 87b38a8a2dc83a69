// SPDX-License-Identifier: Apache-2.0
import { onHost } from '../errors/system.ts';
import { unlessMissing } from '../host/files.ts';
import { type ContainerRecord, files } from './record.ts';
import type { Runtime } from './runtime.ts';
import type { StatusRecord } from './status.ts';

/** What there is to say of a container's record without reading all of it. */
export interface Summary extends StatusRecord, Pick<ContainerRecord, 'bundle' | 'rootfs' | 'created'> {
  readonly annotations?: ContainerRecord['annotations'] | undefined;
}

export interface Stored {
  /** Of the directory. */
  readonly id: string;
  /** The user id, as text, of the record's owner; empty where there is no record. */
  readonly owner: string;
  /** Undefined where the record has to be read as a whole: it holds escapes, or is damaged, or not there. */
  readonly summary: Summary | undefined;
}

const texts = ['id', 'bundle', 'rootfs', 'created', 'cgroup.path'];
const numbers = ['version', 'init.pid', 'init.startTime'];
const objects = ['annotations'];
/** Before the members of a row. */
const leading = 2;

/**
 * All directories under the root, in order of their names; undefined when there is no such root.
 *
 * A thousand records are read in one call, and of each only a few members become values: parsing all of them was half
 * of what `list` cost.
 */
export function summaries(
  runtime: Runtime,
  options: { readonly brief: boolean },
): Iterable<Stored> | undefined {
  const { binding, root } = runtime;
  const wanted = options.brief ? [] : objects;
  const request = { directory: root, file: files.record, texts, numbers, objects: wanted };
  const text = onHost(`unable to read ${root}`, () => unlessMissing(() => binding.readMembers(request)));
  const values = text?.split('\0');
  return values && rows(values, leading + texts.length + numbers.length + wanted.length, options.brief);
}

/** Made one after the other: whoever goes through them keeps what of each is needed. */
function* rows(values: readonly string[], width: number, brief: boolean): Generator<Stored> {
  for (let at = 0; at + width <= values.length; at += width) {
    const id = values[at] as string;
    const annotations = brief ? '' : values[at + width - 1];
    yield { id, owner: values[at + 1] as string, summary: summaryAt(values, at, id, annotations) };
  }
}

/** In the order of the request. */
function summaryAt(
  values: readonly string[],
  at: number,
  name: string,
  annotations: string | undefined,
): Summary | undefined {
  const id = values[at + leading];
  const bundle = values[at + leading + 1];
  const rootfs = values[at + leading + 2];
  const created = values[at + leading + 3];
  const path = values[at + leading + 4];
  const version = values[at + leading + 5];
  const pid = values[at + leading + 6];
  const startTime = values[at + leading + 7];
  if (version !== '1' || id !== name || !bundle || !rootfs || !created || !pid !== !startTime) {
    return undefined;
  }
  return {
    id,
    bundle,
    rootfs,
    created,
    cgroup: path ? { path } : undefined,
    init: pid ? { pid: Number(pid), startTime: Number(startTime) } : undefined,
    // That it is JSON has been seen.
    annotations: annotations ? JSON.parse(annotations) : undefined,
  };
}
