// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Attack, listOfAttacks } from './attacks.ts';
import { type Peer, tableOf } from './counts.ts';
import { WeakenedTree } from './weakened-tree.ts';

/** One test in the report of vitest. */
interface Assertion {
  readonly fullName: string;
  readonly status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo';
  readonly failureMessages: readonly string[];
  readonly meta?: { readonly disagreements?: readonly string[] };
}

/** The end of an attack: `held`, `fell` with the reason, or `untried` with the reason. */
export interface Outcome {
  readonly end: 'held' | 'fell' | 'untried';
  readonly why: string;
}

export interface Surroundings {
  readonly top: string;
  /** Directory for the weakened builds and reports. */
  readonly into: string;
  readonly host: 'node' | 'standalone';
  say(text: string): void;
}

const print = (text: string) => process.stdout.write(`${text}\n`);

/** The constant parts of the name of a test, which may have parameters, as a regular expression. */
export function patternOf(name: string): string {
  return name
    .split(/%[sijdo]|\$\w+/)
    .map(part => part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
    .join('.*');
}

/** Runs the tests of these attacks in a checkout, and returns the results by file. */
async function runTests(
  top: string,
  report: string,
  attacks: readonly Attack[],
  env: NodeJS.ProcessEnv,
): Promise<Map<string, Assertion[]>> {
  rmSync(report, { force: true });
  const files = [...new Set(attacks.map(({ test }) => test[0]))];
  const names = [...new Set(attacks.map(({ test }) => patternOf(test[1])))].join('|');
  const vitest = join(top, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', ...files, '-t', names, '--reporter=json', `--outputFile=${report}`];
  const child = spawn(process.execPath, args, {
    cwd: top,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (!existsSync(report)) throw new Error(`vitest made no report: ${errors}`);
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { name: string; assertionResults: Assertion[] }[];
  };
  const found = new Map<string, Assertion[]>();
  for (const { name, assertionResults } of testResults) {
    const file = name.slice(top.length + 1);
    found.set(file, [...(found.get(file) ?? []), ...assertionResults]);
  }
  return found;
}

function assertionsOf(found: ReadonlyMap<string, readonly Assertion[]>, attack: Attack): Assertion[] {
  const pattern = new RegExp(patternOf(attack.test[1]));
  return (found.get(attack.test[0]) ?? []).filter(({ fullName }) => pattern.test(fullName));
}

const firstLine = (text: string | undefined) =>
  (text ?? '')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of the terminal
    .replace(/\x1b\[[0-9;]*m/g, '')
    .split('\n')
    .slice(0, 1)
    .join('')
    .slice(0, 300);

/** Whether all tests of an attack have passed. */
function outcomeOf(found: ReadonlyMap<string, readonly Assertion[]>, attack: Attack): Outcome {
  const all = assertionsOf(found, attack);
  const failed = all.find(({ status }) => status === 'failed');
  if (failed !== undefined) return { end: 'fell', why: firstLine(failed.failureMessages[0]) };
  const [disagreement] = all.flatMap(({ meta }) => meta?.disagreements ?? []);
  if (disagreement !== undefined) return { end: 'fell', why: disagreement };
  if (all.length === 0) return { end: 'untried', why: 'no such test' };
  if (all.some(({ status }) => status !== 'passed')) return { end: 'untried', why: 'the test was skipped' };
  return { end: 'held', why: '' };
}

/** Removes the defence, runs the attack again, and checks that it succeeds. Returns the problem, if there is one. */
async function tryWeakened(tree: WeakenedTree, attack: Attack, show: boolean): Promise<string | undefined> {
  const { weakened } = attack;
  if (typeof weakened === 'string') return undefined;
  const host = weakened.host ?? 'node';
  const problem = tree.build(weakened.edits, host);
  if (problem !== undefined) return problem;
  const env = { TSUBO_HOST: host, TSUBO_RUNTIME: '' };
  const found = await runTests(tree.directory, join(tree.directory, 'report.json'), [attack], env);
  const all = assertionsOf(found, attack);
  const failed = all.filter(({ status }) => status === 'failed');
  if (all.length === 0) return 'the test does not exist';
  if (failed.length === 0) return 'the test does not notice that the defence is missing';
  const messages = failed.flatMap(({ failureMessages }) => failureMessages);
  if (show) for (const message of messages.slice(0, 2)) print(message.slice(0, 1500));
  return messages.some(message => weakened.succeeds.test(message))
    ? undefined
    : `the test fails for another reason: ${firstLine(messages[0])}`;
}

/** Attacks with which an installed runtime can be compared: those that need nothing of tsubo alone. */
const isComparable = ({ test: [file] }: Attack) => file.startsWith('test/oci/') && !file.includes('/network');

export async function security(args: readonly string[], around: Surroundings): Promise<number> {
  const option = (name: string) => args.includes(name);
  const words = args.filter(arg => !arg.startsWith('--'));
  const matches = ({ group, cve = [], test }: Attack) =>
    words.length === 0 ||
    words.some(word => group === word || cve.includes(word) || test.join(' ').includes(word));
  const attacks = listOfAttacks.filter(matches);
  const report = join(around.into, 'report.json');

  around.say(`trying ${attacks.length} attacks`);
  const found = await runTests(around.top, report, attacks, { TSUBO_HOST: around.host, TSUBO_RUNTIME: '' });
  const outcomes = new Map(attacks.map(attack => [attack, outcomeOf(found, attack)]));
  let bad = 0;
  for (const [attack, { end, why }] of outcomes) {
    if (end === 'held') continue;
    if (end === 'fell') bad += 1;
    print(`${end}: ${attack.test.join(': ')}: ${why}`);
  }

  const seen = new Set<Attack>();
  if (!option('--unweakened')) {
    const tree = new WeakenedTree(around.top, join(around.into, 'tree'));
    // In a short run every fourth of them, the same ones each time.
    const weakenable = attacks.filter(
      attack => typeof attack.weakened !== 'string' && outcomes.get(attack)?.end === 'held',
    );
    const chosen = option('--short') ? weakenable.filter((_, index) => index % 4 === 0) : weakenable;
    around.say(`trying ${chosen.length} of them on builds without the defence`);
    for (const attack of chosen) {
      const problem = await tryWeakened(tree, attack, option('--show'));
      if (problem === undefined) {
        seen.add(attack);
        continue;
      }
      bad += 1;
      print(`without the defence: ${attack.test.join(': ')}: ${problem}`);
    }
  }

  const peers: Peer[] = [];
  if (option('--peers')) {
    const comparable = attacks.filter(isComparable);
    for (const name of ['runc', 'crun']) {
      around.say(`trying ${comparable.length} of them on ${name}`);
      const env = { TSUBO_HOST: '', TSUBO_RUNTIME: name };
      const of = await runTests(around.top, report, comparable, env);
      const ends = new Map(comparable.map(attack => [attack, outcomeOf(of, attack)]));
      for (const [attack, { end, why }] of ends) {
        if (end === 'fell') print(`${name}: ${attack.test[1]}: ${why}`);
      }
      peers.push({ name, outcomes: ends });
    }
  }
  print(tableOf(attacks, outcomes, seen, peers));
  return bad > 0 ? 1 : 0;
}
