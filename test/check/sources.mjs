// SPDX-License-Identifier: Apache-2.0
// Checks that no linter provides: licence lines, the order of the rooms, and that the sources contain nothing of one
// machine.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { filesBelow, top } from '../../native/build/stage.mjs';
import { errorCodesPage, renderErrorCodes } from './error-codes.mjs';
import { renderVocabulary, vocabularyHeader } from './vocabulary.mjs';

const rooms = ['.ci', 'bundle-fixtures', 'native', 'src', 'test'];
const alone = [
  'README.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'binding.gyp',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
];
/** The directories of src/: each imports code from itself and from earlier ones. Types may be imported from any. */
const order = [
  ...[
    'errors',
    'kernel',
    'host',
    'oci',
    'bundle',
    'cdi',
    'seccomp',
    'cgroup',
    'rdt',
    'criu',
    'network',
    'image',
    'plan',
  ],
  ...['wire', 'validate', 'lifecycle', 'direct', 'build', 'inspect', 'cli', 'node', 'standalone'],
];
/** The directories of native/, and those whose headers each may include beside its own. */
const nativeRooms = /** @type {Readonly<Record<string, readonly string[]>>} */ ({
  wire: [],
  core: ['wire'],
  init: ['core', 'wire'],
  keeper: ['init', 'core'],
  reaper: ['init', 'core'],
  spawn: ['core', 'wire'],
  unpack: ['core'],
  pack: ['unpack', 'core'],
  binding: ['spawn', 'keeper', 'pack', 'unpack', 'core', 'wire'],
  napi: ['binding'],
  standalone: ['binding'],
  hello: [],
});
/** A definition of a constant of the kernel: `MS_REC: 16384`, `const O_PATH = 0o10000000`. */
const kernelConstant =
  /\b((?:AUDIT_ARCH|BPF|CAP|CLONE|E|IOPRIO|MOUNT_ATTR|MPOL|MS|O|RLIMIT|SCHED|SECCOMP|SIG|S_IF)_?[A-Z0-9_]+)(?:: | = )(?:0[xo]|\d)/;
const licence = 'SPDX-License-Identifier: Apache-2.0';

/** Every text file of the repository. */
function sources() {
  return filesBelow([...rooms, ...alone], path => !/\/(rootfs|node_modules)\//.test(path));
}

/**
 * @param {string} path a file of src/
 * @param {string} text
 * @returns {string[]} the imported files in later directories
 */
function importsBackwards(path, text) {
  const room = path.split('/')[1] ?? '';
  const imports = text.matchAll(/^(?:import|export) (?!type )[^;]*? from '(\.[^']+)';$/gm);
  return [...imports]
    .map(([, target = '']) => normalize(join(dirname(path), target)))
    .filter(target => order.indexOf(target.split('/')[1] ?? '') > order.indexOf(room));
}

/**
 * @param {string} path a C++ file of native/
 * @param {string} text
 * @returns {string[]} the included headers of rooms that its room must not include
 */
function foreignHeaders(path, text) {
  const room = path.split('/')[1] ?? '';
  const allowed = nativeRooms[room] ?? [];
  return [...text.matchAll(/^#include "(([^/"]+)\/[^"]+)"$/gm)].flatMap(([, header = '', from = '']) =>
    from === room || allowed.includes(from) ? [] : [header],
  );
}

/** @returns {string[]} one line for each problem, empty if there is none */
export function problemsOfSources() {
  /** @type {string[]} */
  const problems = [];
  for (const path of sources()) {
    const text = readFileSync(join(top, path), 'utf8');
    const lines = text.split('\n');
    /** @param {number} index @param {string} what */
    const complain = (index, what) => problems.push(`${path}:${index + 1}: ${what}`);

    if (/\.(ts|mjs|cjs|cc|h|S|ld)$/.test(path) || /^(\.ci\/run|test\/minimal-root\/enter)$/.test(path)) {
      const first = lines[0]?.startsWith('#!') ? 1 : 0;
      if (!lines[first]?.includes(licence)) complain(first, `the first line must contain ${licence}`);
    }
    // Fixtures contain errors on purpose.
    const shaped = !path.startsWith('bundle-fixtures/bad/');
    if (shaped && text !== '' && !text.endsWith('\n'))
      complain(lines.length - 1, 'the last line must end with a newline');
    if (/^src\/\w+\//.test(path)) {
      const room = path.split('/')[1] ?? '';
      if (!order.includes(room))
        complain(0, `the room ${room} has no place in the order of test/check/sources.mjs`);
      for (const target of importsBackwards(path, text))
        complain(0, `${target} is in a room that comes later`);
    }
    if (/^native\/.*\.(cc|h)$/.test(path)) {
      const room = path.split('/')[1] ?? '';
      if (!(room in nativeRooms))
        complain(0, `the room ${room} is not in the list of test/check/sources.mjs`);
      for (const header of foreignHeaders(path, text))
        complain(0, `native/${room} must not include ${header}`);
    }
    const defines =
      path.startsWith('src/') && !path.startsWith('src/kernel/') && path !== 'src/errors/errno.ts';
    lines.forEach((line, index) => {
      const constant = defines ? kernelConstant.exec(line)?.[1] : undefined;
      if (constant !== undefined) complain(index, `the kernel's ${constant} belongs in src/kernel`);
      if (line.includes(top) || line.includes(`${dirname(top)}/shared`)) {
        complain(index, 'a path of this machine');
      }
      if (shaped && /[ \t]$/.test(line)) complain(index, 'blanks at the end');
      // Core code must run in an engine that loads no module at run time.
      if (path.startsWith('src/') && !path.startsWith('src/node/') && /\bawait\s+import\(/.test(line)) {
        complain(index, 'the core rooms import statically');
      }
    });
  }
  const lock = JSON.parse(readFileSync(join(top, 'package-lock.json'), 'utf8'));
  for (const [name, entry] of Object.entries(lock.packages)) {
    if (entry.resolved !== undefined)
      problems.push(`package-lock.json: ${name}: the lock file must not name a registry`);
  }
  const { version } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));
  if (!readFileSync(join(top, 'src/cli/version.ts'), 'utf8').includes(`'${version}'`)) {
    problems.push(`src/cli/version.ts: the version must be that of package.json, ${version}`);
  }
  for (const name of ['library.ts', 'streams.ts']) {
    const example = readFileSync(join(top, 'test/types', name), 'utf8').replace(/^.*\n/, '');
    if (!readFileSync(join(top, 'README.md'), 'utf8').includes(`\`\`\`ts\n${example}\`\`\`\n`)) {
      problems.push(`README.md: an example must be test/types/${name} without its first line`);
    }
  }
  for (const [path] of readFileSync(join(top, 'SECURITY.md'), 'utf8').matchAll(/\btest\/[\w./-]+\w/g)) {
    if (!existsSync(join(top, path))) problems.push(`SECURITY.md: there is no ${path}`);
  }
  const header = join(top, vocabularyHeader);
  if (!existsSync(header) || readFileSync(header, 'utf8') !== renderVocabulary()) {
    problems.push(`${vocabularyHeader}: out of date with the steps in src/plan: run npm run format`);
  }
  const page = join(top, errorCodesPage);
  if (!existsSync(page) || readFileSync(page, 'utf8') !== renderErrorCodes()) {
    problems.push(`${errorCodesPage}: out of date with src/errors/codes.ts: run npm run format`);
  }
  return problems;
}
