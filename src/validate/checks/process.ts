// SPDX-License-Identifier: Apache-2.0

import { nearestWord } from '../../errors/spelling.ts';
import { capabilityNumbers } from '../../kernel/capabilities.ts';
import type { Check } from '../context.ts';

const spec = 'config.md#process';
/** The kernel stores rows and columns of a terminal in 16 bits. */
const mostCells = 0xffff;

export const checkProcess: Check = context => {
  const { process } = context.config;
  if (process === undefined) {
    if (context.options.processOptional === true) {
      context.warn({
        code: 'config.process.required',
        message: 'config.json has no process: the container can be created but not started',
        pointer: '/process',
        spec,
      });
      return;
    }
    context.problem({
      code: 'config.process.required',
      message: 'process property must not be empty: config.json has no "process"',
      pointer: '/process',
      hint: 'add "process" with the program to run: {"args": ["sh"], "cwd": "/"}',
      spec,
    });
    return;
  }
  if (process.args === undefined || process.args.length === 0) {
    context.problem({
      code: 'config.process.args',
      message: 'args must not be empty',
      pointer: '/process/args',
      hint: 'the first entry is the program to run',
      spec,
    });
  }
  const { cwd } = process;
  const atCwd = { code: 'config.process.cwd', pointer: '/process/cwd', spec } as const;
  if (cwd === undefined || cwd === '') {
    context.problem({ ...atCwd, message: 'Cwd property must not be empty' });
  } else if (!cwd.startsWith('/')) {
    context.problem({
      ...atCwd,
      message: 'Cwd must be an absolute path',
      value: cwd,
      hint: `write "/${cwd}"`,
    });
  }
};

export const checkEnvironment: Check = context => {
  context.config.process?.env?.forEach((entry, index) => {
    const equals = entry.indexOf('=');
    if (equals > 0) return;
    context.problem({
      code: 'config.process.env',
      message:
        equals === -1
          ? `the environment variable "${entry}" has no "="`
          : `the environment variable "${entry}" has no name`,
      pointer: `/process/env/${index}`,
      value: entry,
      hint: equals === -1 ? 'an empty value is written NAME=' : undefined,
      spec,
    });
  });
};

/** Checks the kernel's limits. Without a terminal, the size is ignored (config.md#process). */
export const checkConsoleSize: Check = context => {
  const { terminal, consoleSize } = context.config.process ?? {};
  if (!terminal) return;
  for (const side of ['height', 'width'] as const) {
    const value = consoleSize?.[side] ?? 0;
    if (value <= mostCells) continue;
    context.problem({
      code: 'config.process.consoleSize',
      message: `a terminal cannot be ${value} characters in ${side}`,
      pointer: `/process/consoleSize/${side}`,
      value: String(value),
      hint: `use at most ${mostCells}`,
      spec,
    });
  }
};

/** The specification requires only a warning: the kernel may have a capability that is missing in this list. */
export const checkCapabilities: Check = context => {
  for (const [set, names] of Object.entries(context.config.process?.capabilities ?? {})) {
    names?.forEach((name, index) => {
      if (Object.hasOwn(capabilityNumbers, name) || Object.hasOwn(capabilityNumbers, name.toUpperCase()))
        return;
      if (context.hasTooManyWarnings()) return;
      const meant = nearestWord(
        name.toUpperCase().startsWith('CAP_') ? name : `CAP_${name}`,
        Object.keys(capabilityNumbers),
      );
      context.warn({
        code: 'config.process.capability',
        message: `the capability ${name} is unknown and is ignored`,
        pointer: `/process/capabilities/${set}/${index}`,
        value: name,
        hint: meant === undefined ? undefined : `did you mean ${meant}?`,
        spec: 'config.md#linux-process',
      });
    });
  }
};
