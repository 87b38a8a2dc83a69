// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';

/** A text that follows the line of an instruction: `<<EOF`. */
export interface Heredoc {
  readonly name: string;
  readonly content: string;
  /** The name has no quotes: variables are replaced. */
  readonly expands: boolean;
  /** `<<-`: tabs at the beginning of lines are removed. */
  readonly chomps: boolean;
}

export interface Flag {
  readonly name: string;
  /** Undefined for a flag without `=`. */
  readonly value: string | undefined;
}

/** One instruction of a Dockerfile, before variables are replaced. */
export interface Instruction {
  /** In capital letters. */
  readonly keyword: string;
  readonly flags: readonly Flag[];
  /** The text after the flags, without continuations and comments. */
  readonly text: string;
  /** The list, if the text is one in JSON and the instruction permits that. */
  readonly list: readonly string[] | undefined;
  readonly heredocs: readonly Heredoc[];
  /** Position of the keyword, from 1. */
  readonly line: number;
  readonly column: number;
  /** The last line, with heredocs. */
  readonly lastLine: number;
}

/** The file or option that contains an instruction, for errors. */
export interface Source {
  /** The name of the file, or the option. */
  readonly name: string;
  readonly lines: readonly string[];
  /** The character that continues a line. */
  readonly escapeMark: string;
}

export interface Place {
  readonly source: Source;
  readonly line: number;
  readonly column: number;
}

export function placeOf(source: Source, { line, column }: Pick<Instruction, 'line' | 'column'>): Place {
  return { source, line, column };
}

/** Returns an error with its line and column in the Dockerfile. */
export function syntaxError({ source, line, column }: Place, problem: string, hint?: string): RuntimeError {
  return new RuntimeError({
    code: 'build.syntax',
    message: problem,
    document: source.name,
    line,
    column,
    ...(hint !== undefined && { hint }),
  });
}

/** Returns the error for a feature that only BuildKit has. */
export function unsupported(place: Place, what: string, hint: string): RuntimeError {
  return new RuntimeError({
    code: 'build.unsupported',
    message: `${what} is not supported`,
    document: place.source.name,
    line: place.line,
    column: place.column,
    hint,
  });
}
