// SPDX-License-Identifier: Apache-2.0
// The first hour with tsubo alone beside the same words under Docker Engine with runc.
import { strict as assert } from 'node:assert';
import { type Engine, type Runtime, waitFor } from '../flow.ts';
import { Terminal } from '../terminal.ts';
import { compare, type Printed } from './compare.ts';
import { FirstHour } from './engine.ts';
import { normalised } from './normalise.ts';
import { type Step, transcript } from './transcript.ts';

/** What Docker printed, for the comparison with tsubo, which comes second. */
let ofDocker: readonly Printed[] | undefined;

/** Runs one command, and returns what it printed with its status, without what differs between two runs. */
async function take(
  hour: FirstHour,
  step: Step,
  kept: Map<string, string>,
  ids: Set<string>,
): Promise<Printed> {
  const { machine, word } = hour;
  const { server } = step;
  if (server !== undefined) {
    await waitFor(`the web server in ${server}`, () => {
      const { stdout, stderr } = machine.run([word, 'container', 'logs', server]);
      return /Command line/.test((stdout + stderr).split('resuming normal operations').at(-1) ?? '')
        ? true
        : undefined;
    });
  }
  const line = step.line
    .replace(/\btsubo\b/g, word)
    .replace(/\{(\w+)\}/g, (_, name) => kept.get(name)?.slice(0, 12) ?? name);
  const done =
    step.typed === undefined ? machine.run(['sh', '-c', line]) : await onTerminal(hour, line, step.typed);
  if (step.keep !== undefined) {
    const [id = ''] = hour.words('container', 'ls', '--latest', '--quiet', '--no-trunc');
    kept.set(step.keep, id);
  }
  for (const id of hour.words('container', 'ls', '--all', '--quiet', '--no-trunc')) ids.add(id);
  return normalised(step.line, done, ids);
}

async function onTerminal({ machine }: FirstHour, line: string, typed: NonNullable<Step['typed']>) {
  const terminal = Terminal.open(machine, 24, 80, line.split(' '));
  for (const text of typed) {
    // The shell may write its prompt again, because this terminal does not answer where the cursor is.
    await waitFor('the prompt', async () => {
      const { output } = terminal;
      if (!/\/ # \S*$/.test(output)) return undefined;
      await new Promise(resolve => setTimeout(resolve, 1000));
      return terminal.output === output ? true : undefined;
    });
    terminal.type(`${text}\r`);
  }
  const status = await terminal.ended();
  // The first line is of the test's own.
  return { status, stdout: terminal.output.replace(/^terminal=.*\r?\n/, ''), stderr: '' };
}

export const firstHour: Engine<FirstHour> = {
  name: 'first-hour',
  start: (machine, runtime: Runtime) => FirstHour.start(machine, runtime),
  flows: [
    {
      name: 'tsubo alone prints what Docker prints',
      run: async hour => {
        const kept = new Map<string, string>();
        // The ids of all containers until now.
        const ids = new Set<string>();
        const printed: Printed[] = [];
        for (const step of transcript) printed.push(await take(hour, step, kept, ids));
        if (hour.word === 'docker') {
          ofDocker = printed;
          return;
        }
        if (ofDocker === undefined) return;
        const unlike = compare(ofDocker, printed);
        assert.equal(unlike.length, 0, unlike.join('\n'));
      },
    },
  ],
};
