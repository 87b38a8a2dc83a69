// SPDX-License-Identifier: Apache-2.0
import type { ErrorCode } from './codes.ts';

/**
 * The parts of an error. Programs can use every field; tests and callers branch on `code`, never on text. The output
 * is rendered from the fields last.
 */
export interface ErrorFields {
  /** A stable name such as `state.not-created`; ERROR-CODES.md lists all. */
  readonly code: ErrorCode;
  /** Lower case, no full stop: the attempted action, its object, and the kernel's error. */
  readonly message: string;
  /** RFC 6901 pointer into config.json, or into `document`. */
  readonly pointer?: string | undefined;
  /** The document of `pointer`, `line` and `column`, or the option that caused the error. Default: config.json. */
  readonly document?: string | undefined;
  /** Line and column of the value at the pointer, both from 1, if the text was available. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** The failed process: `host` (the runtime) or `container` (the init). */
  readonly stage?: 'host' | 'container' | undefined;
  /** Index of the failed plan step, from 0 within its stage. */
  readonly step?: number | undefined;
  /** The kernel's name of the system call, for example `mount_setattr`. */
  readonly syscall?: string | undefined;
  /** The positive error number of the kernel. */
  readonly errno?: number | undefined;
  /** The name of the error number, for example `EPERM`. */
  readonly errnoName?: string | undefined;
  readonly path?: string | undefined;
  /** The object of the system call if it is not a path, or the kernel's message about it. */
  readonly detail?: string | undefined;
  /** The operand in decoded form: flag names, not bits. */
  readonly value?: string | undefined;
  /** The likely cause and the next thing to try. */
  readonly hint?: string | undefined;
  /** Section of the runtime-spec, for example `config.md#mounts`. */
  readonly spec?: string | undefined;
  /** Changes that the rollback could not undo. */
  readonly cleanup?: readonly string[] | undefined;
  /** All problems, if a check collects them before it fails; this error is the first one. */
  readonly problems?: readonly ErrorFields[] | undefined;
}

/** Recognises the errors of another copy of this module, too. */
const mark = Symbol.for('tsubo.RuntimeError');

/** The only error class that tsubo throws. */
export class RuntimeError extends Error implements ErrorFields {
  readonly code: ErrorCode;
  declare readonly pointer?: string;
  declare readonly document?: string;
  declare readonly line?: number;
  declare readonly column?: number;
  declare readonly stage?: 'host' | 'container';
  declare readonly step?: number;
  declare readonly syscall?: string;
  declare readonly errno?: number;
  declare readonly errnoName?: string;
  declare readonly path?: string;
  declare readonly detail?: string;
  declare readonly value?: string;
  declare readonly hint?: string;
  declare readonly spec?: string;
  declare readonly cleanup?: readonly string[];
  declare readonly problems?: readonly ErrorFields[];

  constructor(fields: ErrorFields, options?: { cause?: unknown }) {
    super(fields.message, options);
    // Not enumerable: only the fields are data.
    Object.defineProperty(this, 'name', { value: 'RuntimeError', configurable: true, writable: true });
    Object.defineProperty(this, mark, { value: true });
    this.code = fields.code;
    for (const [key, value] of Object.entries(fields)) {
      if (key !== 'message' && key !== 'code' && value !== undefined) {
        Object.defineProperty(this, key, { value, enumerable: true });
      }
    }
  }

  /** Returns the same error with additional fields. The message changes only if `more` contains one. */
  with(more: Partial<ErrorFields>): RuntimeError {
    const { cause } = this;
    return new RuntimeError({ ...this.fields(), ...more }, cause === undefined ? undefined : { cause });
  }

  /** The fields, for JSON.stringify. */
  toJSON(): ErrorFields {
    return this.fields();
  }

  /** Returns all present fields as plain data. */
  fields(): ErrorFields {
    const out: Record<string, unknown> = { code: this.code, message: this.message };
    for (const key of Object.keys(this)) {
      out[key] = (this as unknown as Record<string, unknown>)[key];
    }
    return out as unknown as ErrorFields;
  }
}

/** Returns true for every RuntimeError, including one from another copy of this module. */
export function isRuntimeError(error: unknown): error is RuntimeError {
  return error instanceof Error && mark in error;
}
