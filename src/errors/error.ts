// SPDX-License-Identifier: Apache-2.0
import type { ErrorCode } from './codes.ts';

/**
 * The parts of a failure. The message is made from them last, so every field stays usable by programs:
 * tests and callers branch on `code`, never on text.
 */
export interface ErrorFields {
  /** Stable and dotted, such as `state.not-created`; ERROR-CODES.md lists all. */
  readonly code: ErrorCode;
  /** Lower case, no full stop: what was attempted, on what, what the kernel said. */
  readonly message: string;
  /** RFC 6901 pointer into config.json, or into `document`. */
  readonly pointer?: string | undefined;
  /** The document that `pointer`, `line` and `column` are of, or the option that asked. Absent: config.json. */
  readonly document?: string | undefined;
  /** Line and column of that pointer's value, both from 1, when the text was at hand. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  /** Which process failed: `host` (the runtime) or `container` (the init). */
  readonly stage?: 'host' | 'container' | undefined;
  /** Index of the failed plan step, counted from 0 within its stage. */
  readonly step?: number | undefined;
  /** System call by its kernel name, for example `mount_setattr`. */
  readonly syscall?: string | undefined;
  /** Positive error number as the kernel gave it. */
  readonly errno?: number | undefined;
  /** Its name, for example `EPERM`. */
  readonly errnoName?: string | undefined;
  readonly path?: string | undefined;
  /** What the system call was about, or what the kernel said of it, where that is no path. */
  readonly detail?: string | undefined;
  /** The operand, decoded: flag names, not bits. */
  readonly value?: string | undefined;
  /** The likely cause and what to try next. */
  readonly hint?: string | undefined;
  /** Section of the runtime-spec, for example `config.md#mounts`. */
  readonly spec?: string | undefined;
  /** What the rollback itself could not undo. */
  readonly cleanup?: readonly string[] | undefined;
  /** Every problem found, where a check collects them all before failing (this error is the first). */
  readonly problems?: readonly ErrorFields[] | undefined;
}

/** The one family of errors tsubo throws. */
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
    this.name = 'RuntimeError';
    this.code = fields.code;
    for (const [key, value] of Object.entries(fields)) {
      if (key !== 'message' && key !== 'code' && value !== undefined) {
        Object.defineProperty(this, key, { value, enumerable: true });
      }
    }
  }

  /** The same failure with more said about it. The message changes only when `more` has one. */
  with(more: Partial<ErrorFields>): RuntimeError {
    return new RuntimeError({ ...this.fields(), ...more }, { cause: this.cause ?? undefined });
  }

  /** All the fields that are present, as plain data. */
  fields(): ErrorFields {
    const out: Record<string, unknown> = { code: this.code, message: this.message };
    for (const key of Object.keys(this)) {
      if (key !== 'name') {
        out[key] = (this as unknown as Record<string, unknown>)[key];
      }
    }
    return out as unknown as ErrorFields;
  }
}

/** True for every error of this family, also one made by another copy of this module. */
export function isRuntimeError(error: unknown): error is RuntimeError {
  return error instanceof Error && error.name === 'RuntimeError' && 'code' in error;
}
