// SPDX-License-Identifier: Apache-2.0
import type { ErrorFields } from '../errors/error.ts';
import type { Report, SystemError } from '../host/binding.d.ts';
import type { Config, Linux } from '../oci/config.ts';
import type { Shape } from '../oci/shape.ts';
import type { Check } from '../validate/context.ts';
import type { Step } from '../wire/steps.ts';
import type { FeaturesOfFacilities } from './facilities.ts';
import type { HostStep, Plan } from './plan.ts';
import type { SyncPoint } from './sync-points.ts';

/**
 * Kinds of fields: `number` is an unsigned and `signed` a signed 64-bit number, `text` a UTF-8 string without NUL,
 * `texts` a list of them, `numbers` a list of unsigned 64-bit numbers.
 */
export type FieldKind = 'number' | 'signed' | 'text' | 'texts' | 'numbers';

export type FieldValue<Kind extends FieldKind> = Kind extends 'number' | 'signed'
  ? number | bigint
  : Kind extends 'text'
    ? string
    : Kind extends 'texts'
      ? readonly string[]
      : readonly (number | bigint)[] | BigUint64Array;

/** Operations of the executor with the kinds of their fields, in the order of the wire format. */
export type Operations = Readonly<Record<string, Readonly<Record<string, FieldKind>>>>;

/**
 * The place in config.json that requested an item of a step's list: an index in `options` of the step's origin, or the
 * pointer of another place.
 */
export type ItemPlace = number | string;

/**
 * A step of the container part, with the pointer of its origin in config.json (`''` for the whole document). `places`
 * has an entry for each item of its list, in the same order: a report names the refused item by its index.
 */
export type StepIn<Table extends Operations, Op extends keyof Table> = {
  readonly op: Op;
  readonly origin: string;
  readonly places?: readonly ItemPlace[];
} & { readonly [Field in keyof Table[Op]]: FieldValue<Table[Op][Field]> };

/** The steps of a facility without operations of the executor. */
export type NoSteps = Readonly<Record<never, never>>;

/** A failed step, for its explanation. */
export interface StepFailure {
  readonly plan: Plan;
  readonly report: Report;
  readonly config: Config | undefined;
  /** The kernel's text of the error. */
  readonly text: string;
  /** The system call, its operand and `text`. */
  readonly called: string;
  /** The step as `plan` prints it. */
  stepText(): string;
  /** The hint for a call that a loaded seccomp filter may have refused; undefined if none is loaded. */
  filterHint(): string | undefined;
}

/**
 * Fields for a failed step in addition to those of every failure; `pointer` if it is more precise than the step's
 * origin.
 */
export type Explanation = Pick<ErrorFields, 'code' | 'message' | 'pointer' | 'value' | 'hint'>;

/** A refused system call of the runtime. */
export type Refusal = Pick<SystemError, 'syscall' | 'errno' | 'path'>;

/** Fields for a refused system call of a step of the runtime in addition to those of every such failure. */
export type HostExplanation = Partial<ErrorFields> & {
  /** The attempted action and its object; the message is this text and the kernel's. */
  readonly attempt: string;
};

/** Likely causes by error number. */
export type Causes = Readonly<Record<number, string>>;

export interface ShapesOfProperties {
  readonly config?: Readonly<Record<string, Shape>>;
  readonly linux?: Readonly<Record<string, Shape>>;
}

/** The problem of a sysctl with this key. */
export type SysctlProblem = (key: string) => Pick<ErrorFields, 'code' | 'message' | 'hint'>;

/** Texts of the items of a field that is a list of numbers. */
export type ListText = (words: readonly (number | bigint)[]) => readonly string[];

/** Text of a number field. */
export type NumberText = (value: number | bigint) => string;

/**
 * Everything that one facility adds to the program, in the file that also plans its steps. `facilities.ts` has the list
 * of all. Explanations and hints are functions, which an engine compiles when the first failure calls them.
 */
export interface Facility<Table extends Operations, Host = NoSteps> {
  /** The operations of the executor, with their meaning. native/wire/vocabulary.h is generated from all of them. */
  readonly steps: Table;
  /** Explains a failed step. Default: the operation, the call and the error. */
  readonly explain?: {
    readonly [Op in keyof Table]?: (step: StepIn<Table, Op>, failure: StepFailure) => Explanation;
  };
  /** Explains a failed step without the fields that every other failure has: the report is not about a system call. */
  readonly explainAlone?: {
    readonly [Op in keyof Table]?: (step: StepIn<Table, Op>, report: Report) => ErrorFields;
  };
  /** Likely causes by operation; `mount/fsopen` is for one call of an operation and precedes `mount`. */
  readonly hints?: () => {
    readonly [Key in keyof Table | `${keyof Table & string}/${string}`]?: Causes;
  };
  /** Operations that fail for the causes of another one. */
  readonly sameHints?: { readonly [Op in keyof Table]?: keyof Table };
  /** Shapes of the properties that the facility implements: members of config.json, and of its `linux`. */
  readonly shapes?: ShapesOfProperties;
  /** Steps for properties of `linux` that apply to every process of the container, also to executed ones. */
  readonly shared?: (linux: Linux) => readonly Step[];
  /** Rules beyond the shapes. */
  readonly check?: Check;
  /** Sysctls that a property of the facility sets, with the problem of one that the config sets too. */
  readonly sysctls?: Readonly<Record<string, SysctlProblem>>;
  /** The problems if the container joins the runtime's own network namespace. */
  readonly inOwnNetwork?: (config: Config) => readonly ErrorFields[];
  /** Members of `linux` in the features document. */
  readonly features?: () => Partial<FeaturesOfFacilities>;
  /** Steps of the runtime, in order. */
  readonly hostSteps?: (config: Config) => readonly HostStep[];
  /** Origin of the step at which the init waits for `hostSteps`. */
  readonly waits?: { readonly [Point in SyncPoint]?: string };
  /** The operations of the runtime: the text of the fields of each, as `plan` prints them after the operation. */
  readonly hostTexts?: {
    readonly [Op in keyof Host]: (step: Host[Op] & { readonly origin: string }) => string;
  };
  /** Explains a refused system call of a step of the runtime. Default: the operation and the error. */
  readonly explainHost?: {
    readonly [Op in keyof Host]?: (
      step: Host[Op] & { readonly origin: string },
      refusal: Refusal,
    ) => HostExplanation;
  };
  /** Likely causes by operation of the runtime. */
  readonly hostHints?: () => { readonly [Op in keyof Host]?: Causes };
  /** Texts of the items of fields that are lists of numbers. Default: the numbers. */
  readonly lists?: {
    readonly [Op in keyof Table]?: { readonly [Field in keyof Table[Op]]?: ListText };
  };
  /** Texts of number fields. Default: the number. */
  readonly fields?: {
    readonly [Op in keyof Table]?: { readonly [Field in keyof Table[Op]]?: NumberText };
  };
}
