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
const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');

let top: string;
const layers = () => join(top, 'layers');
const environment = () => ({ PATH: process.env['PATH'] ?? '', TSUBO_DATA: top });

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'tsubo-unpack-'));
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Cmd: ['/d1/f1'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
  });
  const entry = { Config: 'config', RepoTags: ['web:latest'], Layers: ['layer'] };
  const archive = tarOf([
    { name: 'config', data: config },
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

/** The layer is there, whole, and nothing else. */
function expectWhole(): void {
  expect(readdirSync(layers())).toEqual([sha256(layer)]);
  const directory = join(layers(), sha256(layer));
  expect(JSON.parse(readFileSync(join(directory, 'layer.json'), 'utf8'))).toMatchObject({
    diffId: `sha256:${sha256(layer)}`,
    size: layer.length,
    entries: 300,
  });
  const made = files.map(({ name }) => readFileSync(join(directory, 'tree', name), 'utf8'));
  expect(made).toEqual(files.map(({ data }) => data));
}

describe.skipIf(requires('root', 'strace'))('a process that unpacks a layer', () => {
  it.each(['utimensat:when=1', 'utimensat:when=200', 'syncfs:when=1', 'rename:when=1', 'rename:when=2'])(
    'can be killed at %s: the next one unpacks the layer',
    point => {
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
      expect(left).toEqual([expect.stringMatching(/^\.tmp-/)]);
      const { status, stderr } = tsubo(['container', 'create', 'web']);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expectWhole();
    },
  );

  it('can meet another one that unpacks the same layer', async () => {
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
