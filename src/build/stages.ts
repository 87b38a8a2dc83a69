// SPDX-License-Identifier: Apache-2.0
import { formatPlatform, type Platform } from '../image/platform.ts';
import { type Instruction, placeOf, syntaxError, unsupported } from './instruction.ts';
import type { Dockerfile } from './parse.ts';
import { expandedIn } from './settings.ts';
import { rawWords, unquoted } from './words.ts';

/** A part of a Dockerfile that begins with FROM. */
export interface Stage {
  readonly index: number;
  /** In lower case; undefined without AS. */
  readonly name: string | undefined;
  readonly from: Instruction;
  /** The image, or the name of an earlier stage, with its variables replaced. */
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

export interface Stages {
  readonly stages: readonly Stage[];
  /** The values of the ARG instructions before the first FROM. */
  readonly globals: ReadonlyMap<string, string | undefined>;
}

/** Returns the variables that FROM may use without an ARG, and that a stage may use after an ARG. */
export function platformVariables(platform: Platform): ReadonlyMap<string, string> {
  const { os, architecture, variant = '' } = platform;
  return new Map(
    ['TARGET', 'BUILD'].flatMap(prefix => [
      [`${prefix}PLATFORM`, formatPlatform(platform)],
      [`${prefix}OS`, os],
      [`${prefix}ARCH`, architecture],
      [`${prefix}VARIANT`, variant],
    ]),
  );
}

/**
 * Splits a Dockerfile into stages.
 *
 * @throws RuntimeError `build.syntax`, `build.unsupported`
 */
export function stagesOf(
  { source, instructions }: Dockerfile,
  buildArgs: ReadonlyMap<string, string>,
  platform: Platform,
): Stages {
  const globals = new Map<string, string | undefined>();
  const fixed = platformVariables(platform);
  const lookup = (name: string) => globals.get(name) ?? fixed.get(name);
  const stages: (Stage & { readonly instructions: Instruction[] })[] = [];
  for (const instruction of instructions) {
    const place = placeOf(source, instruction);
    const current = stages.at(-1);
    if (instruction.keyword === 'FROM') {
      stages.push({
        ...readFrom(source, instruction, lookup, platform),
        index: stages.length,
        instructions: [],
      });
    } else if (current !== undefined) current.instructions.push(instruction);
    else if (instruction.keyword === 'ARG') {
      for (const [name, value] of argumentsOf({ source, instructions }, instruction, lookup))
        globals.set(name, buildArgs.get(name) ?? value);
    } else
      throw syntaxError(
        place,
        `no build stage in current context: ${instruction.keyword} is before FROM`,
        'begin with FROM',
      );
  }
  if (stages.length === 0) {
    throw syntaxError(
      { source, line: 1, column: 1 },
      'the Dockerfile has no FROM',
      'begin with FROM IMAGE, or FROM scratch',
    );
  }
  return { stages, globals };
}

/** Returns the names and defaults of ARG: `A`, `A=1 B=2`. */
export function argumentsOf(
  { source }: Dockerfile,
  instruction: Instruction,
  lookup: (name: string) => string | undefined,
): [string, string | undefined][] {
  const place = placeOf(source, instruction);
  return rawWords(instruction.text, source.escapeMark).map(word => {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    if (!/^[a-zA-Z_]\w*$/.test(name)) throw syntaxError(place, `invalid name ${JSON.stringify(name)} in ARG`);
    return [name, equals < 0 ? undefined : expandedIn(place, word.slice(equals + 1), lookup)];
  });
}

function readFrom(
  source: Dockerfile['source'],
  from: Instruction,
  lookup: (name: string) => string | undefined,
  platform: Platform,
): Pick<Stage, 'name' | 'from' | 'base'> {
  const place = placeOf(source, from);
  const [image = '', as, name, ...more] = rawWords(from.text, source.escapeMark);
  const isNamed = as !== undefined;
  if (more.length > 0 || (isNamed && (as.toUpperCase() !== 'AS' || name === undefined)))
    throw syntaxError(
      place,
      'FROM requires either one or three arguments',
      'write FROM IMAGE, or FROM IMAGE AS NAME',
    );
  for (const flag of from.flags) {
    if (flag.name !== 'platform') throw syntaxError(place, `FROM has no flag --${flag.name}`);
    const wanted = expandedIn(place, flag.value ?? '', lookup);
    if (wanted !== formatPlatform(platform))
      throw unsupported(place, `FROM --platform=${wanted}`, 'use: docker buildx build --platform ...');
  }
  const base = expandedIn(place, image, lookup);
  if (base === '')
    throw syntaxError(
      place,
      `base name (${image}) should not be blank`,
      'give the variable a value: --build-arg',
    );
  const stage = name === undefined ? undefined : unquoted(name, source.escapeMark).toLowerCase();
  if (stage !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(stage))
    throw syntaxError(
      place,
      `invalid name for build stage: ${JSON.stringify(name)}`,
      'a name begins with a letter and has letters, digits, - _ and .',
    );
  return { name: stage, from, base };
}

/** Returns the stage with this name or number, if its index is below `limit`. */
export function findStage(stages: readonly Stage[], text: string, limit = stages.length): Stage | undefined {
  const word = text.toLowerCase();
  const candidates = stages.slice(0, limit);
  const named = candidates.filter(({ name }) => name === word).at(-1);
  return named ?? (/^\d+$/.test(word) ? candidates[Number(word)] : undefined);
}
