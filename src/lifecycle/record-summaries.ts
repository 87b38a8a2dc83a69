// SPDX-License-Identifier: Apache-2.0
import { unlessMissing } from '../host/files.ts';
import { type ContainerRecord, files, recordVersion } from './record.ts';
import type { Runtime } from './runtime.ts';
import type { StatusRecord } from './status.ts';
import { rootFailure } from './store.ts';

/** The members of a record that `list` needs, read without parsing all of it. */
export interface RecordSummary extends StatusRecord, Pick<ContainerRecord, 'bundle' | 'created'> {
  /** Absolute path of the root file system; empty in brief. */
  readonly rootfs: string;
  readonly annotations?: ContainerRecord['annotations'] | undefined;
}

export interface Stored {
  /** Name of the directory. */
  readonly id: string;
  /** User id of the record's owner, as text; empty without a record. */
  readonly owner: string;
  /** Undefined if the record must be parsed as a whole: it contains escapes, is damaged, or is missing. */
  readonly summary: RecordSummary | undefined;
}

/** The columns of a summary, in order: name of the directory, owner, number of members, texts, numbers, objects. */
interface Columns {
  readonly texts: readonly string[];
  readonly numbers: readonly string[];
  readonly objects: readonly string[];
}

const leading = 3;
const numbers = ['version', 'members', 'init.pid', 'init.startTime'];
const inBrief: Columns = { texts: ['id', 'bundle', 'created', 'cgroup.path'], numbers, objects: [] };
const inFull: Columns = { texts: [...inBrief.texts, 'rootfs'], numbers, objects: ['annotations'] };

/**
 * Returns all directories under the root, ordered by name; undefined if there is no root.
 *
 * One call reads a thousand records, and only a few members of each become values: parsing all of them took half of the
 * time of `list`.
 *
 * @param options.brief - omits annotations and the path of the root file system
 */
export function readSummaries(
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

/** A generator: a row that the caller does not keep can be freed before the next is made. */
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

function summaryAt(values: readonly string[], at: number, columns: Columns): RecordSummary | undefined {
  const text = at + leading;
  const number = text + columns.texts.length;
  const id = values[text] ?? '';
  const bundle = values[text + 1];
  const created = values[text + 2];
  const path = values[text + 3];
  const rootfs = columns === inFull ? (values[text + 4] ?? '') : '';
  const pid = values[number + 2];
  const startTime = values[number + 3];
  if (values[number] !== String(recordVersion) || id !== values[at] || !bundle || !created) return undefined;
  // `members` does not count itself. A wrong number is explained by the reader of whole records.
  if (Number(values[number + 1]) + 1 !== Number(values[at + 2])) return undefined;
  if ((columns === inFull && !rootfs) || !pid !== !startTime) return undefined;
  const annotations = columns === inFull ? values[number + 4] : '';
  return {
    id,
    bundle,
    rootfs,
    created,
    cgroup: path ? { path } : undefined,
    init: pid ? { pid: Number(pid), startTime: Number(startTime) } : undefined,
    // readMembers() has checked that it is JSON.
    annotations: annotations ? JSON.parse(annotations) : undefined,
  };
}
