// SPDX-License-Identifier: Apache-2.0
import { defaultPath } from '../direct/defaults.ts';
import { RuntimeError } from '../errors/error.ts';
import { joinPath } from '../host/paths.ts';
import type { ConfigMembers } from '../image/new-image.ts';
import { parseDuration } from '../lifecycle/duration.ts';
import { signalNumber } from '../lifecycle/signals.ts';
import { type Flag, type Instruction, type Place, placeOf, type Source, syntaxError } from './instruction.ts';
import { pairsOf, splitInstruction } from './parse.ts';
import { expanded, type Lookup, MissingVariable, rawWords } from './words.ts';

/** Instructions that change only the config of the image. */
export const settingKeywords = [
  ...['CMD', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'HEALTHCHECK', 'LABEL', 'MAINTAINER', 'ONBUILD', 'SHELL'],
  ...['STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR'],
];

export const defaultShell: readonly string[] = ['/bin/sh', '-c'];
const shortestInterval = 1_000_000;

/** Returns a word with its variables replaced. */
export function expandedIn(place: Place, word: string, lookup: Lookup): string {
  try {
    return expanded(word, place.source.escapeMark, lookup);
  } catch (error) {
    if (error instanceof MissingVariable)
      throw syntaxError(place, `failed to process ${JSON.stringify(word)}: ${error.message}`);
    throw error;
  }
}

/** Returns the shell of instructions that are not a list. */
export function shellOf(config: ConfigMembers): readonly string[] {
  const own = config['Shell'];
  return Array.isArray(own) && own.length > 0 ? (own as string[]) : defaultShell;
}

/** Returns the variables of ENV. */
export function environmentOf(config: ConfigMembers): Map<string, string> {
  const entries = Array.isArray(config['Env']) ? (config['Env'] as string[]) : [];
  return new Map(
    entries.map(entry => {
      const equals = entry.indexOf('=');
      return [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
}

/** Adds the usual PATH if there is none, as Docker does: `ENV PATH /opt/bin:$PATH` then keeps the usual directories. */
export function withPath(config: ConfigMembers): ConfigMembers {
  const variables = environmentOf(config);
  if (variables.has('PATH')) return config;
  const own = Array.isArray(config['Env']) ? (config['Env'] as string[]) : [];
  return { ...config, Env: [...own, `PATH=${defaultPath}`] };
}

export interface Applied {
  readonly config: ConfigMembers;
  /** For the history. */
  readonly text: string;
  /** Of MAINTAINER. */
  readonly author?: string;
}

/**
 * Applies an instruction of `settingKeywords`.
 *
 * @param ownCommand - CMD was set by this Dockerfile, not by the base image
 * @returns the new config, and the text of the history
 * @throws RuntimeError `build.syntax`
 */
export function applySetting(
  config: ConfigMembers,
  source: Source,
  instruction: Instruction,
  lookup: Lookup,
  ownCommand = false,
): Applied {
  const place = placeOf(source, instruction);
  const { keyword, text, list, flags } = instruction;
  const expand = (word: string): string => expandedIn(place, word, lookup);
  const words = (): string[] => (list ?? rawWords(text, source.escapeMark)).map(expand);
  if (keyword !== 'HEALTHCHECK') refuseFlags(place, flags, keyword);
  switch (keyword) {
    case 'CMD':
      return {
        config: { ...config, Cmd: list ?? [...shellOf(config), text] },
        text: `CMD ${JSON.stringify(list ?? [...shellOf(config), text])}`,
      };
    case 'ENTRYPOINT': {
      const command = list ?? [...shellOf(config), text];
      // The arguments of the base image belong to its own entrypoint.
      const { Cmd, ...rest } = config;
      return {
        config: { ...rest, ...(ownCommand && { Cmd }), Entrypoint: command },
        text: `ENTRYPOINT ${JSON.stringify(command)}`,
      };
    }
    case 'ENV': {
      const pairs = pairsOf(source, instruction).map(({ name, value }) => ({
        name: expand(name),
        value: expand(value),
      }));
      const all = environmentOf(config);
      for (const { name, value } of pairs) {
        if (name === '') throw syntaxError(place, 'ENV names can not be blank');
        all.set(name, value);
      }
      const shown = pairs.map(({ name, value }) => `${name}=${value}`).join(' ');
      return {
        config: { ...config, Env: [...all].map(([name, value]) => `${name}=${value}`) },
        text: `ENV ${shown}`,
      };
    }
    case 'LABEL': {
      const pairs = pairsOf(source, instruction).map(
        ({ name, value }) => [expand(name), expand(value)] as const,
      );
      const Labels = { ...(config['Labels'] as object | undefined), ...Object.fromEntries(pairs) };
      return {
        config: { ...config, Labels },
        text: `LABEL ${pairs.map(([name, value]) => `${name}=${value}`).join(' ')}`,
      };
    }
    case 'MAINTAINER':
      return { config, text: `MAINTAINER ${text}`, author: text };
    case 'EXPOSE': {
      const ports = words()
        .flatMap(word => word.split(/\s+/))
        .filter(word => word !== '')
        .flatMap(word => portsOf(place, word));
      const ExposedPorts = {
        ...(config['ExposedPorts'] as object | undefined),
        ...Object.fromEntries(ports.map(port => [port, {}])),
      };
      return {
        config: { ...config, ExposedPorts },
        text: `EXPOSE ${JSON.stringify(ports).replace(/[",]/g, char => (char === ',' ? ' ' : ''))}`,
      };
    }
    case 'VOLUME': {
      const paths = words();
      const empty = paths.find(path => path === '');
      if (empty !== undefined || paths.length === 0)
        throw syntaxError(place, 'VOLUME specified can not be an empty string');
      const Volumes = {
        ...(config['Volumes'] as object | undefined),
        ...Object.fromEntries(paths.map(path => [path, {}])),
      };
      return { config: { ...config, Volumes }, text: `VOLUME [${paths.join(' ')}]` };
    }
    case 'USER':
      return {
        config: { ...config, User: one(place, keyword, words()) },
        text: `USER ${one(place, keyword, words())}`,
      };
    case 'WORKDIR': {
      const path = directoryOf(config, expand(text));
      return { config: { ...config, WorkingDir: path }, text: `WORKDIR ${path}` };
    }
    case 'SHELL':
      if (list === undefined || list.length === 0)
        throw syntaxError(
          place,
          'SHELL requires the arguments to be in JSON form',
          'write SHELL ["/bin/bash", "-c"]',
        );
      return { config: { ...config, Shell: list }, text: `SHELL [${list.join(' ')}]` };
    case 'STOPSIGNAL': {
      const signal = one(place, keyword, words());
      checkSignal(place, signal);
      return { config: { ...config, StopSignal: signal }, text: `STOPSIGNAL ${signal}` };
    }
    case 'HEALTHCHECK':
      return {
        config: { ...config, Healthcheck: healthOf(source, instruction) },
        text: `HEALTHCHECK ${withFlags(flags, text)}`,
      };
    case 'ONBUILD': {
      checkTrigger(source, instruction);
      const OnBuild = [...((config['OnBuild'] as string[] | undefined) ?? []), text];
      return { config: { ...config, OnBuild }, text: `ONBUILD ${text}` };
    }
    default:
      throw syntaxError(
        place,
        `${keyword} is not a valid change command`,
        `the instructions are ${settingKeywords.join(', ')}`,
      );
  }
}

function withFlags(flags: readonly Flag[], text: string): string {
  return [...flags.map(({ name, value }) => `--${name}${value === undefined ? '' : `=${value}`}`), text].join(
    ' ',
  );
}

export function refuseFlags(place: Place, flags: readonly Flag[], keyword: string): void {
  const [flag] = flags;
  if (flag !== undefined) throw syntaxError(place, `${keyword} has no flag --${flag.name}`);
}

function one(place: Place, keyword: string, words: readonly string[]): string {
  const [only = ''] = words;
  if (words.length !== 1 || only === '') throw syntaxError(place, `${keyword} requires exactly one argument`);
  return only;
}

/** Returns the directory of WORKDIR: relative to the one before. */
export function directoryOf(config: ConfigMembers, path: string): string {
  const before =
    typeof config['WorkingDir'] === 'string' && config['WorkingDir'] !== '' ? config['WorkingDir'] : '/';
  return joinPath('/', path.startsWith('/') ? path : `${before}/${path}`);
}

/** `80`, `80/udp`, `8000-8002`. */
function portsOf(place: Place, word: string): string[] {
  const [, first = '', last = first, protocol = 'tcp'] =
    /^(\d{1,5})(?:-(\d{1,5}))?(?:\/([a-zA-Z]+))?$/.exec(word) ?? [];
  const [from, to] = [Number(first), Number(last)];
  const name = protocol.toLowerCase();
  if (first === '' || from < 1 || to > 65_535 || to < from || !['tcp', 'udp', 'sctp'].includes(name)) {
    throw syntaxError(place, `invalid containerPort: ${word}`, 'write 80, 53/udp or 8000-8010');
  }
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${name}`);
}

function checkSignal(place: Place, signal: string): void {
  try {
    signalNumber(signal);
  } catch (error) {
    if (error instanceof RuntimeError) throw syntaxError(place, error.message, error.hint);
    throw error;
  }
}

function healthOf(source: Source, instruction: Instruction): object {
  const place = placeOf(source, instruction);
  const { flags } = instruction;
  const [, kind = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(instruction.text) ?? [];
  const word = kind.toUpperCase();
  if (word === 'NONE') {
    if (rest !== '' || flags.length > 0) throw syntaxError(place, 'HEALTHCHECK NONE takes no arguments');
    return { Test: ['NONE'] };
  }
  if (word !== 'CMD')
    throw syntaxError(
      place,
      `unknown type ${JSON.stringify(kind)} in HEALTHCHECK`,
      'write HEALTHCHECK CMD or HEALTHCHECK NONE',
    );
  if (rest === '') throw syntaxError(place, 'missing command after HEALTHCHECK CMD');
  const { list } = splitInstruction(source, 'CMD', rest, instruction.line, instruction.column);
  const members: Record<string, unknown> = {
    Test: list === undefined ? ['CMD-SHELL', rest] : ['CMD', ...list],
  };
  for (const { name, value = '' } of flags) {
    const member = healthMembers[name];
    if (member === undefined) throw syntaxError(place, `HEALTHCHECK has no flag --${name}`);
    if (member === 'Retries') {
      if (!/^\d{1,9}$/.test(value)) throw syntaxError(place, `invalid --retries ${JSON.stringify(value)}`);
      members[member] = Number(value);
    } else members[member] = nanosecondsOf(place, name, value);
  }
  return members;
}

const healthMembers: Readonly<Record<string, string>> = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
  retries: 'Retries',
};

function nanosecondsOf(place: Place, name: string, text: string): number {
  const nanoseconds = parseDuration(text);
  if (nanoseconds === undefined)
    throw syntaxError(
      place,
      `invalid --${name} ${JSON.stringify(text)}`,
      'write a duration such as 30s or 1m30s',
    );
  if (nanoseconds !== 0 && nanoseconds < shortestInterval)
    throw syntaxError(place, `--${name} cannot be less than 1ms`);
  return nanoseconds;
}

function checkTrigger(source: Source, instruction: Instruction): void {
  const place = placeOf(source, instruction);
  const [, keyword = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(instruction.text) ?? [];
  const name = keyword.toUpperCase();
  if (name === 'ONBUILD') throw syntaxError(place, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (name === 'FROM' || name === 'MAINTAINER')
    throw syntaxError(place, `${name} isn't allowed as an ONBUILD trigger`);
  splitInstruction(source, keyword, rest, instruction.line, instruction.column);
}
