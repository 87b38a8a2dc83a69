// SPDX-License-Identifier: Apache-2.0
import { parseJson } from '../bundle/json.ts';
import { formatPointer } from '../bundle/pointer.ts';
import { type ErrorFields, RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import { joinPath } from '../host/paths.ts';
import type { Capabilities, Linux, Process } from '../oci/config.ts';
import type { Seccomp } from '../oci/seccomp.ts';
import type { LoadSeccomp } from '../plan/context.ts';
import { type Landlock, landlockOf } from '../plan/landlock.ts';
import type { Listener } from '../plan/listener.ts';
import { checkProcessDocument } from '../validate/check-process.ts';
import type { Inherited } from '../validate/inherit.ts';
import { readSeccomp } from '../validate/read-seccomp.ts';
import { readSharedLinux } from '../validate/read-shared-linux.ts';
import { loadInheritedFilter, readExecData } from './exec-data.ts';
import { files } from './record.ts';
import type { Runtime } from './runtime.ts';
import { named, parseDocument, type Source, withSourceLocation } from './source-location.ts';
import { stateDirectory } from './store.ts';
import { warnOf } from './warnings.ts';

/** The process to execute: a document, or a command with changes to the container's own process. */
export interface ExecProcessOptions {
  /**
   * Path of a process document (config.md#process); relative to the working directory. The other options are then
   * ignored.
   */
  readonly process?: string;
  readonly args?: readonly string[];
  /** Gives the process its own terminal. Default false. */
  readonly tty?: boolean;
  /** Size of that terminal. Default: that of the config, if it has a terminal. */
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly cwd?: string;
  /** Added to the container's. */
  readonly env?: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
  /** Added to the container's. */
  readonly additionalGids?: readonly number[];
  /** Added to the bounding, effective and permitted set, and to the ambient set if there is an inheritable one. */
  readonly capabilities?: readonly string[];
  readonly noNewPrivileges?: boolean;
  /** Default: the container's. */
  readonly selinuxLabel?: string;
  readonly apparmorProfile?: string;
  /** Names of the options in errors. Default: `options.cwd` and so on, as in the library. */
  readonly optionNames?: OptionNames;
}

export type OptionNames = Readonly<
  Record<
    'cwd' | 'env' | 'user' | 'additionalGids' | 'tty' | 'capabilities' | 'selinuxLabel' | 'apparmorProfile',
    string
  >
>;

const libraryNames: OptionNames = {
  cwd: 'options.cwd',
  env: 'options.env',
  user: 'options.user',
  additionalGids: 'options.additionalGids',
  tty: 'options.tty',
  capabilities: 'options.capabilities',
  selinuxLabel: 'options.selinuxLabel',
  apparmorProfile: 'options.apparmorProfile',
};

export interface ExecProcess {
  /** The container's seccomp profile, which applies to every exec. Undefined if `filter` is its compiled form. */
  readonly seccomp: Seccomp | undefined;
  /** The container's filter, compiled at create. */
  readonly filter: LoadSeccomp | undefined;
  /** Listener of the profile or the filter. */
  readonly listener: Listener | undefined;
  /** The container's Landlock rules, which apply to every exec. */
  readonly landlock: Landlock | undefined;
  /** The container's `linux`: some of its properties apply to every process. */
  readonly linux: Linux;
  readonly process: Process;
  /** The document that a pointer of `origin` or of the container's config refers to. */
  readonly source: (pointer: string) => Source;
  /** Pointer of a property, or name of the option that requested it; empty if there is neither. */
  readonly origin: (...parts: readonly (string | number)[]) => string;
}

/**
 * Name of the document in errors. The path is not used: engines delete the file when the command returns, and keep the
 * error.
 */
const callersDocument = 'process.json of the caller';

/**
 * Returns the process to execute. A property that is neither in the document (`inherit`) nor on the command line comes
 * from config.json as of create: later changes of the bundle have no effect.
 */
export function execProcess(runtime: Runtime, id: string, options: ExecProcessOptions): ExecProcess {
  const { binding } = runtime;
  const text = (): string => {
    const path = joinPath(stateDirectory(runtime, id), files.config);
    return onHost(`unable to read ${path}`, () => binding.readText(path));
  };
  const { process: own, ...settings } = fromExecData(runtime, id) ?? fromConfig(text());
  if (options.process === undefined) {
    if (own === undefined) throw noProcess(id);
    const source = (pointer: string): Source => (pointer.startsWith('/') ? { text } : { option: pointer });
    return { ...changed(runtime, own, options), ...settings, source };
  }
  const given = onHost(`unable to read ${options.process}`, () => binding.readText(options.process ?? ''));
  const { process, inherited } = withSourceLocation({ text: given, document: callersDocument }, () =>
    check(runtime, parseDocument(given, callersDocument), own ?? {}),
  );
  return {
    process,
    ...settings,
    // A process document has neither `linux` nor annotations: such a pointer refers to the container's config.
    source: pointer =>
      /^\/(?:linux|annotations)\//.test(pointer) ? { text } : { text: given, document: callersDocument },
    // The document does not contain inherited properties.
    origin: (...parts) => (inherited.has(...parts) ? '' : formatPointer(parts)),
  };
}

type SharedByExecs = Pick<ExecProcess, 'linux' | 'seccomp' | 'filter' | 'listener' | 'landlock'>;
type Own = SharedByExecs & {
  /** Undefined if the config has no process. */
  readonly process: Process | undefined;
};

/** The options alone are incomplete: user, directory and the rest come from the container's process. */
function noProcess(id: string): RuntimeError {
  return new RuntimeError({
    code: 'config.process.required',
    pointer: '/process',
    message: `cannot exec in container ${id}: its config.json has no process`,
    hint: 'use a complete process document: exec --process FILE',
    spec: 'config.md#process',
  });
}

function fromExecData(runtime: Runtime, id: string): Own | undefined {
  const inherited = readExecData(runtime, id)?.inherited;
  if (inherited === undefined) return undefined;
  const { process, linux, seccomp: listener, landlock } = inherited;
  const filter = listener === undefined ? undefined : loadInheritedFilter(listener);
  return { process, linux, seccomp: undefined, filter, listener, landlock };
}

/** For a container without stored exec data. */
function fromConfig(text: string): Own {
  const document = parseJson(text);
  const { process: own, annotations } = document as {
    process?: unknown;
    annotations?: Readonly<Record<string, string>>;
  };
  const process = own === undefined ? undefined : checkOwn(own, text);
  const seccomp = readSeccomp(document);
  // Checked by create.
  const landlock = landlockOf(annotations);
  return {
    process,
    linux: readSharedLinux(document),
    seccomp,
    filter: undefined,
    listener: seccomp,
    landlock,
  };
}

function check(
  runtime: Runtime,
  document: unknown,
  own: Partial<Process>,
): { process: Process; inherited: Inherited } {
  const { process, inherited, problems, warnings } = checkProcessDocument(document, own);
  warnOf(
    runtime,
    warnings.map(warning => ({ ...warning, document: callersDocument })),
  );
  if (process !== undefined) return { process, inherited };
  throw refusal(problems);
}

/** Checks the container's own process. `create` has already logged its warnings. */
function checkOwn(document: unknown, text: string): Process {
  const { process, problems } = checkProcessDocument(document);
  if (process !== undefined) return process;
  return withSourceLocation(text, () => {
    throw refusal(problems.map(problem => ({ ...problem, pointer: `/process${problem.pointer ?? ''}` })));
  });
}

function refusal(problems: readonly ErrorFields[]): RuntimeError {
  const [first = { code: 'internal', message: 'a process without problems' } as const] = problems;
  return new RuntimeError({ ...first, problems });
}

function changed(
  runtime: Runtime,
  own: Process,
  options: ExecProcessOptions,
): Pick<ExecProcess, 'process' | 'origin'> {
  const { user } = own;
  const names = options.optionNames ?? libraryNames;
  // No option name for the program: the message quotes it.
  const given = new Map([['args', '']]);
  const take = <T>(name: string, option: string, value: T): T => {
    if (value !== undefined) given.set(name, option);
    return value;
  };
  const cwd = take('cwd', names.cwd, options.cwd);
  const uid = take('user', names.user, options.uid);
  const more = options.capabilities ?? [];
  const labels = {
    ...(options.selinuxLabel !== undefined && {
      selinuxLabel: take('selinuxLabel', names.selinuxLabel, options.selinuxLabel),
    }),
    ...(options.apparmorProfile !== undefined && {
      apparmorProfile: take('apparmorProfile', names.apparmorProfile, options.apparmorProfile),
    }),
  };
  const requested = { args: options.args ?? [], cwd: cwd ?? own.cwd, ...labels };
  const { env = [], additionalGids = [], gid = user.gid } = options;
  const bounding = more.map(name => name.toUpperCase());
  checkOptions(
    runtime,
    { ...requested, env, user: { uid: uid ?? user.uid, gid, additionalGids }, capabilities: { bounding } },
    names,
  );
  return {
    process: {
      ...own,
      // Without a terminal in the config, its consoleSize was not checked: ignore it.
      ...(!own.terminal && { consoleSize: { height: 0, width: 0 } }),
      ...(options.consoleSize !== undefined && { consoleSize: options.consoleSize }),
      terminal: take('terminal', names.tty, options.tty ?? false),
      ...requested,
      env: [...(own.env ?? []), ...env],
      user: {
        ...user,
        uid: uid ?? user.uid,
        gid,
        additionalGids: [...(user.additionalGids ?? []), ...additionalGids],
      },
      ...(more.length > 0 && {
        capabilities: take('capabilities', names.capabilities, withMore(own.capabilities ?? {}, more)),
      }),
      ...(options.noNewPrivileges && { noNewPrivileges: true }),
    },
    // Values of options have no place in config.json.
    origin: (...parts) => given.get(String(parts[0])) ?? formatPointer(['process', ...parts]),
  };
}

/** Checks the values of options like a document. */
function checkOptions(runtime: Runtime, document: Process, names: OptionNames): void {
  const source = (pointer: string): Source => {
    const [, property = '', member = ''] = pointer.split('/');
    const name = member === 'additionalGids' ? member : property;
    return { option: Object.hasOwn(names, name) ? names[name as keyof OptionNames] : undefined };
  };
  const { problems, warnings } = checkProcessDocument(document);
  const [first] = problems;
  if (first !== undefined) throw new RuntimeError(named(first, source));
  warnOf(
    runtime,
    warnings.map(warning => named(warning, source)),
  );
}

/** The inheritable set stays unchanged: programs of other users would gain its capabilities from files (CVE-2022-29162). */
function withMore(sets: Capabilities, names: readonly string[]): Capabilities {
  const more = names.map(name => name.toUpperCase());
  const add = (set: readonly string[] | undefined): readonly string[] => [...(set ?? []), ...more];
  return {
    ...sets,
    bounding: add(sets.bounding),
    effective: add(sets.effective),
    permitted: add(sets.permitted),
    ...(sets.inheritable !== undefined && { ambient: add(sets.ambient) }),
  };
}
