// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modules } from '../../../src/cli/commands/index.ts';
import { main } from '../../../src/cli/main.ts';
import { version } from '../../../src/cli/version.ts';
import { errno } from '../../../src/errors/errno.ts';
import { type FakeMachine, machineForEachTest, refused, writeBundle } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
machineForEachTest(made => {
  machine = made;
});

/** Runs a command line and returns its exit status; the machine records its output. */
function call(...words: string[]): number {
  machine.arguments = [machine.arguments[0] ?? 'tsubo', ...words];
  machine.stdout = '';
  machine.stderr = '';
  return main(machine.binding);
}
const inRoot = (...words: string[]) => call('--root', machine.root, ...words);
const bundle = () => writeBundle(join(machine.directory, 'bundle'));
const time = '2023-11-14T22:13:20Z';

describe('the version', () => {
  it('is that of package.json', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(version).toBe(manifest.version);
  });

  it('is followed by the version of the specification', () => {
    expect(call('--version')).toBe(0);
    expect(machine.stdout).toBe(`tsubo version ${version}\nspec: 1.3.0\n`);
  });

  it('has the lines of runc when called as runc', () => {
    machine.arguments = ['/usr/local/bin/runc'];
    call('-v');
    expect(machine.stdout).toBe(
      `runc version ${version}\ncommit: v${version}\nspec: 1.3.0\ntsubo version ${version}\n`,
    );
  });
});

describe('help', () => {
  it.each([[[]], [['-h']], [['help']]])('of the program: %j', words => {
    expect(call(...words)).toBe(0);
    const lines = machine.stdout.split('\n');
    expect(lines[0]).toBe('NAME:');
    expect(lines[1]).toContain('tsubo - Open Container Initiative runtime');
    expect(machine.stderr).toBe('');
  });

  it.each(['create', 'start', 'run', 'exec', 'kill', 'delete', 'state', 'list', 'spec', 'plan'])(
    'of %s',
    name => {
      expect(call(name, '--help')).toBe(0);
      expect(machine.stdout.split('\n')[1]).toContain(`tsubo ${name} - `);
      expect(machine.stdout).toContain('EXAMPLE:\n');
      expect(machine.stdout).not.toContain('undefined');
      expect(Math.max(...machine.stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(110);
    },
  );

  it.each([80, 50])('is wrapped for a terminal of %i columns, except commands of examples', columns => {
    machine.stdoutIsTerminal = true;
    machine.terminalWidth = columns;
    for (const words of [['--help'], ...modules.map(({ name }) => [name, '--help'])]) {
      call(...words);
      const lines = machine.stdout.split('\n').filter(line => !/^ {3}tsubo .*[-/]/.test(line));
      expect(lines.filter(line => line.length > columns)).toEqual([]);
    }
  });

  it('wraps the comments of examples to comments', () => {
    machine.stdoutIsTerminal = true;
    machine.terminalWidth = 50;
    call('check', '--help');
    expect(machine.stdout).toContain('\n   # "not checked" lists what only create can\n   # check.\n');
  });

  it('does not list --all of kill', () => {
    call('kill', '-h');
    expect(machine.stdout).not.toContain('--all');
  });

  it('uses the name by which the program was called', () => {
    machine.arguments = ['runc'];
    call('create', '-h');
    expect(machine.stdout).toContain('   runc create --bundle');
    expect(machine.stdout).not.toContain('tsubo create');
  });
});

describe('a usage error', () => {
  it('of an unknown command exits with 3', () => {
    expect(call('foo')).toBe(3);
    expect(machine.stderr).toContain(`msg="unknown command \\"foo\\": No help topic for 'foo'"`);
    expect(machine.stdout).toBe('');
  });

  it.each([
    [
      ['rum', 'web'],
      `unknown command "rum": No help topic for 'rum'`,
      'did you mean run? (see tsubo --help)',
    ],
    [['run', '--bundel', '.'], 'unknown option --bundel', 'did you mean --bundle? (see tsubo run --help)'],
    [['run'], 'missing argument <container-id>: tsubo run [options] <container-id>', 'see tsubo run --help'],
  ])('is two lines on a terminal: %j', (words, message, hint) => {
    machine.stderrIsTerminal = true;
    expect(call(...words)).toBe(words[0] === 'rum' ? 3 : 1);
    expect(machine.stdout).toBe('');
    expect(machine.stderr).toBe(`${message}\n  hint    ${hint}\n`);
  });

  it.each([
    [['--log-format', 'xml', 'list'], 'invalid log-format: xml'],
    [['--root', '/./', 'list'], 'Option --root argument should not be set to /'],
    [['list', '--format', 'xml'], 'invalid format option \\"xml\\"'],
    [['ps', '-f', 'xml', 'web'], 'invalid format option \\"xml\\"'],
    [['plan', '-f', 'xml'], 'invalid format option \\"xml\\"'],
    [['check', '-f', 'xml'], 'invalid format option \\"xml\\"'],
    [['plan', '-b', 'x', 'y'], 'the bundle is given twice: --bundle x and y'],
  ])('%j', (words, message) => {
    expect(call(...words)).toBe(1);
    expect(machine.stderr).toContain(`msg="${message}"`);
  });
});

describe('the log', () => {
  const fail = (...globals: string[]) => call(...globals, '--root', machine.root, 'state', 'none');

  it('is one text record on standard error', () => {
    expect(fail()).toBe(1);
    expect(machine.stderr).toBe(
      `time="${time}" level=error msg="container does not exist: \\"none\\" in ${machine.root}" hint="run tsubo list with the same --root to list the containers"\n`,
    );
  });

  it('is one JSON record with all fields, in order', () => {
    fail('--log-format', 'json');
    const record = JSON.parse(machine.stderr);
    expect(record).toMatchObject({
      code: 'state.not-found',
      level: 'error',
      msg: `container does not exist: "none" in ${machine.root}`,
      time,
    });
    expect(Object.keys(record)).toEqual(Object.keys(record).sort());
    expect(machine.stderr.match(/\n/g)).toHaveLength(1);
  });

  it('in a file is appended, and leaves only the bare message on standard error', () => {
    const file = join(machine.directory, 'log.json');
    writeFileSync(file, 'before\n');
    fail('--log', file, '--log-format=json');
    const [before, record] = readFileSync(file, 'utf8').split('\n');
    expect(before).toBe('before');
    expect(JSON.parse(record ?? '')).toMatchObject({
      level: 'error',
      msg: `container does not exist: "none" in ${machine.root}`,
    });
    expect(machine.stderr).toBe(`container does not exist: "none" in ${machine.root}\n`);
  });

  it('that cannot be opened fails before any action', () => {
    expect(call('--log', '/nonexistent/log', '--root', machine.root, 'create', '-b', bundle(), 'c')).toBe(1);
    expect(machine.stderr).toContain('/nonexistent/log');
    expect(existsSync(machine.root)).toBe(false);
  });

  it('shows the message, the place and the section of the specification on a terminal', () => {
    machine.stderrIsTerminal = true;
    const broken = writeBundle(join(machine.directory, 'bundle'), config => {
      config.process['cwd'] = 'relative';
    });
    expect(inRoot('create', '-b', broken, 'c')).toBe(1);
    const [message, ...more] = machine.stderr.split('\n');
    expect(message).toMatch(/^tsubo create failed: /);
    expect(more.join('\n')).toMatch(/^ {2}at {6}config\.json:\d+:\d+ \/process\/cwd$/m);
    expect(more.join('\n')).toMatch(/^ {2}spec {4}config\.md#/m);
  });

  it('is wrapped to the width of the terminal', () => {
    machine.stderrIsTerminal = true;
    machine.terminalWidth = 50;
    expect(call('events', '--interval', '5', 'web')).toBe(1);
    expect(machine.stderr).toBe(
      [
        'invalid value "5" for --interval: a unit is',
        'missing, such as 5s',
        '  hint    use a number and a unit (ms, s, m, h),',
        '          such as 500ms or 1m30s',
        '',
      ].join('\n'),
    );
  });

  it('uses the width from COLUMNS, and colours if the terminal supports them', () => {
    machine.stderrIsTerminal = true;
    machine.terminalWidth = 200;
    machine.environment.set('COLUMNS', '40').set('TERM', 'xterm');
    call('events', '--interval', 'soon', 'web');
    expect(machine.stderr).toContain(
      '\u001b[1minvalid value "soon" for --interval\u001b[0m\n  \u001b[36mhint\u001b[0m    use a number and a unit (ms,\n          s, m, h)',
    );
    for (const [name, value] of [
      ['NO_COLOR', '1'],
      ['TERM', 'dumb'],
    ] as const) {
      machine.environment.set('NO_COLOR', '').set('TERM', 'xterm').set(name, value);
      inRoot('state', 'none');
      expect(machine.stderr).not.toContain('\u001b');
    }
  });

  it('has readable warnings on a terminal, and records elsewhere', () => {
    const odd = writeBundle(join(machine.directory, 'bundle'), config => {
      config['hostnam'] = 'x';
    });
    machine.stderrIsTerminal = true;
    expect(inRoot('create', '-b', odd, 'a')).toBe(0);
    expect(machine.stderr).toBe(
      'warning: /hostnam is not a known property and is ignored; did you mean hostname? (/hostnam)\n',
    );
    machine.stderrIsTerminal = false;
    expect(inRoot('create', '-b', odd, 'b')).toBe(0);
    expect(machine.stderr).toMatch(/^time=\S+ level=warning msg="\/hostnam is not a known/);
  });

  it('has one line elsewhere, with the place at its end', () => {
    const broken = writeBundle(join(machine.directory, 'bundle'), config => {
      config.process['cwd'] = 'relative';
    });
    inRoot('run', '-b', broken, 'c');
    expect(machine.stderr).toMatch(
      /^time=\S+ level=error msg="tsubo run failed: .* \(config\.json:\d+:\d+ \/process\/cwd\)" hint="write \\"\/relative\\""\n$/,
    );
  });

  it('starts with runc create failed if called as runc', () => {
    machine.arguments = ['runc'];
    inRoot('create', '-b', '/nonexistent', 'c');
    expect(machine.stderr).toContain('msg="runc create failed: ');
  });

  it('has warnings on standard error, but in a file only with --debug', () => {
    const odd = writeBundle(join(machine.directory, 'bundle'), config => {
      config['hostnam'] = 'x';
    });
    const log = join(machine.directory, 'log');
    expect(inRoot('create', '-b', odd, 'a')).toBe(0);
    expect(machine.stderr).toContain('level=warning');
    expect(inRoot('--log', log, 'create', '-b', odd, 'b')).toBe(0);
    expect(readFileSync(log, 'utf8')).toBe('');
    expect(inRoot('--debug', '--log', log, 'create', '-b', odd, 'c')).toBe(0);
    expect(readFileSync(log, 'utf8')).toContain('level=warning');
    expect(machine.stderr).toBe('');
  });
});

describe('the lifecycle of a container', () => {
  it('runs from create to delete', () => {
    const pidFile = join(machine.directory, 'pid');
    expect(inRoot('create', '--bundle', bundle(), '--pid-file', pidFile, 'web')).toBe(0);
    expect(inRoot('state', 'web')).toBe(0);
    const created = JSON.parse(machine.stdout);
    expect(created).toMatchObject({
      id: 'web',
      status: 'created',
      pid: Number(readFileSync(pidFile, 'utf8')),
    });
    expect(inRoot('start', 'web')).toBe(0);
    expect(inRoot('delete', 'web')).toBe(1);
    expect(inRoot('kill', 'web', 'kill')).toBe(0);
    expect(inRoot('kill', 'web', '0')).toBe(1);
    expect(machine.stderr).toContain('container not running');
    expect(inRoot('kill', '--all', 'web', '9')).toBe(0);
    expect(inRoot('delete', 'web')).toBe(0);
    expect(inRoot('delete', 'web')).toBe(1);
    expect(inRoot('delete', '--force', 'web')).toBe(0);
  });

  it('is reported by state in exactly these bytes', () => {
    const made = writeBundle(join(machine.directory, 'bundle'), config => {
      config['annotations'] = { 'b.c': '<&>', a: '' };
    });
    inRoot('create', '-b', made, 'web');
    inRoot('state', 'web');
    const pid = [...machine.processes.keys()][0];
    expect(machine.stdout).toBe(`{
  "ociVersion": "1.3.0",
  "id": "web",
  "pid": ${pid},
  "status": "created",
  "bundle": "${made}",
  "rootfs": "${made}/rootfs",
  "created": "2023-11-14T22:13:20.12Z",
  "annotations": {
    "a": "",
    "b.c": "\\u003c\\u0026\\u003e"
  },
  "owner": ""
}`);
  });

  it('ends the state with a newline only on a terminal', () => {
    inRoot('create', '-b', bundle(), 'web');
    machine.stdoutIsTerminal = true;
    inRoot('state', 'web');
    expect(machine.stdout).toMatch(/\n\}\n$/);
  });

  it('returns the exit status of run', () => {
    machine.exit = { code: 7 };
    expect(inRoot('run', '-b', bundle(), 'web')).toBe(7);
  });
});

describe('list', () => {
  it('aligns the columns like the tabwriter of Go', () => {
    inRoot('create', '-b', bundle(), 'a-rather-long-id');
    inRoot('list');
    const pid = [...machine.processes.keys()][0];
    const width = join(machine.directory, 'bundle').length + 3;
    expect(machine.stdout).toBe(
      `ID                 PID         STATUS      ${'BUNDLE'.padEnd(width)}CREATED                   OWNER\n` +
        `a-rather-long-id   ${String(pid).padEnd(12)}created     ${join(machine.directory, 'bundle')}   2023-11-14T22:13:20.12Z   root\n`,
    );
  });

  it('prints null, nothing or the headings without containers', () => {
    mkdirSync(machine.root);
    inRoot('list', '-f', 'json');
    expect(machine.stdout).toBe('null\n');
    inRoot('list', '-q');
    expect(machine.stdout).toBe('');
    inRoot('list');
    expect(machine.stdout).toBe('ID          PID         STATUS      BUNDLE      CREATED     OWNER\n');
  });

  it('prints JSON on one line, with the owner', () => {
    inRoot('create', '-b', bundle(), 'web');
    inRoot('list', '--format', 'json');
    expect(machine.stdout).toMatch(/^\[\{"ociVersion":.*\}\]\n$/);
    expect(JSON.parse(machine.stdout)).toMatchObject([{ id: 'web', owner: 'root' }]);
  });

  it('counts characters, not UTF-16 units', () => {
    inRoot('create', '-b', writeBundle(join(machine.directory, '\u{1f3fa}\u{1f3fa}')), 'jar');
    inRoot('create', '-b', writeBundle(join(machine.directory, 'pots')), 'pot');
    inRoot('list');
    const lines = machine.stdout.trimEnd().split('\n');
    const columns = lines.map(line => [...line.slice(0, line.search(/CREATED|2023-/))].length);
    expect(columns).toEqual([columns[0], columns[0], columns[0]]);
  });

  it('continues after a damaged container', () => {
    inRoot('create', '-b', bundle(), 'good');
    mkdirSync(join(machine.root, 'bad'));
    writeFileSync(join(machine.root, 'bad/state.json'), '{');
    expect(inRoot('list', '-q')).toBe(0);
    expect(machine.stdout).toBe('good\n');
    expect(machine.stderr).toContain('load container bad: ');
  });

  it('fails for a given root that does not exist', () => {
    expect(inRoot('list')).toBe(1);
  });
});

describe('spec', () => {
  it('writes a document in the form of runc', () => {
    const target = join(machine.directory, 'new');
    mkdirSync(target);
    expect(call('spec', '--bundle', target)).toBe(0);
    const text = readFileSync(join(target, 'config.json'), 'utf8');
    expect(text).toMatch(/^\{\n\t"ociVersion": "1\.0\.0",\n\t"process": \{\n\t\t"terminal": true,/);
    expect(text.endsWith('}')).toBe(true);
    expect(JSON.parse(text).mounts).toHaveLength(7);
  });

  it('does not overwrite a file', () => {
    expect(call('spec', '-b', bundle())).toBe(1);
    expect(machine.stderr).toContain('msg="File config.json exists. Remove it first"');
  });

  it('with --rootless requests no privilege', () => {
    const target = join(machine.directory, 'new');
    mkdirSync(target);
    expect(call('spec', '--rootless', '-b', target)).toBe(0);
    const { linux, mounts } = JSON.parse(readFileSync(join(target, 'config.json'), 'utf8'));
    expect(linux.resources).toBeUndefined();
    expect(linux.namespaces.map(({ type }: { type: string }) => type)).toEqual(
      expect.arrayContaining(['user']),
    );
    expect(linux.namespaces).not.toContainEqual({ type: 'network' });
    expect(JSON.stringify(mounts)).not.toContain('gid=');
  });
});

describe.each(['plan', 'check'])('the bundle of %s', command => {
  it.each([
    ['an argument', (path: string) => [path]],
    ['an option', (path: string) => ['--bundle', path]],
    ['the current directory', () => []],
  ])('is %s', (_, words) => {
    const path = bundle();
    const before = process.cwd();
    process.chdir(path);
    try {
      expect(call(command, ...words(path))).toBe(0);
    } finally {
      process.chdir(before);
    }
    expect(machine.stdout).toContain(command === 'plan' ? 'openRoot' : `${path}: `);
  });
});

describe('plan', () => {
  it.each([80, 60])('stays within a terminal of %i columns, also with lists of flags', columns => {
    machine.stdoutIsTerminal = true;
    machine.terminalWidth = columns;
    const path = writeBundle(join(machine.directory, 'bundle'), config => {
      const options = ['nosuid', 'nodev', 'noexec', 'ro', 'noatime'];
      config['mounts'] = [{ destination: '/sys', type: 'sysfs', source: 'sysfs', options }];
    });
    expect(call('plan', path)).toBe(0);
    const lines = machine.stdout.split('\n');
    expect(machine.stdout).toMatch(/attributes=(MOUNT_ATTR_\w+\|)+\n {8}MOUNT_ATTR_/);
    expect(lines.filter(line => line.length > columns)).toEqual([]);
    expect(lines.filter(line => / $/.test(line))).toEqual([]);
  });

  it('prints the plan without any action', () => {
    const path = bundle();
    expect(call('plan', path)).toBe(0);
    expect(machine.stdout).toContain('openRoot');
    expect(call('plan', '--format', 'json', path)).toBe(0);
    expect(JSON.parse(machine.stdout).container.map(({ op }: { op: string }) => op)).toContain('execute');
    expect(machine.calls).toEqual([]);
  });
});

describe('the root directory', () => {
  const real = '         0          0 4294967295\n';
  const rootless = '         0       1000          1\n         1     100000      65536\n';

  /** The directory that `list` reads for a caller with this user, mapping and environment. */
  function rootOf(euid: number, uidMap: string, environment: Record<string, string>): string {
    const { readTextIfThere, identity } = machine.binding;
    let root = '';
    machine.environment.clear();
    for (const [name, value] of Object.entries(environment)) machine.environment.set(name, value);
    Object.assign(machine.binding, {
      identity: () => ({ ...identity(), euid }),
      readTextIfThere: (path: string) => (path === '/proc/self/uid_map' ? uidMap : readTextIfThere(path)),
      readMembers: ({ directory }: { directory: string }) => {
        root = directory;
        return [];
      },
    });
    expect(call('list', '-q')).toBe(0);
    Object.assign(machine.binding, { readTextIfThere, identity });
    return root;
  }

  const callers: [string, number, string, boolean][] = [
    ['root of the machine', 0, real, false],
    ['root of a user namespace', 0, rootless, true],
    ['a user of the machine', 1000, real, true],
    ['a user of a user namespace', 1000, rootless, true],
  ];
  const users: Record<string, string>[] = [{}, { USER: '' }, { USER: 'root' }, { USER: 'me' }];

  // conmon calls `create` with USER for Podman, which calls `start` without it.
  describe.each(callers)('of %s', (_, euid, uidMap, honoured) => {
    it.each(users)('is the same with the environment %j', user => {
      const runtimeDirectory = join(machine.directory, 'user');
      mkdirSync(runtimeDirectory);
      const own = honoured ? join(runtimeDirectory, 'tsubo') : '/run/tsubo';
      expect(rootOf(euid, uidMap, { ...user, XDG_RUNTIME_DIR: runtimeDirectory })).toBe(own);
      expect(rootOf(euid, uidMap, user)).toBe('/run/tsubo');
      expect(rootOf(euid, uidMap, { ...user, XDG_RUNTIME_DIR: '' })).toBe('/run/tsubo');
      // conmon and Podman have different working directories.
      expect(rootOf(euid, uidMap, { ...user, XDG_RUNTIME_DIR: 'user' })).toBe('/run/tsubo');
    });
  });

  it('of a user is created with the sticky bit, which protects it from cleaners of temporary files', () => {
    const runtimeDirectory = join(machine.directory, 'user');
    mkdirSync(runtimeDirectory);
    rootOf(1000, real, { XDG_RUNTIME_DIR: runtimeDirectory });
    const mode = execFileSync('stat', ['-c', '%a', join(runtimeDirectory, 'tsubo')], { encoding: 'utf8' });
    expect(mode.trim()).toBe('1700');
  });

  it('that cannot be created yields an error with XDG_RUNTIME_DIR', () => {
    machine.environment.set('XDG_RUNTIME_DIR', join(machine.directory, 'user'));
    Object.assign(machine.binding, { identity: () => ({ euid: 1000 }) });
    machine.trouble.set('mkdir', 13);
    expect(call('--log-format', 'json', 'list', '-q')).toBe(1);
    expect(JSON.parse(machine.stderr)).toMatchObject({
      msg: `unable to make the root directory ${join(machine.directory, 'user/tsubo')}: permission denied`,
      hint: expect.stringContaining('the directory in XDG_RUNTIME_DIR must be writable'),
    });
  });
});

it.each([['list'], ['state', 'web'], ['create', '-b', '.', 'web']])(
  'reports a root directory that the user may not access: %j',
  (...words) => {
    const denied = () => {
      throw refused('open', errno.EACCES, machine.root);
    };
    Object.assign(machine.binding, { readMembers: denied, readTextIfThere: denied, mkdir: denied });
    const before = process.cwd();
    process.chdir(bundle());
    expect(inRoot(...words)).toBe(1);
    process.chdir(before);
    expect(machine.stderr).toContain('permission denied');
    expect(machine.stderr).toContain(' hint="use a writable directory with --root, or set XDG_RUNTIME_DIR"');
  },
);

it('reports one error without warnings for a user without root and capabilities', () => {
  const identity = machine.binding.identity();
  Object.assign(machine.binding, {
    identity: () => ({ ...identity, euid: 1000, permittedCapabilities: 0n, boundingCapabilities: 0n }),
  });
  const withCapabilities = writeBundle(join(machine.directory, 'bundle'), config => {
    config.process['capabilities'] = { bounding: ['CAP_KILL'], effective: ['CAP_KILL', 'CAP_SYSADMIN'] };
  });
  expect(inRoot('run', '-b', withCapabilities, 'web')).toBe(1);
  expect(machine.stderr).toMatch(
    /^time=\S+ level=error msg="tsubo run failed: rootless container requires user namespaces/,
  );
  expect(machine.stderr.match(/\n/g)).toHaveLength(1);
});

it('warns once each of unknown and of unavailable capabilities', () => {
  const identity = machine.binding.identity();
  Object.assign(machine.binding, { identity: () => ({ ...identity, permittedCapabilities: 0n }) });
  const withCapabilities = writeBundle(join(machine.directory, 'bundle'), config => {
    const names = ['CAP_KILL', 'CAP_SYSADMIN', 'CAP_CHOWN'];
    config.process['capabilities'] = { bounding: names, effective: names, permitted: names };
  });
  machine.stderrIsTerminal = true;
  expect(inRoot('create', '-b', withCapabilities, 'web')).toBe(0);
  expect(machine.stderr).toBe(
    [
      'warning: the capability CAP_SYSADMIN is unknown and is ignored; did you mean CAP_SYS_ADMIN? (/process/capabilities/bounding/1)',
      'warning: ignoring unavailable capabilities, which the runtime or the kernel does not have: CAP_KILL, CAP_CHOWN (/process/capabilities)',
      '',
    ].join('\n'),
  );
});
