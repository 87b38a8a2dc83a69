// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { RuntimeError } from '../errors/error.ts';
import { didYouMean } from '../errors/spelling.ts';
import { type CommandGroup, type CommandModule, isGroup } from './command.ts';
import { defineGlobals } from './globals.ts';
import { canonical, checkArgumentCount, type Scanned, scan } from './grammar.ts';

/** The parsed command line. */
export interface Invocation {
  /** Global options by name, as text; includes those before a usage error. */
  readonly globals: ReadonlyMap<string, string | true>;
  readonly action:
    | {
        readonly kind: 'run';
        readonly module: CommandModule;
        readonly args: readonly string[];
        readonly options: Readonly<Record<string, unknown>>;
      }
    | { readonly kind: 'version' }
    | {
        readonly kind: 'help';
        readonly program: Command;
        readonly module?: CommandModule;
        readonly command?: Command;
        readonly group?: CommandGroup;
      }
    | {
        readonly kind: 'usage-error';
        readonly error: RuntimeError;
        /** The command that has the error, if it is known. */
        readonly module?: CommandModule;
      };
}

/** The commands and groups of commands, in the order of the help. */
type Entries = readonly (CommandModule | CommandGroup)[];

/** Parses a command line. An error in it is returned, not thrown. */
export function parse(name: string, tokens: readonly string[], modules: Entries): Invocation {
  const declared = declarations(name);
  const { program } = declared;
  const before: Scanned = { options: new Map(), lists: new Map(), args: [], rest: [], help: false };
  const globals = before.options;
  let module: CommandModule | undefined;
  let command: Command | undefined;
  let group: CommandGroup | undefined;
  try {
    scan(tokens, program.options, before, { stopAtArgument: true });
    if (globals.has('version')) return { globals, action: { kind: 'version' } };
    let [word, ...literal] = before.args;
    if (word === undefined) return { globals, action: { kind: 'help', program } };
    if (word === 'help' || word === 'h')
      return { globals, action: helpOf(declared, [...literal, ...before.rest], modules) };
    if (before.help) return { globals, action: helpOf(declared, [word], modules) };
    let entry = find(word, modules);
    if (isGroup(entry)) {
      group = entry;
      const within: Scanned = { ...before, args: literal, rest: [] };
      scan(before.rest, program.options, within, { stopAtArgument: true });
      if (globals.has('version')) return { globals, action: { kind: 'version' } };
      [word, ...literal] = within.args;
      if (word === undefined || word === 'help') {
        return { globals, action: helpOf(declared, [group.name, ...literal, ...within.rest], modules) };
      }
      entry = findIn(group, word);
      if (within.help) return { globals, action: helpOf(declared, [group.name, word], modules) };
      before.rest.splice(0, before.rest.length, ...within.rest);
    }
    module = entry;
    command = define(declared, module);

    const local: Scanned = { options: new Map(), lists: new Map(), args: literal, rest: [], help: false };
    scan(before.rest, [...command.options, ...program.options], local, {
      stopAtArgument: module.optionsFirst ?? false,
      combine: module.shortOptionsCombine,
      foreign: module.foreignOptions,
    });
    // In `exec ID -- ls`, `--` is a separator, not the program. In `container run IMAGE -- a`, it is a word of the program.
    if (group === undefined && local.rest[0] === '--') local.rest.shift();
    local.args.push(...local.rest);
    if (local.help) return { globals, action: { kind: 'help', program, module, command } };
    takeGlobals(local, command, globals);
    if (globals.has('version')) return { globals, action: { kind: 'version' } };
    checkArgumentCount(`${name} ${module.name}`, command, local.args);
    // commander parses last and converts the values to the types of the command.
    command.parse([...canonical(local), '--', ...local.args], { from: 'user' });
    return { globals, action: { kind: 'run', module, args: local.args, options: command.opts() } };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const known = module?.name ?? group?.name;
    const see = `see ${known === undefined ? name : `${name} ${known}`} --help`;
    const hint = error.hint === undefined ? see : `${error.hint} (${see})`;
    const action = { kind: 'usage-error', error: error.with({ hint }) } as const;
    return { globals, action: module === undefined ? action : { ...action, module } };
  }
}

/** Accepts global options after the command's name. An option of the command overrides a global one of the same name. */
function takeGlobals(local: Scanned, command: Command, globals: Map<string, string | true>): void {
  const own = new Set(command.options.map(option => option.long?.slice(2)));
  for (const [name, value] of [...local.options]) {
    if (own.has(name)) continue;
    local.options.delete(name);
    globals.set(name, value);
  }
}

interface Declarations {
  readonly program: Command;
  readonly commands: Map<CommandModule, Command>;
}

/**
 * Declarations by program name. They do not depend on the command line and are created once. For the standalone host,
 * the build creates them and stores them in the heap snapshot.
 */
const declarationsOf = new Map<string, Declarations>();

function declarations(name: string): Declarations {
  let declared = declarationsOf.get(name);
  if (declared === undefined) {
    declared = { program: quiet(new Command(name)), commands: new Map() };
    defineGlobals(declared.program);
    declarationsOf.set(name, declared);
  }
  return declared;
}

/** Prevents the command from writing and exiting. */
function quiet(command: Command): Command {
  const nothing = (): void => {};
  return command
    .exitOverride()
    .helpOption(false)
    .helpCommand(false)
    .configureOutput({ writeOut: nothing, writeErr: nothing, outputError: nothing });
}

function define({ program, commands }: Declarations, module: CommandModule): Command {
  let command = commands.get(module);
  if (command === undefined) {
    command = quiet(new Command(module.name)).description(module.summary);
    module.define(command);
    program.addCommand(command);
    commands.set(module, command);
  }
  return command;
}

function helpOf(
  declared: Declarations,
  [topic, inner]: readonly string[],
  modules: Entries,
): Invocation['action'] {
  const { program } = declared;
  if (topic === undefined) return { kind: 'help', program };
  const entry = find(topic, modules);
  if (isGroup(entry) && inner === undefined) return { kind: 'help', program, group: entry };
  const module = isGroup(entry) ? findIn(entry, inner ?? '') : entry;
  return { kind: 'help', program, module, command: define(declared, module) };
}

function find(word: string, modules: Entries): CommandModule | CommandGroup {
  const module = modules.find(({ name }) => name === word);
  if (module !== undefined) return module;
  const names = modules.map(({ name }) => name);
  throw new RuntimeError({
    code: 'usage.unknown-command',
    // The second half is runc's text, which engine tests match.
    message: `unknown command ${JSON.stringify(word)}: No help topic for '${word}'`,
    value: word,
    hint: synonyms.has(word) ? `did you mean ${synonyms.get(word)}?` : didYouMean(word, names),
  });
}

/** Returns the command of a group, by its last word. */
function findIn({ name, commands }: CommandGroup, word: string): CommandModule {
  const module = commands.find(command => command.name === `${name} ${word}`);
  if (module !== undefined) return module;
  const words = commands.map(command => command.name.slice(name.length + 1));
  throw new RuntimeError({
    code: 'usage.unknown-command',
    message: `unknown command ${JSON.stringify(word)} of ${name}`,
    value: word,
    hint: didYouMean(word, words) ?? `use ${words.join(', ')}`,
  });
}

/** Commands of engines that have another name here. */
const synonyms: ReadonlyMap<string, string> = new Map([
  ['attach', 'container attach'],
  ['cp', 'container cp'],
  ['images', 'image ls'],
  ['load', 'image load'],
  ['logs', 'container logs'],
  ['pull', 'image pull'],
  ['rmi', 'image rm'],
  ['save', 'image save'],
  ['wait', 'container wait'],
  ['inspect', 'state'],
  ['ls', 'list'],
  ['rm', 'delete'],
  ['stats', 'events --stats'],
  ['stop', 'kill'],
  ['top', 'ps'],
  ['unpause', 'resume'],
]);
