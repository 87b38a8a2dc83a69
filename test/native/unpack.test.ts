// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Binding, Unpacked, UnpackProblem, UnpackRequest } from '../../src/host/binding.d.ts';
import { entryOf, padded, type TarEntry, tarOf, withSum } from '../helpers/archive.ts';
import { requires } from '../helpers/requires.ts';
import { attributesOf, layoutOf, treeState } from '../helpers/tree-state.ts';

const addon = createRequire(import.meta.url)('../../build/Release/tsubo.node') as Binding;

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'tsubo-unpack-'));
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

let trees = 0;
/** Unpacks into a new tree. */
function unpack(archive: Buffer, more: Partial<UnpackRequest> = {}): Unpacked & { tree: string } {
  const file = join(top, 'archive');
  writeFileSync(file, archive);
  const tree = join(top, `tree${trees++}`, 'inner');
  mkdirSync(tree, { recursive: true });
  const source = openSync(file, 'r');
  try {
    const request = {
      source,
      decompress: [],
      tree,
      lowers: [],
      layer: true,
      whiteouts: true,
      strict: true,
      hashes: true,
    };
    return { ...addon.unpackTree({ ...request, opaque: 'trusted.overlay.opaque', ...more }), tree };
  } finally {
    closeSync(source);
  }
}

/** The root file system that umoci makes of the layers; undefined if it refuses them. */
function umoci(layers: readonly Buffer[]): string | undefined {
  const layout = join(top, `layout${trees}`);
  const rootfs = join(top, `umoci${trees++}`);
  layoutOf(layout, layers);
  const { status } = spawnSync('umoci', ['raw', 'unpack', '--image', `${layout}:image`, rootfs], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return status === 0 ? rootfs : undefined;
}

/** A state without the times of directories that umoci made at a time of its own. */
function without(state: Record<string, string>, times: readonly string[]): Record<string, string> {
  const isDirectory = (name: string) => state[name]?.startsWith('directory') === true;
  const replaced = times.filter(isDirectory).map(name => [name, state[name]?.replace(/ \S+$/, '')]);
  return { ...state, ...Object.fromEntries(replaced) };
}

/** The state of an overlay of the trees, lowest first. */
function merged(layers: readonly string[]): Record<string, string> {
  const [mount, nothing] = [join(top, 'merged'), join(top, 'nothing')];
  mkdirSync(mount, { recursive: true });
  mkdirSync(nothing, { recursive: true });
  // An overlay has two layers at least.
  return treeState(mount, [...layers, ...(layers.length === 1 ? [nothing] : [])].reverse());
}

const file = (name: string, data = name): TarEntry => ({ name, data });
const directory = (name: string, mode = 0o755): TarEntry => ({ name: `${name}/`, kind: '5', mode });
const symlink = (name: string, link: string): TarEntry => ({ name, kind: '2', link });
const hardLink = (name: string, link: string): TarEntry => ({ name, kind: '1', link });

describe.skipIf(requires('root'))('unpacking', () => {
  it('makes the tree that tar makes, with its digest', () => {
    const source = join(top, 'source');
    mkdirSync(join(source, 'a/b'), { recursive: true });
    const script = [
      'umask 0',
      'echo text > a/file; ln a/file a/b/hard; ln -s ../file a/b/soft; ln -s /nowhere dangling',
      'mkfifo a/fifo; mknod a/null c 1 3; mknod a/loop b 7 0',
      'chown 12:34 a/file; chown -h 5:6 dangling; chmod 4711 a/file; chmod 1777 a/b; chmod 2750 a',
      'truncate -s 1M sparse; echo end >> sparse; printf x | dd of=sparse bs=1 seek=70000 conv=notrunc 2>/dev/null',
      'touch -h -d 2001-02-03T04:05:06.123456789 a/b/soft dangling; touch -d 1960-01-01T00:00:00.25 a/b',
      'touch -d 2030-01-01 a sparse',
      `touch ${'n'.repeat(200)}; mkdir -p ${Array(30).fill('deeper').join('/')}; touch $(printf 'caf\\303\\251')`,
    ];
    execFileSync('sh', ['-ec', script.join('\n')], { cwd: source });
    for (const format of [
      ['--format=pax'],
      ['--format=gnu'],
      ['--format=pax', '--sparse', '--sparse-version=0.0'],
      ['--format=pax', '--sparse', '--sparse-version=0.1'],
      ['--format=pax', '--sparse', '--sparse-version=1.0'],
      ['--format=gnu', '--sparse'],
    ]) {
      const archive = execFileSync('tar', [...format, '-C', source, '-cf', '-', '.'], { maxBuffer: 1 << 28 });
      const { tree, digest, size, problem } = unpack(archive);
      expect({ problem, digest, size }).toEqual({
        problem: undefined,
        digest: createHash('sha256').update(archive).digest('hex'),
        size: archive.length,
      });
      const byTar = join(top, `tar${trees++}`);
      mkdirSync(byTar);
      execFileSync('tar', ['-C', byTar, '-xpf', join(top, 'archive')], { stdio: 'pipe' });
      expect(treeState(tree)).toEqual(treeState(byTar));
    }
  });

  it('keeps attributes and capabilities, and drops those that would change an overlay', () => {
    const capability = Buffer.from('0100000202000000000000000000000000000000', 'hex');
    const { tree, problem } = unpack(
      tarOf([
        {
          name: 'ping',
          mode: 0o4755,
          uid: 7,
          pax: {
            'SCHILY.xattr.user.note': 'a=b',
            'SCHILY.xattr.trusted.note': Buffer.from('x\0y'),
            'SCHILY.xattr.security.capability': capability,
            'SCHILY.xattr.trusted.overlay.redirect': '/etc',
            'SCHILY.xattr.user.overlay.opaque': 'y',
          },
        },
        {
          ...directory('d'),
          pax: { 'SCHILY.xattr.trusted.overlay.opaque': 'y', 'SCHILY.xattr.user.d': '1' },
        },
      ]),
    );
    expect(problem).toBeUndefined();
    expect(lstatSync(join(tree, 'ping')).mode & 0o7777).toBe(0o4755);
    expect(attributesOf(tree, 'ping')).toEqual({
      'user.note': 'a=b',
      'trusted.note': 'x\0y',
      'security.capability': capability.toString('latin1'),
    });
    expect(attributesOf(tree, 'd')).toEqual({ 'user.d': '1' });
  });

  it('keeps a file of 1 TiB with holes', () => {
    const size = 2 ** 40;
    const map = padded(Buffer.from(`1\n${size - 3}\n3\n`));
    const { tree, problem } = unpack(
      tarOf([
        {
          name: 'large',
          data: Buffer.concat([map, Buffer.from('end')]),
          pax: {
            'GNU.sparse.major': '1',
            'GNU.sparse.minor': '0',
            'GNU.sparse.name': 'large',
            'GNU.sparse.realsize': String(size),
          },
        },
      ]),
    );
    expect(problem).toBeUndefined();
    const status = lstatSync(join(tree, 'large'));
    expect(status.size).toBe(size);
    expect(status.blocks).toBeLessThan(64);
    expect(execFileSync('tail', ['-c', '4', join(tree, 'large')]).toString()).toBe('\0end');
  });

  it('reads a gzip archive through the program, and names its failure', () => {
    const archive = tarOf([file('a')]);
    const zipped = gzipSync(archive);
    const decompress = ['/usr/bin/gzip', '-dc'];
    expect(unpack(zipped, { decompress })).toMatchObject({
      digest: createHash('sha256').update(archive).digest('hex'),
      entries: 1,
    });
    const wrong = Buffer.from(zipped);
    wrong[wrong.length - 8] = (wrong[wrong.length - 8] ?? 0) ^ 1;
    expect(unpack(wrong, { decompress }).decompressor).toMatch(/crc error/);
    expect(unpack(zipped.subarray(0, 40), { decompress }).decompressor).toMatch(/unexpected end of file/);
    expect(() => unpack(zipped, { decompress: ['/nowhere/gzip'] })).toThrow(
      expect.objectContaining({ syscall: 'execve', errno: 2, path: '/nowhere/gzip' }),
    );
  });
});

describe.skipIf(requires('root', 'umoci'))('a hostile archive', () => {
  const long = Array(50).fill('x'.repeat(99)).join('/');
  /** Entries, and the directories that umoci makes at a time of its own. */
  const accepted: [string, TarEntry[], string[]?][] = [
    ['has names that lead above the root', [file('../../a'), file('b/../../../c')]],
    ['has absolute names', [directory('/etc'), file('/etc/passwd')]],
    ['has a link to the root of the machine', [symlink('out', '/'), file('out/inside')]],
    [
      'has a link that leads above the root',
      [directory('d'), symlink('d/up', '../../../..'), file('d/up/inside')],
      ['.', './d'],
    ],
    [
      'writes through a link to a directory',
      [directory('real'), symlink('link', 'real'), file('link/f')],
      ['.', './real'],
    ],
    ['replaces a link by a file', [symlink('link', '/etc/passwd'), file('link', 'text')]],
    ['replaces a directory by a file', [directory('d'), file('d/inner'), file('d')]],
    ['replaces a file by a directory', [file('d'), directory('d'), file('d/inner')]],
    ['replaces a directory by a link', [directory('d'), file('d/inner'), symlink('d', 'e')]],
    ['has an entry twice', [file('f', 'first'), { ...file('f', 'second'), mode: 0o600 }]],
    ['has a directory twice', [directory('d', 0o700), file('d/f'), directory('d', 0o711)]],
    ['has a hard link with an absolute target', [file('f'), hardLink('g', '/f')]],
    ['has a hard link with a target above the root', [file('f'), hardLink('g', '../../f')]],
    ['has a hard link to a symbolic link', [symlink('s', '/etc/passwd'), hardLink('g', 's')]],
    [
      'has a device, a FIFO and set-uid',
      [
        { name: 'sda', kind: '4', device: [8, 0], mode: 0o660 },
        { name: 'mem', kind: '3', device: [1, 1], uid: 3, mode: 0o4640 },
        { name: 'fifo', kind: '6', mode: 0o622 },
        { name: 'su', mode: 0o6755, uid: 1, gid: 2 },
      ],
    ],
    ['has a directory without an entry', [file('a/b/c')], ['.', './a', './a/b']],
    ['has a whiteout of a file that no layer has', [file('f'), file('.wh.g')]],
    ['has a whiteout before and after its own file', [file('.wh.f'), file('f'), file('g'), file('.wh.g')]],
    [
      'has a link that covers a directory',
      [directory('usr'), directory('usr/lib'), symlink('lib', 'usr/lib'), file('lib/f')],
      ['.', './usr/lib'],
    ],
    [
      'has a directory over a link',
      [directory('usr'), symlink('lib', 'usr'), directory('lib'), file('lib/f')],
    ],
    ['closes a directory to its owner', [directory('d', 0), file('d/f')], ['.', './d']],
  ];
  it.each(accepted)('that %s becomes the tree that umoci makes', (_, entries, made = ['.']) => {
    const archive = tarOf(entries);
    const oracle = umoci([archive]);
    const { tree, problem } = unpack(archive);
    expect(problem).toBeUndefined();
    expect(oracle).toBeDefined();
    expect(without(merged([tree]), made)).toEqual(without(treeState(oracle ?? ''), made));
    expect(readdirSync(join(tree, '..'))).toEqual(['inner']);
  });

  const raw = (change: (at: Buffer) => void, entry: TarEntry = file('f')): Buffer => {
    const archive = tarOf([entry]);
    change(archive);
    withSum(archive.subarray(0, 512));
    return archive;
  };
  const refused: [string, Buffer, Partial<UnpackProblem>][] = [
    [
      'has a hard link to a later entry',
      tarOf([hardLink('g', 'f'), file('f')]),
      { reason: 'the target of the hard link does not exist: f', entry: 'g' },
    ],
    [
      'has a hard link to a file of the machine',
      tarOf([hardLink('g', '/etc/passwd')]),
      { reason: 'the target of the hard link does not exist: /etc/passwd' },
    ],
    [
      'has a hard link whose target is behind a link to the machine',
      tarOf([symlink('out', '/etc'), hardLink('g', 'out/passwd')]),
      { reason: 'the target of the hard link does not exist: out/passwd' },
    ],
    [
      'has a hard link to a directory',
      tarOf([directory('d'), hardLink('g', 'd')]),
      { reason: 'the entry is a hard link to a directory: d' },
    ],
    ['replaces the root', tarOf([symlink('.', '/etc')]), { reason: 'the entry would replace the root' }],
    ['has a name of 5,000 bytes', tarOf([file(long)]), { syscall: 'openat2', errno: 36, entry: long }],
    ['has a component of 256 bytes', tarOf([file('n'.repeat(256))]), { syscall: 'openat', errno: 36 }],
    [
      'has a NUL in a name',
      tarOf([{ ...file('f'), pax: { path: 'a\0b' } }]),
      { reason: 'a pax header contains a NUL' },
    ],
    [
      'has a whiteout of the directory',
      tarOf([directory('d'), file('d/.wh..')]),
      { reason: 'the whiteout has no name', entry: 'd/.wh..' },
    ],
    [
      'has a whiteout of the parent',
      tarOf([directory('d'), file('d/.wh...')]),
      { reason: 'the whiteout has no name' },
    ],
    ['has a whiteout of nothing', tarOf([file('.wh.')]), { reason: 'the whiteout has no name' }],
    ['writes below a file', tarOf([file('f'), file('f/g')]), { syscall: 'openat2', errno: 20, entry: 'f/g' }],
    [
      'has links that lead to each other',
      tarOf([symlink('a', 'b'), symlink('b', 'a'), file('a/f')]),
      { syscall: 'openat2', errno: 40 },
    ],
    [
      'ends inside a file',
      tarOf([{ ...file('f', 'x'.repeat(5000)) }]).subarray(0, 2048),
      { reason: 'the archive ends inside this entry', entry: 'f' },
    ],
    [
      'ends inside a header',
      tarOf([file('f')]).subarray(0, 700 + 512),
      { reason: 'the archive ends inside a header' },
    ],
    [
      'has a file larger than the archive',
      tarOf([{ ...file('f'), size: 2 ** 32 }]),
      { reason: 'the archive ends inside this entry' },
    ],
    [
      'has a wrong checksum',
      Buffer.concat([Buffer.alloc(512, 'x'), Buffer.alloc(1024)]),
      {
        reason: 'the checksum of a header is wrong: the file is not a tar archive, or it is damaged',
        offset: 0,
      },
    ],
    [
      'is damaged after an entry',
      Buffer.concat([entryOf(file('f')), Buffer.alloc(512, 1)]),
      {
        reason: 'the checksum of a header is wrong: the file is not a tar archive, or it is damaged',
        offset: 1024,
        entry: '',
      },
    ],
    [
      'has a number with other characters than digits',
      raw(at => at.write('9', 124)),
      { reason: 'a number in the header is invalid' },
    ],
    ['has a negative size', raw(at => at.fill(0xff, 124, 136)), { reason: 'the size is negative' }],
    [
      'has an owner above 32 bits',
      tarOf([{ ...file('f'), pax: { uid: '4294967295' } }]),
      { reason: 'the owner is not a valid number' },
    ],
    [
      'has an entry of an unknown type',
      tarOf([{ ...file('f'), kind: 'Z' }]),
      { reason: 'entries of the type "Z" are not known' },
    ],
    [
      'has a pax header with a wrong length',
      tarOf([{ name: 'p', kind: 'x', data: '99 path=x\n' }, file('f')]),
      { reason: 'a pax header has a wrong length' },
    ],
    [
      'has a pax header of 2 MiB',
      tarOf([{ name: 'p', kind: 'x', data: Buffer.alloc(2 << 20, 'x') }]),
      { reason: 'a header has more than 1 MiB' },
    ],
    [
      'has a sparse file whose parts overlap',
      tarOf([{ ...file('f', '123456'), pax: { 'GNU.sparse.size': '100', 'GNU.sparse.map': '0,3,2,3' } }]),
      { reason: 'the map of the sparse file is wrong' },
    ],
    [
      'has a sparse file with a part behind its end',
      tarOf([{ ...file('f', '123'), pax: { 'GNU.sparse.size': '100', 'GNU.sparse.map': '98,3' } }]),
      { reason: 'the map of the sparse file is wrong' },
    ],
    [
      'has a block of zeros between two entries',
      Buffer.concat([entryOf(file('f')), Buffer.alloc(512), entryOf(file('g'))]),
      { reason: 'a block of zeros is between two entries' },
    ],
  ];
  it.each(refused)('that %s is refused', (_, archive, problem) => {
    const result = unpack(archive);
    expect(result.problem).toMatchObject(problem);
    expect(readdirSync(join(result.tree, '..'))).toEqual(['inner']);
    expect(readFileSync('/etc/passwd', 'utf8')).toContain('root:');
  });

  it('with 20,000 entries is unpacked', () => {
    const names = Array.from({ length: 20_000 }, (_, index) => `d${index % 100}/f${index}`);
    const { entries, tree } = unpack(tarOf(names.map(name => ({ name }))));
    expect(entries).toBe(20_000);
    expect(readdirSync(join(tree, 'd7')).length).toBe(200);
  });
});

describe.skipIf(requires('root', 'umoci'))('a layer above another', () => {
  const base: TarEntry[] = [
    directory('usr', 0o711),
    { ...directory('usr/lib', 0o750), uid: 9, gid: 8, time: 1_500_000_000 },
    file('usr/lib/old'),
    symlink('lib', 'usr/lib'),
    directory('etc'),
    file('etc/a'),
    file('etc/b'),
    directory('etc/d'),
    file('etc/d/x'),
  ];
  const cases: [string, TarEntry[], boolean, string[]?][] = [
    ['removes a file', [directory('etc'), file('etc/.wh.a')], false],
    [
      'empties a directory',
      [directory('etc'), directory('etc/d'), file('etc/d/.wh..wh..opq'), file('etc/d/new')],
      false,
    ],
    [
      'replaces a directory',
      [directory('etc'), file('etc/.wh.d'), directory('etc/d'), file('etc/d/y')],
      false,
    ],
    ['replaces a directory by a file', [directory('etc'), file('etc/d')], false],
    ['removes all that is below it', [file('.wh..wh..opq'), file('new')], false],
    ['has no entry for a directory', [file('usr/lib/new')], true, ['./usr', './usr/lib']],
    [
      'reaches a directory through a link of the lower layer',
      [file('lib/new')],
      true,
      ['./usr', './usr/lib'],
    ],
    ['has a hard link to a file of the lower layer', [directory('etc'), hardLink('etc/c', 'etc/a')], true],
    ['puts a directory over a link', [directory('lib'), file('lib/new')], false],
  ];
  it.each(cases)('that %s gives the view that umoci makes', (_, entries, usesLowers, made = []) => {
    const archives = [tarOf(base), tarOf(entries)];
    const oracle = umoci(archives);
    const lower = unpack(tarOf(base));
    const upper = unpack(tarOf(entries), { lowers: [lower.tree] });
    expect(upper).toMatchObject({ usesLowers });
    expect(upper.problem).toBeUndefined();
    const trees = upper.hidesAll ? [upper.tree] : [lower.tree, upper.tree];
    // The kernel counts the name in the lower tree, too, which has the same file.
    const view = Object.entries(merged(trees)).map(([name, state]) => [
      name,
      state.replace(/ 5 3 0:0 /, ' 5 2 0:0 '),
    ]);
    expect(without(Object.fromEntries(view), ['.', ...made])).toEqual(
      without(treeState(oracle ?? ''), ['.', ...made]),
    );
  });

  it('copies owner, mode and time of a directory without an entry', () => {
    const lower = unpack(tarOf(base));
    const upper = unpack(tarOf([file('usr/lib/new')]), { lowers: [lower.tree] });
    const [state, like] = [treeState(upper.tree), treeState(lower.tree)];
    expect(state['./usr/lib']).toBe(like['./usr/lib']);
    expect(state['./usr']).toBe(like['./usr']);
    expect(state['./usr/lib']).toBe('directory 750 9:8 1500000000.000000000');
  });

  it('does not find what a layer between has removed', () => {
    const lowest = unpack(tarOf(base));
    const between = unpack(tarOf([directory('etc'), file('etc/.wh.a')]), { lowers: [lowest.tree] });
    const upper = unpack(tarOf([hardLink('c', 'etc/a')]), { lowers: [between.tree, lowest.tree] });
    expect(upper.problem).toMatchObject({ reason: 'the target of the hard link does not exist: etc/a' });
  });
});
