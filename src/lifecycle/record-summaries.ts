// SPDX-License-Identifier: Apache-2.0
import { unlessMissing } from '../host/files.ts';
import type { StateOutput } from '../oci/state.ts';
import { ociVersion } from '../oci/version.ts';
import { sortedAnnotations } from '../plan/hooks.ts';
import { files, recordVersion } from './record.ts';
import type { Runtime } from './runtime.ts';
import { statusOfRunning } from './status.ts';
import { rootFailure } from './store.ts';

export interface SummaryRequest {
  /** Annotations and `rootfs` are left out; `rootfs` is then an empty text. */
  readonly brief: boolean;
  /** Name of the owner of a record. */
  readonly userName: (uid: string) => string;
  /**
   * The state of a container whose record must be parsed as a whole: it contains escapes, is damaged, is missing, or has
   * no process. If it returns undefined, the container is left out.
   */
  readonly whole: (id: string, uid: string) => StateOutput | undefined;
}

/** The columns of a row: name of the directory, owner, number of members, texts, numbers, objects, process. */
interface Columns {
  readonly texts: readonly string[];
  readonly numbers: readonly string[];
  readonly objects: readonly string[];
}

const leading = 3;
const numbers = ['version', 'members'];
const inBrief: Columns = { texts: ['id', 'bundle', 'created'], numbers, objects: [] };
const inFull: Columns = { texts: [...inBrief.texts, 'rootfs'], numbers, objects: ['annotations'] };
const process = {
  pid: 'init.pid',
  startTime: 'init.startTime',
  cgroup: 'cgroup.path',
  fifo: files.startFifo,
} as const;
const written = String(recordVersion);

/**
 * Returns the states of all containers under the root, ordered by id; undefined if there is no root.
 *
 * One call reads a thousand records, and looks after their processes. The only object made for a container is its state:
 * in the engine of the executable, objects took three quarters of the time of `list`.
 */
export function readSummaries(runtime: Runtime, request: SummaryRequest): StateOutput[] | undefined {
  const { binding, root } = runtime;
  const columns = request.brief ? inBrief : inFull;
  let texts: string[] | undefined;
  try {
    texts = unlessMissing(() =>
      binding.readMembers({ directory: root, file: files.record, ...columns, process }),
    );
  } catch (error) {
    throw rootFailure(error, `unable to read ${root}`);
  }
  if (texts === undefined) return undefined;
  const states: StateOutput[] = [];
  for (let text = texts.shift(); text !== undefined; text = texts.shift()) {
    addStates(text.split('\0'), columns, request, states);
  }
  return states;
}

function addStates(
  values: readonly string[],
  columns: Columns,
  request: SummaryRequest,
  states: StateOutput[],
): void {
  const number = leading + columns.texts.length;
  const object = number + columns.numbers.length;
  const last = object + columns.objects.length;
  const { brief } = request;
  // Most rows have the same number of members and the same owner.
  let count: string | undefined;
  let members = '';
  let lastUid: string | undefined;
  let owner = '';
  for (let at = 0; at + last + 1 < values.length; at += last + 2) {
    const id = values[at] as string;
    const uid = values[at + 1] as string;
    const bundle = values[at + leading + 1];
    const created = values[at + leading + 2];
    const rootfs = brief ? '' : values[at + leading + 3];
    const pid = values[at + last];
    if (values[at + 2] !== count) {
      count = values[at + 2];
      // `members` does not count itself.
      members = String(Number(count) - 1);
    }
    const isUsable =
      pid &&
      bundle &&
      created &&
      (brief || rootfs) &&
      values[at + leading] === id &&
      values[at + number] === written &&
      // A wrong number is explained by the reader of whole records.
      values[at + number + 1] === members;
    if (!isUsable) {
      const state = request.whole(id, uid);
      if (state !== undefined) states.push(state);
      continue;
    }
    if (uid !== lastUid) {
      lastUid = uid;
      owner = request.userName(uid);
    }
    const facts = values[at + last + 1];
    const state: StateOutput = {
      ociVersion,
      id,
      pid: Number(pid),
      status: pid === '0' ? 'stopped' : statusOfRunning(facts === 'frozen', facts === 'waits'),
      bundle,
      rootfs: rootfs as string,
      created,
      owner,
    };
    // readMembers() has checked that it is JSON.
    const annotations = brief ? '' : values[at + object];
    states.push(annotations ? withAnnotations(state, JSON.parse(annotations)) : state);
  }
}

/** Adds annotations in the order of the state document. */
function withAnnotations({ owner, ...state }: StateOutput, annotations: Record<string, string>): StateOutput {
  return { ...state, ...sortedAnnotations(annotations), owner };
}
