// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tarOf } from '../helpers/archive.ts';
import { requires } from '../helpers/requires.ts';
import { runtime } from '../helpers/runtime.ts';

const files = Array.from({ length: 300 }, (_, index) => ({
  name: `d${index % 7}/f${index}`,
  data: `${index}`,
}));
const layer = tarOf(files);
const lowest = tarOf([{ name: 'lowest', data: 'l' }]);
const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');
/** The upper layer has its root directory from the lower one. */
const upperName = sha256(`sha256:${sha256(lowest)} sha256:${sha256(layer)}`);

let top: string;
const layers = () => join(top, 'layers');
const environment = () => ({ PATH: process.env['PATH'] ?? '', TSUBO_DATA: top });

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'tsubo-unpack-'));
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Cmd: ['/d1/f1'] },
    rootfs: { type: 'layers', diff_ids: [lowest, layer].map(bytes => `sha256:${sha256(bytes)}`) },
  });
  const entry = { Config: 'config', RepoTags: ['web:latest'], Layers: ['lowest', 'layer'] };
  const archive = tarOf([
    { name: 'config', data: config },
    { name: 'lowest', data: gzipSync(lowest) },
    { name: 'layer', data: gzipSync(layer) },
    { name: 'manifest.json', data: JSON.stringify([entry]) },
  ]);
  writeFileSync(join(top, 'archive'), archive);
  expect(tsubo(['image', 'load', '-i', join(top, 'archive')]).stderr).toBe('');
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

function tsubo(args: readonly string[], before: readonly string[] = []) {
  const [file = '', ...rest] = [...before, ...runtime.command, ...args];
  return spawnSync(file, rest, { encoding: 'utf8', env: environment() });
}

/** The layers are there, whole, and nothing else. */
function expectWhole(): void {
  expect(readdirSync(layers()).sort()).toEqual([sha256(lowest), upperName].sort());
  expect(readFileSync(join(layers(), sha256(lowest), 'tree/lowest'), 'utf8')).toBe('l');
  const directory = join(layers(), upperName);
  expect(JSON.parse(readFileSync(join(directory, 'layer.json'), 'utf8'))).toMatchObject({
    diffId: `sha256:${sha256(layer)}`,
    size: layer.length,
    entries: 300,
  });
  const made = files.map(({ name }) => readFileSync(join(directory, 'tree', name), 'utf8'));
  expect(made).toEqual(files.map(({ data }) => data));
}

describe.skipIf(requires('root', 'strace'))('a process that unpacks layers', () => {
  // The first two renames are those of layer.json, the others give the layers their names.
  it.each([
    ['utimensat:when=1', 0],
    ['utimensat:when=200', 0],
    ['syncfs:when=1', 0],
    ['rename:when=1', 0],
    ['rename:when=2', 0],
    ['rename:when=3', 0],
    ['rename:when=4', 1],
  ] as const)('can be killed at %s: the next one unpacks what is missing', (point, finished) => {
    const [call] = point.split(':');
    const trace = [
      '-f',
      '-o',
      '/dev/null',
      '-e',
      `trace=${call}`,
      '-e',
      `inject=${point.replace(':', ':signal=KILL:')}`,
    ];
    const killed = tsubo(['container', 'create', 'web'], ['strace', ...trace]);
    expect(killed.signal ?? killed.status).toMatch(/SIGKILL/);
    const left = readdirSync(layers());
    expect(left).toContainEqual(expect.stringMatching(/^\.tmp-/));
    expect(left.filter(name => !name.startsWith('.tmp-'))).toEqual([sha256(lowest)].slice(0, finished));
    const { status, stderr } = tsubo(['container', 'create', 'web']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expectWhole();
  });

  it('can meet another one that unpacks the same layers', async () => {
    const [file = '', ...rest] = [...runtime.command, 'container', 'create', 'web'];
    const started = [1, 2, 3].map(() =>
      spawn(file, rest, { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] }),
    );
    expect(await Promise.all(started.map(endOf))).toEqual(Array(3).fill({ status: 0, stderr: '' }));
    expectWhole();
  });
});

async function endOf(child: ChildProcess): Promise<{ status: number | null; stderr: string }> {
  let stderr = '';
  child.stderr?.on('data', piece => (stderr += piece));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stderr };
}
