// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';
import { treeState } from '../helpers/tree-state.ts';

const machine = directMachine();
const files = {
  'etc/hosts': '',
  'etc/hostname': '',
  'etc/resolv.conf': '',
  'data/keep': 'keep',
  'data/gone': 'gone',
  'data/old': 'old',
  'data/sub/a': 'a',
  'data/sub/b': 'b',
  top: 'top',
};

interface Document {
  readonly config: Readonly<Record<string, unknown>>;
  readonly created: string;
  readonly author?: string;
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history: readonly Readonly<Record<string, unknown>>[];
}

function blob(digest: string): Buffer {
  return readFileSync(join(machine.data, 'images/blobs/sha256', digest.replace('sha256:', '')));
}

function imageOf(name: string): { id: string; document: Document; layers: { digest: string }[] } {
  const { status, stdout } = machine.oci('image', 'inspect', name);
  expect(status).toBe(0);
  const [image] = JSON.parse(stdout);
  return { id: image.Id, document: JSON.parse(blob(image.Id).toString()), layers: image.Layers };
}

/** Runs a script in a container named `box`. */
function changed(script: string, ...options: readonly string[]): void {
  machine.image('base', { files });
  machine.done('run', '--name', 'box', '--network', 'none', ...options, 'base', 'sh', '-ec', script);
}

/** Names in the archive of the last layer. */
function entriesOf(name: string): string[] {
  const { layers } = imageOf(name);
  const text = execFileSync('tar', ['-tf', '-'], {
    input: blob(layers.at(-1)?.digest ?? ''),
    encoding: 'utf8',
  });
  return text.split('\n').filter(Boolean);
}

describe.skipIf(requires('root'))('container diff', () => {
  it('lists added, changed and deleted files, and no mount points', () => {
    changed(
      'rm data/gone; echo new >data/new; echo more >>data/keep; mkdir fresh; echo x >fresh/x; chmod 700 srv',
    );
    expect(machine.done('diff', 'box').split('\n').filter(Boolean)).toEqual([
      'C /data',
      'D /data/gone',
      'C /data/keep',
      'A /data/new',
      'A /fresh',
      'A /fresh/x',
      'C /srv',
    ]);
  });

  it('lists the files that a replaced directory hides', () => {
    changed('rm -r data/sub; mkdir data/sub; echo c >data/sub/c');
    expect(machine.done('diff', 'box').split('\n').filter(Boolean)).toEqual([
      'C /data',
      'C /data/sub',
      'A /data/sub/c',
      'D /data/sub/a',
      'D /data/sub/b',
    ]);
  });

  it('prints nothing for a container without changes', () => {
    changed('cat data/keep');
    expect(machine.done('diff', 'box')).toBe('');
  });
});

describe.skipIf(requires('root'))('container commit', () => {
  it('makes an image whose containers see the same tree', () => {
    const script = [
      'rm data/gone; mv data/old data/new; rm -r data/sub; mkdir data/sub; echo c >data/sub/c',
      'echo hard >one; mkdir d; busybox ln one d/two; busybox ln -s /nowhere link',
      'chmod 4755 data/keep; chown 33:29 top; busybox mknod pipe p; busybox mknod zero c 1 5',
      'dd if=/dev/zero of=hole bs=1 count=1 seek=3000000 2>/dev/null; mkdir -m 1777 sticky',
      'busybox touch -d @1234567890 one data top',
    ].join('; ');
    changed(script);
    expect(machine.done('commit', 'box', 'made:v1')).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    const box = JSON.parse(
      readFileSync(join(machine.data, 'containers', machine.inspect('box').Id, 'container.json'), 'utf8'),
    );
    const lower = join(machine.data, 'layers', box.layers[0], 'tree');
    const upper = join(machine.data, 'containers', box.id, 'upper');
    machine.done('run', '--rm', '--network', 'none', 'made:v1', 'true');
    const { document } = imageOf('made:v1');
    const layer = join(machine.data, 'layers', document.rootfs.diff_ids[1]?.slice(7) ?? '', 'tree');
    // The archive has whole seconds, as that of docker.
    const whole = (state: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(state)
          .filter(([path]) => path !== '.')
          .map(([path, text]) => [path, text.replace(/(\d)\.\d{9}/, '$1')]),
      );
    const expected = whole(treeState(machine.box.dir, [upper, lower]));
    expect(whole(treeState(machine.box.dir, [layer, lower]))).toEqual(expected);
    expect(Object.keys(expected)).toEqual(
      expect.arrayContaining(['./data/sub/c', './zero', './hole', './d/two']),
    );
    expect(Object.keys(expected)).not.toContain('./data/sub/a');
  });

  it('writes whiteouts, opaque directories and nothing of the mounts', () => {
    changed('rm data/gone; rm -r data/sub; mkdir data/sub; echo c >data/sub/c', '-v', '/mnt');
    machine.done('commit', 'box', 'made');
    expect(entriesOf('made')).toEqual([
      'data/',
      'data/.wh.gone',
      'data/sub/',
      'data/sub/.wh..wh..opq',
      'data/sub/c',
    ]);
  });

  it('keeps capabilities of files and long names', () => {
    const long = 'n'.repeat(200);
    changed(`echo x >cap; mkdir ${long}; echo y >${long}/${long}`);
    const { Id } = machine.inspect('box');
    // The value that setcap cap_net_raw+ep writes.
    execFileSync('python3', [
      '-c',
      'import os,sys; os.setxattr(sys.argv[1], "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))',
      join(machine.data, 'containers', Id, 'upper/cap'),
    ]);
    machine.done('commit', 'box', 'made');
    expect(entriesOf('made')).toEqual(['cap', `${long}/`, `${long}/${long}`]);
    const { layers } = imageOf('made');
    const archive = blob(layers[1]?.digest ?? '').toString('latin1');
    expect(archive).toContain(
      `SCHILY.xattr.security.capability=${Buffer.from('01000002002000', 'hex').toString('latin1')}`,
    );
  });

  it('has the digest of its layer, and a config with the changes', () => {
    changed('echo 1 >new', '-e', 'ADDED=1', '-l', 'from=run');
    const changes = [
      'CMD ["cat", "new"]',
      'ENV A="b c" P=$PATH',
      'EXPOSE 80 53/udp',
      'USER www',
      'WORKDIR /srv',
    ];
    machine.done(
      ...['commit', '--author', 'me', '-m', 'a note'],
      ...changes.flatMap(change => ['--change', change]),
      ...['box', 'made'],
    );
    const { id, document, layers } = imageOf('made');
    expect(id).toBe(`sha256:${createHash('sha256').update(JSON.stringify(document)).digest('hex')}`);
    const digest = `sha256:${createHash('sha256')
      .update(blob(layers[1]?.digest ?? ''))
      .digest('hex')}`;
    expect([layers[1]?.digest, document.rootfs.diff_ids[1]]).toEqual([digest, digest]);
    expect(document.config).toEqual({
      Cmd: ['cat', 'new'],
      Env: ['PATH=/usr/bin:/bin', 'ADDED=1', 'A=b c', 'P=/usr/bin:/bin'],
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      Labels: { from: 'run' },
      User: 'www',
      WorkingDir: '/srv',
    });
    expect(document.author).toBe('me');
    expect(document.history.at(-1)).toMatchObject({
      author: 'me',
      comment: 'a note',
      created_by: 'sh -ec echo 1 >new',
    });
    expect(machine.done('run', '--rm', '--network', 'none', '-w', '/', 'made')).toBe('1\n');
  });

  it('gives equal digests at two times with SOURCE_DATE_EPOCH', () => {
    changed('echo 1 >new; mkdir -p d; busybox touch -d @1000 old');
    machine.variables = { SOURCE_DATE_EPOCH: '1500000000' };
    const first = machine.done('commit', 'box', 'one');
    machine.done('start', 'box');
    machine.waited('box');
    expect(machine.done('commit', 'box', 'two')).toBe(first);
    expect(imageOf('one').document.created).toBe('2017-07-14T02:40:00Z');
  });

  it('refuses an instruction that is not for the config', () => {
    changed('true');
    const error = machine.fails(1, 'commit', '--change', 'RUN true', 'box');
    expect(error).toMatchObject({ code: 'build.syntax', document: '--change', line: 1, column: 1 });
    expect(error.msg).toMatch(/RUN is not a valid change command/);
  });

  it('commits a container that runs, and the container runs on', () => {
    machine.image('base', { files });
    machine.detached(
      '--name',
      'box',
      '--network',
      'none',
      'base',
      'sh',
      '-c',
      'echo 1 >new; exec sleep 1000',
    );
    machine.done('exec', 'box', 'sh', '-c', 'until test -e /new; do :; done');
    machine.done('commit', 'box', 'made');
    expect(machine.inspect('box').State.Status).toBe('running');
    expect(machine.done('run', '--rm', '--network', 'none', 'made', 'cat', '/new')).toBe('1\n');
  });
});

describe.skipIf(requires('root'))('image tag and history', () => {
  it('give an image a second name, and show its steps', () => {
    changed('echo 12345 >new');
    machine.done('commit', '-m', 'a note', 'box', 'made');
    expect(machine.oci('image', 'tag', 'made', 'localhost:5000/other:v2').status).toBe(0);
    const { id } = imageOf('made');
    expect(imageOf('localhost:5000/other:v2').id).toBe(id);
    const { stdout } = machine.oci('image', 'history', '--format', 'json', 'made');
    const [first] = JSON.parse(stdout);
    expect(first).toMatchObject({ id, createdBy: 'sh -ec echo 12345 >new', comment: 'a note', size: 2048 });
    const table = machine.oci('image', 'history', 'made').stdout.split('\n');
    expect(table[0]).toMatch(/^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$/);
    expect(table[1]).toMatch(new RegExp(`^${id.slice(7, 19)} .* sh -ec echo 12345 >new +2.05kB +a note$`));
  });

  it('refuse a digest as a name', () => {
    machine.image('base', {});
    const { status, log } = machine.oci('image', 'tag', 'base', `x@sha256:${'0'.repeat(64)}`);
    expect([status, log[0]?.code]).toEqual([1, 'image.reference']);
  });
});
