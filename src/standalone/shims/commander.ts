// SPDX-License-Identifier: Apache-2.0

/**
 * The part of commander that src/cli uses, for the standalone host: the real package would double the code to load
 * before a command starts. src/cli/grammar.ts normalizes the command line first, therefore only declarations and the
 * conversion of values remain. A test compares the two hosts.
 */

type Parse = (text: string, previous: unknown) => unknown;

export class Option {
  readonly flags: string;
  readonly description: string;
  readonly short: string | undefined;
  readonly long: string | undefined;
  /** The option takes a value. */
  readonly required: boolean;
  readonly negate: boolean;
  /** The option may be repeated; its value is a list. */
  readonly variadic: boolean;
  hidden = false;
  readonly parseArg: Parse | undefined;

  constructor(flags: string, description: string, parseArg?: Parse) {
    this.flags = flags;
    this.description = description;
    this.parseArg = parseArg;
    // `-b, --bundle <dir>`, `--keep`
    const long = flags.indexOf('--');
    const end = flags.indexOf(' ', long);
    this.long = long < 0 ? undefined : flags.slice(long, end < 0 ? undefined : end);
    this.short = long === 0 ? undefined : flags.slice(0, 2);
    this.required = flags.includes('<');
    this.variadic = flags.includes('...>');
    this.negate = this.long?.startsWith('--no-') ?? false;
  }

  hideHelp(): this {
    this.hidden = true;
    return this;
  }

  /** Returns `pidFile` for `--pid-file`, `pivot` for `--no-pivot`. */
  attributeName(): string {
    const words = (this.long?.slice(this.negate ? 5 : 2) ?? this.short?.slice(1) ?? '').split('-');
    return words
      .map((word, at) => (at === 0 ? word : word.slice(0, 1).toUpperCase() + word.slice(1)))
      .join('');
  }
}

class Argument {
  readonly description: string;
  readonly required: boolean;
  /** The argument takes all remaining words. */
  readonly variadic: boolean;
  readonly #name: string;

  constructor(head: string, description: string) {
    this.description = description;
    this.required = head.startsWith('<');
    this.variadic = head.endsWith('...]') || head.endsWith('...>');
    this.#name = head.slice(1, this.variadic ? -4 : -1);
  }

  name(): string {
    return this.#name;
  }
}

export class Command {
  readonly options: Option[] = [];
  readonly registeredArguments: Argument[] = [];
  readonly #name: string;
  /** The options of the last parsed command line. */
  #values: Record<string, unknown> = {};

  constructor(name: string) {
    this.#name = name;
  }

  name(): string {
    return this.#name;
  }

  option(flags: string, description: string, parseArg?: Parse): this {
    return this.addOption(new Option(flags, description, parseArg));
  }

  addOption(option: Option): this {
    this.options.push(option);
    return this;
  }

  argument(head: string, description = ''): this {
    this.registeredArguments.push(new Argument(head, description));
    return this;
  }

  opts(): Readonly<Record<string, unknown>> {
    return this.#values;
  }

  /** Parses options first, as `--name` or `--name=value`, then `--` and the arguments: the output of grammar.ts. */
  parse(words: readonly string[]): this {
    const values: Record<string, unknown> = {};
    for (const option of this.options) if (option.negate) values[option.attributeName()] = true;
    for (const word of words) {
      if (word === '--') break;
      const equals = word.indexOf('=');
      const name = equals < 0 ? word : word.slice(0, equals);
      const option = this.options.find(({ long, short }) => name === long || name === short);
      if (option === undefined) throw new Error(`no option ${name}`);
      const text = equals < 0 ? undefined : word.slice(equals + 1);
      const value = text === undefined ? !option.negate : (option.parseArg?.(text, undefined) ?? text);
      const at = option.attributeName();
      const before = values[at];
      values[at] = option.variadic ? [...(Array.isArray(before) ? before : []), value] : value;
    }
    this.#values = values;
    return this;
  }

  // commander needs these to neither print nor exit; this class never does.
  exitOverride(): this {
    return this;
  }

  helpOption(_flags: false): this {
    return this;
  }

  helpCommand(_enable: false): this {
    return this;
  }

  configureOutput(_configuration: object): this {
    return this;
  }

  description(_text: string): this {
    return this;
  }

  addCommand(_command: Command): this {
    return this;
  }
}
