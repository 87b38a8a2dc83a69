// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { hostFailure, isSystemError } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { findNodeProgram, type NodeProgram } from '../host/node-program.ts';
import type { ImageStore } from './blobs.ts';

/** A request that needs HTTP and TLS. Both hosts start the program src/node/registry in Node, which performs it. */
export type OnlineRequest =
  | {
      readonly action: 'pull';
      readonly directory: string;
      /** Complete name. */
      readonly reference: string;
      readonly platform?: string;
      readonly quiet: boolean;
      /** Descriptor of the progress: standard output, or standard error. */
      readonly output: 1 | 2;
    }
  | {
      readonly action: 'push';
      readonly directory: string;
      /** Complete name. */
      readonly reference: string;
      readonly quiet: boolean;
      readonly output: 1 | 2;
    }
  | {
      readonly action: 'login';
      readonly registry: string;
      readonly username?: string;
      readonly password?: string;
      readonly passwordStdin: boolean;
    }
  | { readonly action: 'logout'; readonly registry: string };

export interface OnlineAnswer {
  readonly id?: string;
  readonly error?: ErrorFields;
}

const program = 'registry.cjs';

/**
 * Downloads an image and its missing blobs.
 *
 * @param reference - complete name
 * @throws RuntimeError `image.*` and `registry.*`
 */
export function pullImage(
  { binding, directory }: ImageStore,
  reference: string,
  { platform, quiet = false, output = 1 }: { platform?: string; quiet?: boolean; output?: 1 | 2 } = {},
): void {
  const request = { directory, reference, quiet, output, ...(platform !== undefined && { platform }) };
  runOnline(binding, { action: 'pull', ...request });
}

/**
 * Uploads an image and the blobs that its registry lacks.
 *
 * @param reference - complete name, which the image has
 * @throws RuntimeError `image.*` and `registry.*`
 */
export function pushImage({ binding, directory }: ImageStore, reference: string, quiet: boolean): void {
  runOnline(binding, { action: 'push', directory, reference, quiet, output: 1 });
}

/** Runs a request with the standard streams of this process. */
export function runOnline(binding: Binding, request: OnlineRequest): OnlineAnswer {
  const { node, script } = findOnline(binding, request);
  let end: ReturnType<Binding['runHelper']>;
  try {
    end = binding.runHelper({ path: node, args: [node, script, JSON.stringify(request)] });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.errno !== errno.EINTR) throw hostFailure(error, `unable to run ${node}`);
    throw new RuntimeError({
      code: 'registry.interrupted',
      message: `a signal ended ${request.action}`,
      ...(request.action === 'pull' && {
        hint: 'the received data is kept: another pull requests only the rest',
      }),
    });
  }
  const answer = answerOf(end.result);
  if (answer?.error !== undefined) throw new RuntimeError(answer.error);
  if (answer !== undefined && end.code === 0) return answer;
  const status = end.code === undefined ? `signal ${end.signal}` : `status ${end.code}`;
  throw new RuntimeError({
    code: 'registry.interrupted',
    message: `${script} ended with ${status} and without a result`,
    path: script,
    hint: 'its messages are above; Node must be 20 or later',
  });
}

function answerOf(text: string): OnlineAnswer | undefined {
  try {
    return JSON.parse(text) as OnlineAnswer;
  } catch {
    return undefined;
  }
}

function findOnline(binding: Binding, request: OnlineRequest): NodeProgram {
  const found = findNodeProgram(binding, program);
  if (typeof found !== 'string') return found;
  const cure = 'install Node 20 or later, and the npm package of tsubo';
  throw new RuntimeError({
    code: 'image.no-node',
    message: `access to registries needs Node, and ${found}`,
    hint:
      request.action === 'pull' || request.action === 'push'
        ? `${cure}, or use skopeo: ${skopeoLine(request)}`
        : cure,
  });
}

function skopeoLine({ action, directory, reference }: Extract<OnlineRequest, { directory: string }>): string {
  const ends = [`docker://${reference}`, `oci:${directory}/images:${reference}`];
  return `skopeo copy ${(action === 'pull' ? ends : ends.reverse()).join(' ')}`;
}
