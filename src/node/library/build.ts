// SPDX-License-Identifier: Apache-2.0
import type { InspectedImage } from '../../image/documents.ts';
import { broken, type CommandOptions, optionWords, runCommand } from './command.ts';
import { inspect } from './images.ts';
import { splitOptions } from './option-names.ts';

/** An event of a build; each step has them in this order. */
export type BuildEvent =
  | {
      readonly kind: 'step';
      /** From 1. */
      readonly step: number;
      /** Number of steps. */
      readonly of: number;
      /** The line of the Dockerfile. */
      readonly instruction: string;
    }
  /** The result of the step is known from an earlier build. */
  | { readonly kind: 'cached' }
  /** A line that a program of RUN has written, or a message about a pull. */
  | { readonly kind: 'output'; readonly stream: 'stdout' | 'stderr'; readonly line: string };

/** Options of {@link buildImage}. */
export interface BuildOptions extends CommandOptions {
  /** The directory whose files COPY and ADD take. Relative to the working directory. */
  readonly context: string;
  /** The Dockerfile, relative to the working directory. Default: `Dockerfile` in the context. */
  readonly file?: string;
  /** Names of the image: `NAME` or `NAME:TAG`. Default: none. */
  readonly tag?: string | readonly string[];
  /** Builds this stage. Default: the last. */
  readonly target?: string;
  /** Values of ARG by name. */
  readonly buildArg?: Readonly<Record<string, string>>;
  /** Labels by name. */
  readonly label?: Readonly<Record<string, string>>;
  /** Runs all steps again. Default false. */
  readonly noCache?: boolean;
  /** Network of RUN: the name of a network, `none` or `host`. Default `default`. */
  readonly network?: string;
  /** Pulls the images of FROM, also if they are here. Default false. */
  readonly pull?: boolean;
  /** Called for each event. */
  readonly onEvent?: (event: BuildEvent) => void;
}

/**
 * Makes an image from a Dockerfile. An aborted build leaves no container behind; its finished steps stay known.
 *
 * @example
 * ```ts
 * const { Id } = await buildImage({ context: 'site', tag: 'site:v2', onEvent: event => console.log(event) });
 * ```
 * @returns the image
 * @throws RuntimeError `build.*` and `config.*` with `document`, `line` and `column` of the Dockerfile; `image.*`,
 *   `registry.*`; `usage.option`; the reason of `signal` if it is aborted
 */
export async function buildImage(options: BuildOptions): Promise<InspectedImage> {
  const { common, own, rest } = splitOptions('buildImage', options, ['context', 'onEvent', 'tag']);
  const { context, onEvent = () => {}, tag = [] } = own;
  const tags = { tag: typeof tag === 'string' ? [tag] : tag };
  const words = ['image', 'build', ...optionWords({ ...rest, ...tags }), '--', context];
  let id: string | undefined;
  await runCommand(common, words, {
    onLine: line => {
      // The last one is that of the command; a program of RUN may print the same.
      id = /^Successfully built ([0-9a-f]{12})$/.exec(line)?.[1] ?? id;
      const event = eventIn(line);
      if (event !== undefined) onEvent(event);
    },
    onErrorLine: line => onEvent({ kind: 'output', stream: 'stderr', line }),
  });
  if (id === undefined) throw broken(words, 'status 0');
  return inspect(id, common);
}

/** Undefined for a line with the id of an image. */
function eventIn(line: string): BuildEvent | undefined {
  const [, step, of, instruction] = /^Step (\d+)\/(\d+) : (.*)$/.exec(line) ?? [];
  if (instruction !== undefined) return { kind: 'step', step: Number(step), of: Number(of), instruction };
  if (line === ' ---> Using cache') return { kind: 'cached' };
  if (/^ ---> [0-9a-f]{12}$/.test(line) || /^Successfully (built|tagged) /.test(line)) return undefined;
  return { kind: 'output', stream: 'stdout', line };
}
