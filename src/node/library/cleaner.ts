// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import type { InitRecord } from '../../lifecycle/record.ts';
import { ownExecutable } from './executable.ts';

/** A container that must not outlive this process. */
export interface Leftover {
  readonly id: string;
  /** Absolute. */
  readonly root: string;
  /** Only the container with this init is deleted. Default: any with the id. */
  readonly identity?: InitRecord | undefined;
  /** A directory that is removed after the container. */
  readonly temporaryBundle?: string | undefined;
}

/**
 * A line of standard input begins with + for a container that must be deleted, and with - for a deleted one. Standard
 * input ends when the process that writes to it has exited or was killed. Arguments: the command tsubo.
 */
export const script = `
newline='
'
left=$newline
while IFS= read -r line; do
  entry=$newline\${line#?}$newline
  case $line in
    +*) left=$left\${line#?}$newline ;;
    -*) left=\${left%%"$entry"*}$newline\${left#*"$entry"} ;;
  esac
done
printf '%s' "$left" | while IFS='\t' read -r id bundle init root; do
  [ -n "$id" ] || continue
  if [ "$init" = - ]; then
    "$@" --root "$root" delete --force "$id"
  else
    "$@" --root "$root" delete --force --only-init "$init" "$id"
  fi
  [ "$bundle" = - ] || rm -rf "$bundle"
done
`;

let cleaner: ChildProcess | undefined;

/**
 * Deletes the container when this process, or the calling worker thread, ends before the returned function is called. A
 * handler of signals and of `exit` is not sufficient: it does not run for SIGKILL, and a handler of SIGINT changes the
 * effect of the signal on the whole program. Therefore a shell waits for the end of this process.
 */
export function deleteAfterEnd(leftover: Leftover): () => void {
  const line = lineOf(leftover);
  // A path with such a character would be another line.
  if (line === undefined) return () => {};
  cleaner ??= startCleaner();
  const { stdin } = cleaner;
  stdin?.write(`+${line}\n`);
  return () => {
    stdin?.write(`-${line}\n`);
  };
}

/** Returns undefined if a path cannot be written into a line. */
export function lineOf({ id, root, identity, temporaryBundle = '-' }: Leftover): string | undefined {
  const init = identity === undefined ? '-' : `${identity.pid}:${identity.startTime}`;
  const fields = [id, temporaryBundle, init, root];
  return fields.some(field => /[\n\t]/.test(field)) ? undefined : fields.join('\t');
}

function startCleaner(): ChildProcess {
  // A session of its own: Ctrl-C on the terminal must not end it.
  const child = spawn('/bin/sh', ['-c', script, 'tsubo-cleaner', ...ownExecutable()], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // If the shell cannot be started, only the program itself deletes containers.
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return child;
}
