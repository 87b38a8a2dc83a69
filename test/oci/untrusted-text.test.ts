// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

/** In an argument, a variable, the host name, and in name and value of an annotation. */
function everywhere(bundle: Bundle, text: string): void {
  const { config } = bundle;
  bundle.shell('printf %s "$0" "$X" | od -An -v -tx1; hostname | od -An -v -tx1');
  config.process.args.push(text);
  config.process.env.push(`X=${text}`);
  config.hostname = text;
  config.annotations = { [`name${text}`]: `value${text}` };
}

/** Replaces a text in the config.json of a bundle by bytes. */
function putBytes(bundle: Bundle, mark: string, bytes: Buffer): void {
  const path = join(bundle.dir, 'config.json');
  const parts = readFileSync(path, 'utf8').split(mark);
  const all = parts.flatMap((part, index) =>
    index === 0 ? [Buffer.from(part)] : [bytes, Buffer.from(part)],
  );
  writeFileSync(path, Buffer.concat(all));
}

/** Bytes as od(1) prints them. */
const replacement = ' ef bf bd';

describe.skipIf(requires('root', 'busybox'))('text in config.json that is not Unicode', () => {
  const box = sandbox();

  test.each([
    ['a byte that begins no character', Buffer.from([0xff]), 1],
    ['the first two bytes of three', Buffer.from([0xe2, 0x82]), 2],
    ['a surrogate in three bytes', Buffer.from([0xed, 0xa0, 0x80]), 3],
    ['a slash in two bytes', Buffer.from([0xc0, 0xaf]), 2],
    ['half a surrogate pair as an escape', Buffer.from('\\ud800'), 1],
    ['the other half', Buffer.from('\\udc00'), 1],
    ['both halves the wrong way round', Buffer.from('\\udc00\\ud800'), 2],
  ])('becomes U+FFFD for the program, the host and the engine: %s', (_, bytes, count) => {
    const bundle = box.bundle(made => everywhere(made, '@mark@'));
    putBytes(bundle, '@mark@', bytes);
    const shown = replacement.repeat(count);
    const text = '\ufffd'.repeat(count);
    const done = box.run(bundle);
    expect(done.status).toBe(0);
    expect(done.stdout.split('\n').join('')).toBe(`${shown}${shown}${shown} 0a`);
    box.create(bundle);
    expect(box.state(bundle.id).annotations).toEqual({ [`name${text}`]: `value${text}` });
  });

  test('is unchanged where it is Unicode, also as escapes', () => {
    const bundle = box.bundle(made => everywhere(made, '@mark@'));
    putBytes(bundle, '@mark@', Buffer.from('é\\ud83d\\ude00'));
    const shown = ' c3 a9 f0 9f 98 80';
    expect(box.run(bundle).stdout.split('\n').join('')).toBe(`${shown}${shown}${shown} 0a`);
  });

  // JavaScript has no text for such bytes.
  test('on the command line of exec becomes U+FFFD, as in a document', () => {
    const bundle = box.running();
    const command = box.command('exec', bundle.id, '/bin/sh', '-c', 'printf %s "$0" | od -An -v -tx1');
    const script = '"$@" "$(printf "a\\377\\342\\202b")"';
    const done = box.view.exec(['sh', '-c', script, 'sh', ...command]);
    const passedOn = disagrees('runc', 'passes the bytes on');
    const bytes = passedOn ? ' ff e2 82' : replacement.repeat(3);
    expect(done.stdout.trimEnd()).toBe(` 61${bytes} 62`);
  });
});

describe.skipIf(requires('root', 'busybox') || !isTsubo)('text that a terminal would interpret', () => {
  const box = sandbox();
  /** A title, a colour in one character, a change of direction, DEL. */
  const acting = '\u001b]0;owned\u0007\u009b31m\u202e\u007f';
  const shown = '\\u001b]0;owned\\u0007\\u009b31m\\u202e\\u007f';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these characters must not occur
  const dangerous = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

  /** A bundle in a directory whose name contains such text. */
  const actingBundle = (): Bundle & { where: string } => {
    const bundle = box.bundle(made => {
      made.config.process.args = ['/bin/sleep', '1000'];
      made.config.annotations = { note: acting };
    });
    const where = `${bundle.dir}-${acting}`;
    renameSync(bundle.dir, where);
    return Object.assign(bundle, { where });
  };

  test('is an escape in the output of check and plan', () => {
    const bundle = box.bundle(made => {
      made.config.linux.namespaces.push({ type: acting });
      made.config.mounts.push({ destination: `/${acting}`, type: acting, options: [acting] });
      Object.assign(made.config, { [`x${acting}`]: acting });
    });
    for (const args of [
      ['check', bundle.dir],
      ['plan', bundle.dir],
    ]) {
      const done = box.oci(args);
      expect(done.status).toBe(1);
      expect(done.stdout + done.stderr).toContain(shown);
      expect(done.stdout + done.stderr).not.toMatch(dangerous);
    }
  });

  test('is an escape in a plan', () => {
    const bundle = box.bundle(made => {
      made.config.process.args.push(acting);
      made.config.linux.cgroupsPath = `/${box.name}${acting}`;
      made.config.hooks = { poststop: [{ path: `/${acting}` }] };
    });
    const done = box.must(['plan', bundle.dir]);
    expect(done.stdout).toContain(shown);
    expect(done.stdout).not.toMatch(dangerous);
  });

  test('is an escape in the list of containers, and in JSON still the same text', () => {
    const bundle = actingBundle();
    box.must(['create', '--bundle', bundle.where, bundle.id]);
    const table = box.must(['list']).stdout;
    expect(table).toContain(`${bundle.dir}-${shown}`);
    expect(table).not.toMatch(dangerous);
    const [heading = '', line = ''] = table.split('\n');
    expect(line.indexOf(bundle.dir)).toBe(heading.indexOf('BUNDLE'));
    for (const args of [
      ['list', '--format', 'json'],
      ['state', bundle.id],
    ]) {
      const { stdout } = box.must(args);
      expect(stdout).not.toMatch(dangerous);
      expect(JSON.stringify(JSON.parse(stdout))).toContain(JSON.stringify(acting).slice(1, -1));
    }
    expect(box.state(bundle.id).bundle).toBe(bundle.where);
    expect(box.state(bundle.id).annotations).toEqual({ note: acting });
  });

  test.each([
    ['as text', []],
    ['as JSON', ['--log-format', 'json']],
  ])('is an escape in the error on standard error and in the log, %s', (_, format) => {
    const bundle = box.bundle(made => {
      made.config.process.args = [`/bin/${acting}`];
    });
    const log = box.fresh('log');
    const args = ['run', '--bundle', bundle.dir, bundle.id];
    const outputs = [
      box.oci([...format, ...args]).stderr,
      box.oci(['--log', log, ...format, ...args]).stderr,
    ];
    for (const text of [...outputs, readFileSync(log, 'utf8')]) {
      expect(text).not.toMatch(dangerous);
      expect(text.replaceAll('\\\\', '\\')).toContain(shown);
    }
  });

  test('is an escape in an error of the command line', () => {
    for (const args of [[acting], ['run', `--${acting}`], ['state', acting], ['check', `/${acting}`]]) {
      const done = box.oci(args);
      expect(done.status, args[0]).toBe(args[0] === acting ? 3 : 1);
      expect(done.stdout + done.stderr).not.toMatch(dangerous);
      expect((done.stdout + done.stderr).replaceAll('\\\\', '\\')).toContain(shown);
    }
  });

  test.skipIf(requires('script'))('is an escape on a terminal too, where there are colours', () => {
    const bundle = box.bundle(made => {
      made.config.process.args = [`/bin/${acting}`];
      made.config.linux.namespaces.push({ type: acting });
    });
    const words = box.command('run', '--bundle', bundle.dir, bundle.id).map(word => `'${word}'`);
    const { stdout: text } = spawnSync('script', ['-qc', words.join(' '), '/dev/null'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, TERM: 'xterm' },
    });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what the runtime itself writes
    expect(text.replace(/\u001b\[\d*m|\r/g, '')).not.toMatch(dangerous);
    expect(text).toContain(shown.slice(0, 20));
  });
});

describe.skipIf(requires('root', 'busybox') || !isTsubo)('a config.json of more than 16 MiB', () => {
  const box = sandbox();

  test('is refused with the limit', () => {
    const bundle = box.bundle();
    truncateSync(join(bundle.dir, 'config.json'), (16 << 20) + 1);
    const { message, record } = box.refuses(bundle);
    expect(message).toContain('cannot read config.json: file too large');
    expect(record).toMatchObject({
      code: 'bundle.config-unreadable',
      hint: 'at most 16777216 bytes (16 MiB) of a file are read',
    });
  });
});
