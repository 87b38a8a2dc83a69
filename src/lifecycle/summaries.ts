// SPDX-License-Identifier: Apache-2.0
import { unlessMissing } from '../host/files.ts';
import { type ContainerRecord, files } from './record.ts';
import type { Runtime } from './runtime.ts';
import type { StatusRecord } from './status.ts';
import { rootFailure } from './store.ts';

/** What there is to say of a container's record without reading all of it. */
export interface Summary extends StatusRecord, Pick<ContainerRecord, 'bundle' | 'created'> {
  /** Absolute path of the root file system; empty in brief. */
  readonly rootfs: string;
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

/** What a summary is made of, in the order of its columns: name of the directory, owner, texts, numbers, objects. */
interface Columns {
  readonly texts: readonly string[];
  readonly numbers: readonly string[];
  readonly objects: readonly string[];
}

const leading = 2;
const numbers = ['version', 'init.pid', 'init.startTime'];
const inBrief: Columns = { texts: ['id', 'bundle', 'created', 'cgroup.path'], numbers, objects: [] };
const inFull: Columns = { texts: [...inBrief.texts, 'rootfs'], numbers, objects: ['annotations'] };

/**
 * All directories under the root, in order of their names; undefined when there is no such root.
 *
 * A thousand records are read in one call, and of each only a few members become values: parsing all of them was half
 * of what `list` cost.
 *
 * @param options.brief - annotations and the path of the root file system are left out
 */
export function summaries(
  runtime: Runtime,
  options: { readonly brief: boolean },
): Iterable<Stored> | undefined {
  const { binding, root } = runtime;
  const columns = options.brief ? inBrief : inFull;
  const request = { directory: root, file: files.record, ...columns };
  let texts: string[] | undefined;
  try {
    texts = unlessMissing(() => binding.readMembers(request));
  } catch (error) {
    throw rootFailure(error, `unable to read ${root}`);
  }
  return texts && rows(texts, columns);
}

/** Made one after the other: what is not kept of a row makes room for the next. */
function* rows(texts: string[], columns: Columns): Generator<Stored> {
  const width = leading + columns.texts.length + columns.numbers.length + columns.objects.length;
  for (let text = texts.shift(); text !== undefined; text = texts.shift()) {
    const values = text.split('\0');
    for (let at = 0; at + width <= values.length; at += width) {
      const id = values[at] as string;
      yield { id, owner: values[at + 1] as string, summary: summaryAt(values, at, columns) };
    }
  }
}

function summaryAt(values: readonly string[], at: number, columns: Columns): Summary | undefined {
  const text = at + leading;
  const number = text + columns.texts.length;
  const id = values[text] ?? '';
  const bundle = values[text + 1];
  const created = values[text + 2];
  const path = values[text + 3];
  const rootfs = columns === inFull ? (values[text + 4] ?? '') : '';
  const pid = values[number + 1];
  const startTime = values[number + 2];
  if (values[number] !== '1' || id !== values[at] || !bundle || !created) return undefined;
  if ((columns === inFull && !rootfs) || !pid !== !startTime) return undefined;
  const annotations = columns === inFull ? values[number + 3] : '';
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
