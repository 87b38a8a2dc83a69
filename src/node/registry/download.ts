// SPDX-License-Identifier: Apache-2.0
import { createHash, type Hash } from 'node:crypto';
import {
  createReadStream,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errno } from '../../errors/errno.ts';
import { RuntimeError } from '../../errors/error.ts';
import { isSystemError, onHost } from '../../errors/system.ts';
import { blobPath, hasBlob, type ImageStore, partialPath } from '../../image/blobs.ts';
import { hexOf } from '../../image/digest.ts';
import type { Descriptor } from '../../image/manifest.ts';
import { O } from '../../kernel/files.ts';
import type { Reply } from './http.ts';

export interface Download {
  readonly store: ImageStore;
  readonly blob: Pick<Descriptor, 'digest' | 'size'>;
  /** Requests the blob from a byte on. */
  readonly fetch: (offset: number) => Promise<Reply>;
  readonly signal: AbortSignal;
  /** The number of bytes that are in the store. */
  readonly progress: (bytes: number) => void;
}

/** Time between two attempts to get the lock of a blob that another command downloads. */
const lockInterval = 100;

/**
 * Downloads a blob into the store. Data is written to `partial/HEX` with a lock, because two commands must not download
 * it twice, and is renamed after its digest is verified. The next attempt continues an interrupted download.
 *
 * @returns false if the blob existed or another command has downloaded it
 */
export async function download(job: Download): Promise<boolean> {
  const { store, blob } = job;
  const held = await lockPartial(store, blob.digest, job.signal);
  if (held === undefined) return false;
  const { fd, path } = held;
  try {
    await fill(job, fd, path);
    fsyncSync(fd);
    renameSync(path, blobPath(store, blob.digest));
  } catch (error) {
    throw isNoSpace(error) ? diskFull(path, blob, fstatSync(fd).size) : error;
  } finally {
    store.binding.close(fd);
  }
  return true;
}

/** Opens and locks the partial file. Returns undefined if the blob exists. */
async function lockPartial(
  store: ImageStore,
  digest: string,
  signal: AbortSignal,
): Promise<{ fd: number; path: string } | undefined> {
  const { binding } = store;
  const path = partialPath(store, digest);
  for (;;) {
    if (hasBlob(store, digest)) return undefined;
    const fd = onHost(`unable to open ${path}`, () =>
      binding.open(path, O.O_RDWR | O.O_CREAT | O.O_CLOEXEC, 0o644),
    );
    let keep = false;
    try {
      const locked = tryLock(store, fd);
      // Another command may have renamed or removed the file between open and lock.
      const named = statSync(path, { throwIfNoEntry: false });
      keep = locked && named !== undefined && named.ino === fstatSync(fd).ino;
      if (keep) return { fd, path };
      if (!locked) await sleep(lockInterval, undefined, { signal });
    } finally {
      if (!keep) binding.close(fd);
    }
  }
}

function tryLock({ binding }: ImageStore, fd: number): boolean {
  try {
    return binding.lock(fd, 0);
  } catch (error) {
    // The previous holder has removed the file.
    if (isSystemError(error) && error.errno === errno.ENOENT) return false;
    throw error;
  }
}

/** Requests data until the file has the size and the digest of the blob. */
async function fill(job: Download, fd: number, path: string): Promise<void> {
  const { blob } = job;
  let hash = await hashOf(fd, path, blob.size);
  let offset = fstatSync(fd).size;
  // The end of the last answer. Only bytes after it count as progress: a registry whose blob is too short sends the
  // same bytes again.
  let reached = 0;
  while (offset < blob.size) {
    job.progress(offset);
    const reply = await job.fetch(offset);
    const from = firstByte(reply, offset);
    if (from !== offset) {
      // The server has no ranges, or the file is longer than its blob.
      ftruncateSync(fd, 0);
      hash = createHash('sha256');
      offset = 0;
      if (reply.status === 416) {
        reply.body.destroy();
        continue;
      }
    }
    const before = offset;
    const cut = await receive(job, reply, { fd, hash, offset });
    offset = fstatSync(fd).size;
    const progressed = offset > Math.max(before, reached);
    if (offset < blob.size && (!progressed || job.signal.aborted)) throw cutOff(blob, offset, cut);
    reached = offset;
  }
  if (`sha256:${hash.digest('hex')}` === blob.digest) return;
  rmSync(path, { force: true });
  throw new RuntimeError({
    code: 'registry.digest',
    message: `the content of blob ${shortDigest(blob)} has another digest; it was removed`,
    value: blob.digest,
    hint: 'pull again; if it fails again, the registry, a mirror or a proxy changes data',
  });
}

/** Returns the position of the first byte of an answer. */
function firstByte({ status, headers }: Reply, requested: number): number {
  if (status !== 206) return status === 416 ? -1 : 0;
  const start = /^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1];
  return start === undefined ? requested : Number(start);
}

/** Hashes the data of an earlier download; empties a file that is longer than the blob. */
async function hashOf(fd: number, path: string, size: number): Promise<Hash> {
  const hash = createHash('sha256');
  if (fstatSync(fd).size > size) ftruncateSync(fd, 0);
  if (fstatSync(fd).size === 0) return hash;
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash;
}

/** Appends the answer to the file. Returns the error of an interrupted connection. */
async function receive(
  { blob, signal, progress }: Download,
  reply: Reply,
  { fd, hash, offset }: { fd: number; hash: Hash; offset: number },
): Promise<Error | undefined> {
  const stop = () => reply.body.destroy();
  signal.addEventListener('abort', stop);
  let at = offset;
  try {
    const length = Number(reply.headers['content-length'] ?? Number.NaN);
    if (offset + length > blob.size) throw tooLong(blob, offset + length);
    for await (const piece of reply.body) {
      const bytes = piece as Buffer;
      if (at + bytes.length > blob.size) throw tooLong(blob, at + bytes.length);
      writeAll(fd, bytes, at);
      hash.update(bytes);
      at += bytes.length;
      progress(at);
    }
    return undefined;
  } catch (error) {
    if (error instanceof RuntimeError || isNoSpace(error) || isSystemFailure(error)) throw error;
    return error as Error;
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

function isNoSpace(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Returns true for an error of a write; errors of a socket have no such name. */
function isSystemFailure(error: unknown): boolean {
  return (
    (error as NodeJS.ErrnoException).syscall === 'write' && (error as NodeJS.ErrnoException).code !== 'EPIPE'
  );
}

function shortDigest({ digest }: Pick<Descriptor, 'digest'>): string {
  return hexOf(digest).slice(0, 12);
}

function tooLong(blob: Pick<Descriptor, 'digest' | 'size'>, length: number): RuntimeError {
  return new RuntimeError({
    code: 'registry.size',
    message: `blob ${shortDigest(blob)} has ${length} bytes or more instead of ${blob.size}`,
    value: blob.digest,
    hint: 'the registry, a mirror or a proxy changes data',
  });
}

function cutOff(
  blob: Pick<Descriptor, 'digest' | 'size'>,
  offset: number,
  cause: Error | undefined,
): RuntimeError {
  const reason = cause === undefined ? 'the registry ends the answer early' : cause.message;
  return new RuntimeError(
    {
      code: 'registry.cut',
      message: `the download of blob ${shortDigest(blob)} was cut after ${offset} of ${blob.size} bytes: ${reason}`,
      value: blob.digest,
      hint: 'pull again: the received part is kept, and only the rest is requested',
    },
    { cause },
  );
}

function diskFull(path: string, blob: Pick<Descriptor, 'digest' | 'size'>, size: number): RuntimeError {
  return new RuntimeError({
    code: 'image.disk-full',
    message: `no space left on the device of ${path}: blob ${shortDigest(blob)} needs ${blob.size - size} more bytes`,
    path,
    errno: errno.ENOSPC,
    errnoName: 'ENOSPC',
    hint: 'make space (tsubo image prune), and pull again: the received part is kept',
  });
}
