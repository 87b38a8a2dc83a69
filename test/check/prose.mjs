// SPDX-License-Identifier: Apache-2.0
// Checks for plain English: words that are hard to read in comments, texts and Markdown, and the subjects of commits.
// prose.json has the count of existing places for each directory. A count may decrease and must not increase: `node
// test/check/prose.mjs --write` writes the decreased counts.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesBelow, top } from '../../native/build/stage.mjs';

/** Each with its replacement. */
const rules = /** @type {const} */ ([
  [
    'who',
    /\b(?:whoever|whichever|nobody|somebody|anybody)\b/i,
    'name what acts: the caller, the kernel, the init',
  ],
  [
    'who as subject',
    /(?<!\b[Uu]sers? |, )\bwho (?:is|can|may|has|reads|writes|asks|calls|wants|made|does)\b/,
    'name what acts: the reader, the caller',
  ],
  ['shall', /\bshall\b/i, 'must, or the plain verb'],
  ['for want of', /\bfor want of\b/i, 'without, because there is no'],
  ['as yet', /\bas yet\b/i, 'not yet'],
  ['dear', /\bdear\b/i, 'slow, expensive'],
  ['born', /\b(?:born|birth\w*|bears?)\b/i, 'cloned, spawned'],
  ['let go', /\b(?:lets? (?:\w+ )?go|goes on|go on|appointment)\b/i, 'release, resume, continue'],
  ['relative', /(?:\/\/|\/?\*+|^)\s*(?:What|Who|Else|Ours|Theirs) [a-z]/, 'begin the sentence with a noun'],
  ['of', /(?:\/\/|\/?\*+)\s*Of (?!\w+ing\b)[a-z]/, 'begin the sentence with a noun'],
  ['ours', /\b(?:[Oo]urs|[Tt]heirs)\b/, 'own, the name of the other side, or a noun'],
  ['our', /\b(?:our|we)\b/i, 'the runtime, its'],
  ['is no', /(?<!\bthere )\b(?:is|are) no (?!longer\b)\w/i, 'is not a'],
  ['look for', /\b(?:looked|looks?) for\b/i, 'searched, expected'],
  ['tells', /\b(?:tells|told|knows nothing|looks at itself)\b/i, 'contains, returns, reports'],
]);

/** Most tools truncate longer subjects. */
const longestSubject = 72;
/** Subjects are checked from the first commit after the counts were added, then at this path. */
const begin = '.ci/prose.json';

export const countsFile = join(top, 'test/check/prose.json');

/** @returns {Map<string, string[]>} the places of such words, by directory */
function places() {
  /** @type {Map<string, string[]>} */
  const found = new Map();
  const roots = ['README.md', 'SECURITY.md', 'CHANGELOG.md', 'bundle-fixtures', 'native', 'src', 'test'];
  const files = filesBelow(roots, path => {
    if (/\/(rootfs|engine-configs|plans)\//.test(path) || path.startsWith('test/check/prose')) return false;
    return /\.(ts|mjs|cjs|cc|h|md|sh)$/.test(path);
  });
  for (const path of files) {
    const directory =
      path
        .split('/')
        .slice(0, 2)
        .join('/')
        .replace(/\/[^/]*\.\w+$/, '') || path;
    readFileSync(join(top, path), 'utf8')
      .split('\n')
      .forEach((line, index) => {
        for (const [, pattern, instead] of rules) {
          const word = pattern.exec(line)?.[0].trim();
          if (word === undefined) continue;
          const list = found.get(directory) ?? [];
          list.push(`${path}:${index + 1}: "${word}": ${instead}`);
          found.set(directory, list);
        }
      });
  }
  return found;
}

/** @returns {Record<string, number>} */
function counts() {
  return Object.fromEntries([...places()].map(([directory, list]) => [directory, list.length]));
}

/** Writes the counts that have decreased. */
export function writeProseCounts() {
  const allowed = JSON.parse(readFileSync(countsFile, 'utf8'));
  const now = counts();
  const lower = Object.entries(allowed).map(([directory, most]) => [
    directory,
    Math.min(Number(most), now[directory] ?? 0),
  ]);
  const kept = Object.fromEntries(lower.filter(([, most]) => most !== 0));
  writeFileSync(countsFile, `${JSON.stringify(kept, null, 2)}\n`);
}

/** @returns {string[]} one line for each problem */
export function problemsOfProse() {
  const allowed = JSON.parse(readFileSync(countsFile, 'utf8'));
  const problems = [...places()].flatMap(([directory, list]) => {
    const most = allowed[directory] ?? 0;
    if (list.length <= most) return [];
    return [
      `${directory}: ${list.length} places that read hard, at most ${most} are allowed:`,
      ...list.slice(-10),
    ];
  });
  return [...problems, ...subjects().flatMap(problemsOfSubject)];
}

/** Subjects of the commits since the rule was made; empty without git or without history. */
function subjects() {
  try {
    const git = (/** @type {string[]} */ ...args) =>
      execFileSync('git', args, { cwd: top, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const first = git('log', '--diff-filter=A', '--format=%H', '--', begin).trim().split('\n').at(-1);
    if (first === undefined || first === '') return [];
    return git('log', '--no-merges', '--format=%s', `${first}..HEAD`)
      .split('\n')
      .filter(line => line !== '');
  } catch {
    return [];
  }
}

/** Imperatives that look like another verb form. */
const imperatives = new Set(
  'pass process address access discuss press compress express focus embed read spread feed need bring string'.split(
    ' ',
  ),
);

/** @param {string} subject */
function problemsOfSubject(subject) {
  const problems = [];
  if (subject.length > longestSubject)
    problems.push(`commit "${subject}": longer than ${longestSubject} characters`);
  const verb = /^[\w.,/ -]+: ([A-Za-z-]+)/.exec(subject)?.[1];
  if (verb === undefined) problems.push(`commit "${subject}": write DIRECTORY: imperative`);
  else if (!imperatives.has(verb) && /(?:s|ed|ing)$|^(?:no|the|a|one|more|all|it|what)$/i.test(verb)) {
    problems.push(`commit "${subject}": "${verb}" is not an imperative`);
  }
  return problems;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === '--write') writeProseCounts();
  else for (const problem of problemsOfProse()) process.stdout.write(`${problem}\n`);
}
