// SPDX-License-Identifier: Apache-2.0
import { errno, errnoText } from '../errors/errno.ts';
import type { RuntimeError } from '../errors/error.ts';
import { headed, type Style } from '../errors/layout.ts';
import { manyLines, oneLine } from '../errors/render.ts';
import { refusalOf } from '../errors/system.ts';
import { visible, visibleLine } from '../errors/visible.ts';
import type { Binding } from '../host/binding.d.ts';
import { O } from '../kernel/files.ts';
import type { Log } from '../lifecycle/runtime.ts';
import { timestampSeconds } from '../lifecycle/timestamp.ts';
import { terminalStyle } from './terminal.ts';

export type LogFormat = 'text' | 'json';

export interface LogOptions {
  /** The file to append to; undefined for standard error. */
  readonly file: string | undefined;
  readonly format: LogFormat;
  readonly debug: boolean;
}

const standardError = 2;

/**
 * The log format for engines. A failed command writes exactly one record with level `error`; if the log is a file, the
 * message also goes to standard error as a bare line. containerd uses the last error record of the file, but podman
 * parses the whole file as one JSON object, therefore the file must not contain anything else: warnings are written to
 * a file only with `--debug`, and to standard error only without a file.
 *
 * On a terminal, and only there, a failure takes several lines. If standard error is not a terminal, the text record
 * includes the hint.
 */
export class Logger implements Log {
  readonly #binding: Binding;
  readonly #options: LogOptions;

  constructor(binding: Binding, options: LogOptions) {
    this.#binding = binding;
    this.#options = options;
  }

  /** Creates the log file now, because an unwritable file must be reported before the command starts. */
  open(): void {
    if (this.#options.file !== undefined) this.#append(this.#options.file, '');
  }

  debug(message: string): void {
    if (this.#options.debug) this.#write('debug', message, {});
  }

  warn(message: string): void {
    const { debug, file, format } = this.#options;
    const style = file === undefined && format === 'text' ? this.#terminal() : undefined;
    if (style !== undefined) this.#print(headed('warning', message, 'yellow', style));
    else if (debug || file === undefined) this.#write('warning', message, {});
  }

  failure(error: RuntimeError): void {
    const { file, format } = this.#options;
    const style = this.#terminal();
    const refused = refusedProgram(error);
    if (refused !== undefined && file === undefined && format === 'text' && style === undefined) {
      this.#print([visibleLine(refused)]);
      return;
    }
    if (file !== undefined || format === 'json' || style === undefined) {
      this.#write('error', oneLine(error), { ...error.fields() });
    }
    if (style !== undefined && (file !== undefined || format === 'text')) {
      this.#print(manyLines(error, style));
    } else if (file !== undefined) {
      this.#print([visible(oneLine(error))]);
    }
    if (this.#options.debug && error.code === 'internal') this.debug(stackOf(error));
  }

  /** The text style of standard error; undefined if it is not a terminal. */
  #terminal(): Style | undefined {
    return terminalStyle(this.#binding, standardError);
  }

  #print(lines: readonly string[]): void {
    this.#toStandardError(`${lines.join('\n')}\n`);
  }

  #write(level: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    const time = timestampSeconds(this.#binding.now());
    const { file, format } = this.#options;
    // Without a file, a person or a CI log reads the record. Engines read files, in which runc's line ends with
    // `msg`.
    const hint =
      file === undefined && typeof fields['hint'] === 'string' ? ` hint=${quoted(fields['hint'])}` : '';
    const record =
      format === 'json'
        ? jsonRecord({ ...fields, message: undefined, level, msg: message, time })
        : `time=${quoted(time)} level=${level} msg=${quoted(message)}${hint}\n`;
    if (file === undefined) this.#toStandardError(record);
    else this.#toFile(file, record);
  }

  /** A log file that becomes unwritable does not stop the command; standard error gets a warning. */
  #toFile(file: string, record: string): void {
    const refused = refusalOf(() => this.#append(file, record));
    if (refused === undefined) return;
    if (refused.errno === errno.EINTR) throw refused;
    this.#print([`unable to write the log ${file}: ${errnoText(refused.errno)}`]);
  }

  /** Ignores a failed write, for example to a closed pipe: there is no other place to report it. */
  #toStandardError(text: string): void {
    const refused = refusalOf(() => this.#binding.write(standardError, text));
    if (refused?.errno === errno.EINTR) throw refused;
  }

  /** Opens the file for each record: an open descriptor could be inherited by the container. */
  #append(file: string, text: string): void {
    this.#binding.writeText(file, text, O.O_CREAT | O.O_APPEND | O.O_SYNC, 0o644);
  }
}

/**
 * Returns the line that runc's init writes to standard error, without a record, if the kernel refuses to execute the
 * program of `run`.
 */
function refusedProgram({ syscall, message }: RuntimeError): string | undefined {
  if (syscall !== 'execve') return undefined;
  return /^\S+ run failed: unable to start container process: (exec .*)$/.exec(message)?.[1];
}

/** Formats one line of JSON with sorted keys. */
function jsonRecord(fields: Readonly<Record<string, unknown>>): string {
  const sorted = Object.entries(fields).sort(([one], [other]) => (one < other ? -1 : 1));
  return `${visible(JSON.stringify(Object.fromEntries(sorted)))}\n`;
}

/** Quotes a text with escapes unless it is a simple word. */
function quoted(text: string): string {
  return /^[A-Za-z0-9._/@^+-]+$/.test(text) ? text : visible(JSON.stringify(text));
}

function stackOf(error: RuntimeError): string {
  const { cause } = error;
  return (cause instanceof Error ? cause.stack : undefined) ?? error.stack ?? error.message;
}
