// SPDX-License-Identifier: Apache-2.0
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { commands, type Host } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';
import type { ExecOptions } from '../helpers/view.ts';

const fixtures = new URL('../../bundle-fixtures/', import.meta.url).pathname;
const bad = readdirSync(join(fixtures, 'bad')).filter(name =>
  existsSync(join(fixtures, 'bad', name, 'expect.json')),
);

/** Removes values that differ between two calls. */
function withoutTimes(text: string): string {
  return text
    .replace(/time="[^"]*"/g, 'time="..."')
    .replace(/"time":"[^"]*"/g, '"time":"..."')
    .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/g, '...');
}

// They run in a directory with the bundles `good` and `default`, one with a broken config (`broken`), and an empty
// directory (`empty`); the container `created` exists.
const commandLines = [
  [''],
  ['', '--help'],
  ['', '-h'],
  ['', 'help'],
  ['', 'help create'],
  ['', '--version'],
  ['', '-v'],
  ['', '--version state x'],
  ['', 'no-such-command'],
  ['', '--no-such-option'],
  ['', '--no-such-option state x'],
  ['', '--root'],
  ['', '--root / list'],
  ['', '--root=relative list'],
  ['', '--log-format xml list'],
  ['', '--log /no/such/directory/log list'],
  ['', '--debug state nope'],
  ['', '--log-format json state nope'],
  ['', '--log-format=text state nope'],
  ['', '-root state state nope'],
  ['', 'create --help'],
  ['', 'create'],
  ['', 'create one two'],
  ['', 'create --bundle'],
  ['', 'create --bundle nowhere x'],
  ['', 'create --bundle empty x'],
  ['', 'create --bundle broken x'],
  ['', 'create --bundle good ../x'],
  ['', 'create --bundle good --no-such x'],
  ['', '--log-format json create --bundle broken x'],
  ['', 'start --help'],
  ['', 'start'],
  ['', 'start nope'],
  ['', 'state --help'],
  ['', 'state'],
  ['', 'state one two'],
  ['', 'state nope'],
  ['', 'state .'],
  ['', 'state ..'],
  ['', `state ${'a'.repeat(2000)}`],
  ['', 'state \u00e9\u{1f3fa}'],
  ['', 'state created'],
  ['', 'kill --help'],
  ['', 'kill nope'],
  ['', 'kill nope 9'],
  ['', 'kill created NOSIGNAL'],
  ['', 'kill created 999'],
  ['', 'delete --help'],
  ['', 'delete'],
  ['', 'delete nope'],
  ['', 'delete --force nope'],
  ['', 'delete created --no-such'],
  ['', 'run --help'],
  ['', 'run'],
  ['', 'run --bundle nowhere x'],
  ['', 'run --bundle good created'],
  ['', 'run --detach=maybe x'],
  ['', 'exec --help'],
  ['', 'exec'],
  ['', 'exec created'],
  ['', 'exec nope true'],
  ['', 'exec --no-such created true'],
  ['', 'exec --user root created true'],
  ['', 'exec --env novalue created true'],
  ['', 'exec --cwd relative created true'],
  ['', 'exec --cwd /nowhere created true'],
  ['', 'exec --cgroup ../.. created true'],
  ['', 'exec --process nowhere created'],
  ['', 'exec --process broken/config.json created'],
  ['', 'exec --process good/config.json created'],
  ['', 'exec --preserve-fds 1 created true'],
  ['', '--log-format json exec created no-such-program'],
  ['', 'exec created true'],
  ['', 'exec created sh -c exit\u00a07'],
  ['', 'exec -u 1:2 -g 3 -e A=1 --cwd /bin -c KILL --no-new-privs created id'],
  ['', 'list --help'],
  ['', 'list'],
  ['', 'list --quiet'],
  ['', 'list --format json'],
  ['', 'list --format yaml'],
  ['', '--root nowhere list'],
  ['', 'spec --help'],
  ['', 'spec --bundle nowhere'],
  ['', 'spec --bundle good'],
  ['', 'spec x'],
  ['', 'plan --help'],
  ['', 'plan'],
  ['', 'plan good'],
  ['', 'plan --format text good'],
  ['', 'plan --format json good'],
  ['', 'plan --format json default'],
  ['', 'plan --format yaml good'],
  ['', 'plan broken'],
  ['', 'plan nowhere'],
  ['', 'plan --bundle good'],
  ['', 'plan --bundle good good'],
  ['', 'check -f json good'],
  ['', 'check -f yaml'],
  ['', 'rum web'],
  ['', 'run --bundel good x'],
  ['', 'run --tty x'],
  ['', 'exec -it created sh'],
  ['', 'exec created -- true'],
  ['', 'kill created 9 x'],
  ['', 'update --memory lots created'],
  ['', 'events --interval 5 created'],
].map(([, line = '']) => line);

describe.skipIf(requires('standalone', 'root', 'busybox'))('the standalone executable', () => {
  const box = sandbox();
  let place = '';

  /** Creates the files that the command lines name, and a container `created`. */
  const prepare = () => {
    const bundle = box.bundle();
    place = box.dir;
    for (const name of ['empty', 'broken', 'default']) mkdirSync(join(place, name), { recursive: true });
    writeFileSync(join(place, 'broken/config.json'), '{"ociVersion": "1.0.0", "process": {"args": "sh"}}');
    cpSync(join(fixtures, 'good/default'), join(place, 'default'), { recursive: true });
    if (!existsSync(join(place, 'good'))) symlinkSync(bundle.dir, join(place, 'good'));
    return bundle;
  };

  const run = (host: Host, args: readonly string[], options: ExecOptions = {}) => {
    // Node ignores these two signals, and a plan lists the signals to restore.
    const ignoring = ['/bin/sh', '-c', 'trap "" PIPE XFSZ; exec "$@"', 'sh'];
    const done = box.view.exec([...ignoring, ...commands[host], ...args], { cwd: place, ...options });
    return { ...done, stdout: withoutTimes(done.stdout), stderr: withoutTimes(done.stderr) };
  };

  const same = (args: readonly string[], options: ExecOptions = {}) => {
    const node = run('node', args, options);
    const standalone = run('standalone', args, options);
    expect(standalone).toEqual(node);
    expect(node.signal).toBeNull();
    return node;
  };

  test('responds to each listed command line like the program for Node', () => {
    const bundle = prepare();
    box.must(['create', '--bundle', bundle.dir, 'created'], { stdio: ['ignore', 'ignore', 'ignore'] });
    try {
      const statuses = commandLines.map(line => {
        // A no-break space stands for a space in a word.
        const words = line
          .split(' ')
          .filter(word => word !== '')
          .map(word => word.replaceAll('\u00a0', ' '));
        const root = /^-?-root/.test(words[0] ?? '') || words[0] === 'help' ? [] : ['--root', box.root];
        return same([...root, ...words]).status;
      });
      // The list has commands that succeed, that fail, and that end in another way.
      expect(statuses.filter(status => status === 0).length).toBeGreaterThan(20);
      expect(statuses.filter(status => status === 1).length).toBeGreaterThan(30);
      expect(statuses).toContain(3);
    } finally {
      box.must(['delete', '--force', 'created']);
    }
  });

  test('writes the same config.json', () => {
    prepare();
    for (const host of ['node', 'standalone'] as const) {
      mkdirSync(join(place, `spec-${host}`));
      expect(run(host, ['spec', '--bundle', `spec-${host}`])).toMatchObject({ status: 0, stderr: '' });
    }
    box.view.sh(
      'cmp "$1" "$2"',
      join(place, 'spec-node/config.json'),
      join(place, 'spec-standalone/config.json'),
    );
  });

  test.each(bad)('refuses %s with the same text', name => {
    place = join(fixtures, 'bad', name);
    const root = ['--root', box.root, '--log-format', 'json'];
    same([...root, 'plan', '.']);
    // A bundle without a rootfs is refused before any action.
    expect(same([...root, 'create', 'x']).status).toBe(1);
  });

  test.each([
    ['nothing', {}],
    ['the run-time directory alone', { XDG_RUNTIME_DIR: '/run' }],
  ])('responds with an environment that contains %s', (_, env) => {
    place = box.dir;
    const done = same(['--root', box.root, 'state', 'x'], { env });
    expect(done).toMatchObject({ status: 1, stdout: '' });
    expect(done.stderr).toContain('container does not exist');
    expect(box.view.exec(['env', '-i', ...commands.standalone, '--version']).status).toBe(0);
  });

  test('prints a version that begins with runc if its file is called runc', () => {
    place = box.dir;
    const bin = box.mkdir('bin');
    for (const host of ['node', 'standalone'] as const) mkdirSync(join(bin, host));
    const [node, script = ''] = commands.node;
    symlinkSync(script, join(bin, 'node/runc'));
    symlinkSync(commands.standalone[0], join(bin, 'standalone/runc'));
    const fromNode = box.view.exec([node, join(bin, 'node/runc'), '--version']);
    const fromStandalone = box.view.exec([join(bin, 'standalone/runc'), '--version']);
    expect(fromStandalone).toEqual(fromNode);
    expect(fromStandalone.stdout).toMatch(/^runc version \d+\.\d+\.\d+\n/);
    expect(run('standalone', ['--version']).stdout).toMatch(/^tsubo version /);
  });

  test('is not a dynamic executable', () => {
    const { stdout, stderr } = box.view.exec(['ldd', commands.standalone[0]]);
    expect(`${stdout}${stderr}`).toMatch(/not a dynamic executable|statically linked/);
  });
});
