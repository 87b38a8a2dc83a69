// SPDX-License-Identifier: Apache-2.0
// The measured runtimes.
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** A mount namespace in which commands run. */
export interface View {
  readonly name: string;
  /** Mounted as `/`. */
  readonly root: string;
}

export interface Column {
  readonly name: string;
  readonly view: string;
  /** The program with its first arguments; for `network`, the scripts that make and remove a network. */
  readonly command: readonly string[];
  /** The floor has only the cases of `run`. */
  readonly kind: 'runtime' | 'floor' | 'network';
  /** How it differs from the others, for the head of the report. */
  readonly note?: string;
  /** Columns of one group can read each other's state: `list` is prepared once for all of them. */
  readonly state: string;
}

/** A runtime that may be installed. */
export interface Candidate {
  /** Without the version, which the runtime prints. */
  readonly name: string;
  readonly view: View;
  /** The first of these commands that can run the default bundle is used. */
  readonly ways: readonly { readonly command: readonly string[]; readonly note?: string }[];
  readonly state?: string;
  /** The name contains the version. */
  readonly versioned: boolean;
}

export interface Programs {
  /** The checkout. */
  readonly top: string;
  /** build/bench. */
  readonly into: string;
  readonly node: readonly string[];
  readonly standalone: string | undefined;
  /** The root with the newest runc and crun. */
  readonly peers: string | undefined;
}

export const host: View = { name: 'host', root: '/' };

/** In the order of the tables. */
export function candidates(programs: Programs): readonly Candidate[] {
  const newest: View = { name: 'newest', root: programs.peers ?? '' };
  const found: Candidate[] = [];
  const add = (candidate: Candidate): void => {
    found.push(candidate);
  };
  if (programs.standalone !== undefined) {
    add({ ...plain('tsubo', host, [programs.standalone]), versioned: false, state: 'tsubo' });
  }
  add({ ...plain('tsubo-node', host, programs.node), versioned: false, state: 'tsubo' });
  if (programs.peers !== undefined) add(plain('crun', newest, ['/usr/bin/crun']));
  const crun = installed('crun');
  if (crun !== undefined) {
    const without = [crun, '--cgroup-manager=disabled'];
    add({
      ...plain('crun', host, [crun]),
      ways: [
        { command: [crun] },
        { command: without, note: 'makes no cgroup: it does less than the others' },
      ],
    });
  }
  if (programs.peers !== undefined) add(plain('runc', newest, ['/usr/sbin/runc']));
  const runc = installed('runc');
  if (runc !== undefined) add(plain('runc', host, [runc]));
  return found;
}

function plain(name: string, view: View, command: readonly string[]): Candidate {
  return { name, view, ways: [{ command }], versioned: true };
}

/** The `runc` or `crun` of this machine. */
function installed(name: string): string | undefined {
  return ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin']
    .map(directory => join(directory, name))
    .find(file => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** @param printed - output of `--version` */
export function versionIn(printed: string): string | undefined {
  return /version (\d+(?:\.\d+)+)/.exec(printed)?.[1];
}
