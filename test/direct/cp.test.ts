// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';

const skipped = requires('root', 'busybox', 'filesystem:overlay', 'ip', 'nft');

describe.skipIf(skipped)('cp', () => {
  const machine = directMachine();
  beforeEach(() => {
    machine.image('busybox');
  });

  /** The command with an archive as its input and output, which are not text. */
  const piped = (words: readonly string[], input = '/dev/null') => {
    const output = machine.box.fresh('archive');
    const command = machine.box.command('container', 'cp', ...words);
    const done = machine.box.view.exec(
      machine.within(machine.pid, 'sh', '-c', 'exec "$@" <"$0" >"$INTO"', input, ...command),
      { env: { ...machine.env, INTO: output } },
    );
    return { ...done, output };
  };
  const listed = (archive: string) =>
    execFileSync('tar', ['--numeric-owner', '-tvf', archive], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean)
      .map(line => line.replace(/^(\S+ \S+) +(\d+) \S+ \S+ /, '$1 $2 '));

  const script = `mkdir -p /srv/site/in; echo page >/srv/site/page; chmod 4750 /srv/site/page; ln -s page /srv/site/link
    chown -R 33:44 /srv/site; exec sleep 1000`;

  test('writes files of a container to standard output, with owners, modes and links, running or not', () => {
    machine.detached('--name', 'web', '--network', 'none', 'busybox', 'sh', '-c', `${script}`);
    machine.done('exec', 'web', 'sh', '-c', 'until test -L /srv/site/link -a -O /; do sleep 0.1; done');
    machine.done(
      'exec',
      'web',
      'sh',
      '-c',
      'until [ "$(stat -c %u /srv/site/page)" = 33 ]; do sleep 0.1; done',
    );
    const whole = [
      'drwxr-xr-x 33/44 0 site/',
      'drwxr-xr-x 33/44 0 site/in/',
      'lrwxrwxrwx 33/44 0 site/link -> page',
      expect.stringMatching(/^-rw[sx]r-x--- 33\/44 5 site\/page$/),
    ];
    for (const state of ['running', 'stopped']) {
      if (state === 'stopped') machine.done('stop', '-t', '0', 'web');
      const done = piped(['web:/srv/site', '-']);
      expect({ state, ...done }).toMatchObject({ state, status: 0, stderr: '' });
      expect(listed(done.output).sort()).toEqual(expect.arrayContaining(whole));
      expect(listed(done.output)).toHaveLength(whole.length);
      const content = piped(['web:/srv/site/.', '-']);
      expect(listed(content.output).map(line => line.split(' ')[3])).toEqual(['in/', 'link', 'page']);
      expect(listed(piped(['web:/srv/site/page', '-']).output)).toEqual([expect.stringMatching(/ page$/)]);
    }
    // Nothing is left.
    expect(readdirSync(join(machine.data, 'containers', machine.inspect('web').Id)).join(' ')).not.toContain(
      '.cp-',
    );
  });

  test('unpacks standard input into a directory of a container, running or not', () => {
    const host = machine.box.mkdir('host');
    mkdirSync(join(host, 'site'));
    writeFileSync(join(host, 'site/page'), 'page\n', { mode: 0o640 });
    symlinkSync('page', join(host, 'site/link'));
    const archive = machine.box.fresh('tar');
    execFileSync('tar', ['--owner=33', '--group=44', '--numeric-owner', '-C', host, '-cf', archive, 'site']);
    machine.done('create', '--name', 'web', '--network', 'none', 'busybox', 'sleep', '1000');
    expect(piped(['-', 'web:/srv'], archive)).toMatchObject({ status: 0, stderr: '' });
    machine.done('start', 'web');
    expect(piped(['-', 'web:/tmp'], archive)).toMatchObject({ status: 0, stderr: '' });
    for (const directory of ['/srv', '/tmp']) {
      const show = `cd ${directory}/site && stat -c '%n %u %g %a' page && readlink link && cat page`;
      expect(machine.done('exec', 'web', 'sh', '-c', show)).toBe('page 33 44 640\npage\npage\n');
    }
  });

  test('keeps names that would be whiteouts in a layer, and removes nothing for them', () => {
    const host = machine.box.mkdir('host');
    mkdirSync(join(host, 'sub'));
    for (const name of ['.wh.keep', '.wh..wh..opq']) writeFileSync(join(host, 'sub', name), 'text\n');
    const archive = machine.box.fresh('tar');
    execFileSync('tar', ['-C', host, '-cf', archive, 'sub']);
    machine.done('create', '--name', 'web', '--network', 'none', 'busybox', 'sleep', '1000');
    machine.done('start', 'web');
    machine.done('exec', 'web', 'sh', '-c', 'mkdir /tmp/sub && touch /tmp/sub/keep');
    expect(piped(['-', 'web:/tmp'], archive)).toMatchObject({ status: 0, stderr: '' });
    expect(machine.done('exec', 'web', 'sh', '-c', 'ls -A /tmp/sub | sort')).toBe(
      '.wh..wh..opq\n.wh.keep\nkeep\n',
    );
  });

  test('refuses an archive for a file, an archive that is none, and one of a path that is missing', () => {
    machine.done('create', '--name', 'web', '--network', 'none', 'busybox', 'sleep', '1000');
    const archive = machine.box.fresh('tar');
    execFileSync('tar', ['-C', machine.box.source(), '-cf', archive, 'note']);
    expect(piped(['-', 'web:/etc/passwd'], archive)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('web:/etc/passwd is not a directory'),
    });
    for (const start of [false, true]) {
      if (start) machine.done('start', 'web');
      expect(piped(['-', 'web:/none'], archive)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('Could not find the file /none in container web'),
      });
    }
    const text = machine.box.fresh('text');
    writeFileSync(text, 'not an archive\n'.repeat(100));
    expect(piped(['-', 'web:/tmp'], text)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('unable to unpack the archive of standard input'),
    });
    expect(piped(['web:/none', '-'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Could not find the file /none in container web'),
    });
    expect(machine.fails(1, 'cp', '-', '/tmp').code).toBe('usage.arguments');
  });

  test('names the copy as Docker does: the rules of a directory, a new name, a slash and a dot at the end', () => {
    const host = machine.box.mkdir('host');
    mkdirSync(join(host, 'site/in'), { recursive: true });
    writeFileSync(join(host, 'site/page'), 'page\n');
    machine.done('create', '--name', 'web', '--network', 'none', 'busybox', 'true');
    const copied = (from: string, to: string) => {
      machine.done('cp', from, to);
    };
    // A directory to a name that does not exist: the name of the copy.
    copied(join(host, 'site'), 'web:/one');
    copied('web:/one', join(host, 'one'));
    expect(readdirSync(join(host, 'one')).sort()).toEqual(['in', 'page']);
    // To a directory that exists: in it.
    copied(join(host, 'site'), 'web:/one');
    copied('web:/one', join(host, 'one'));
    expect(readdirSync(join(host, 'one/one')).sort()).toEqual(['in', 'page', 'site']);
    // The content only.
    copied('web:/one/.', join(host, 'two'));
    expect(readdirSync(join(host, 'two')).sort()).toEqual(['in', 'page', 'site']);
    // A file to a name, to a directory, and to a directory that is missing.
    copied(join(host, 'site/page'), 'web:/tmp/other');
    copied('web:/tmp/other', host);
    expect(readFileSync(join(host, 'other'), 'utf8')).toBe('page\n');
    expect(machine.fails(1, 'cp', join(host, 'site/page'), 'web:/none/').code).toBe('direct.no-path');
    expect(machine.fails(1, 'cp', join(host, 'site/page'), 'web:/none/page').code).toBe('direct.no-path');
    expect(machine.fails(1, 'cp', join(host, 'site'), 'web:/etc/passwd').code).toBe('direct.no-path');
    expect(existsSync(join(host, 'none'))).toBe(false);
  });

  test('of a tree reaches the mounts of a container that does not run, and leaves a mounted file', () => {
    const host = machine.box.mkdir('host');
    for (const path of ['tree/pages/sub', 'tree/other', 'out'])
      mkdirSync(join(host, path), { recursive: true });
    for (const path of ['tree/pages/page', 'tree/pages/sub/deep', 'tree/other/file'])
      writeFileSync(join(host, path), `${path}\n`);
    writeFileSync(join(host, 'file'), 'mounted\n');
    const mounts = [
      '-v',
      'data:/srv/pages',
      '-v',
      'kept:/opt/pages:ro',
      '-v',
      `${join(host, 'file')}:/etc/own.conf`,
    ];
    machine.done('create', '--name', 'web', '--network', 'none', ...mounts, ...['busybox', 'sleep', '1000']);
    // The tree has a directory where the volume is mounted.
    machine.done('cp', `${join(host, 'tree')}/.`, 'web:/srv');
    expect(machine.fails(1, 'cp', `${join(host, 'tree')}/.`, 'web:/opt').code).toBe('direct.read-only');
    machine.done('cp', 'web:/etc/own.conf', join(host, 'out'));
    expect(readFileSync(join(host, 'out/own.conf'), 'utf8')).toBe('mounted\n');
    expect(machine.fails(1, 'cp', join(host, 'tree/other/file'), 'web:/etc/own.conf')).toMatchObject({
      code: 'direct.no-path',
      msg: expect.stringContaining('unable to replace web:/etc/own.conf: it is a mount'),
    });
    machine.done('start', 'web');
    const inside = (path: string) => machine.container('exec', 'web', 'cat', path).stdout;
    expect(inside('/srv/other/file')).toBe('tree/other/file\n');
    expect(inside('/srv/pages/page')).toBe('tree/pages/page\n');
    expect(inside('/srv/pages/sub/deep')).toBe('tree/pages/sub/deep\n');
  });
});
