// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';

const machine = directMachine();

/** The lines of the first block of commands after the text. */
function commandsAfter(start: string): string[] {
  const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const section = text.slice(text.indexOf(start));
  return (/```sh\n(.*?)```/s.exec(section)?.[1] ?? '').split('\n').filter(line => line !== '');
}

/** The command with its options, for a shell. */
const tsubo = (): string =>
  machine.box
    .command()
    .map(word => `'${word}'`)
    .join(' ');

test.skipIf(requires('root', 'busybox', 'filesystem:overlay', 'ip', 'nft'))(
  'the first hour of the README works as it is written',
  () => {
    machine.image('busybox');
    const [pull, ...commands] = commandsAfter('## The first hour with tsubo alone');
    // Registries are another topic: the image is in the store.
    expect(pull).toBe('tsubo image pull busybox');
    const outputs = commands.map(line => {
      const script = line.replaceAll('tsubo ', `${tsubo()} `).replaceAll('/tmp/', `${machine.box.dir}/`);
      const done = machine.try(machine.pid, 'sh', '-c', script);
      expect({ line, status: done.status }).toEqual({ line, status: 0 });
      return done.stdout;
    });
    const [hello, job, all, again, web, , , running, stopped, started, inspected, removed, volume] = outputs;
    expect(hello).toBe('hello\n');
    expect(job).toBe('exit status 3\n');
    expect(all).toMatch(/Exited \(3\) .* job\n$/);
    expect(again).toBe('');
    expect(web).toMatch(/^[0-9a-f]{64}\n$/);
    expect(running).toMatch(/0\.0\.0\.0:8800->80\/tcp, \[::\]:8800->80\/tcp +web\n$/);
    expect([stopped, started]).toEqual(['web\n', 'web\n']);
    expect(JSON.parse(inspected ?? '')).toMatchObject([{ Name: '/web', State: { Status: 'running' } }]);
    expect([removed, volume]).toEqual(['web\njob\n', 'site\n']);
    expect(machine.directory('volumes')).toEqual([]);
  },
);

test.skipIf(requires('root', 'busybox', 'filesystem:overlay'))(
  'the builds of the README work as they are written',
  () => {
    machine.image('busybox');
    const context = machine.box.mkdir('context');
    mkdirSync(join(context, 'docker'));
    const dockerfile =
      'FROM busybox AS test\nARG VERSION=1\nLABEL version=$VERSION\nFROM test\nCOPY page /www/';
    for (const name of ['Dockerfile', 'docker/Dockerfile']) writeFileSync(join(context, name), dockerfile);
    writeFileSync(join(context, 'page'), 'a jar');
    const label = () =>
      JSON.parse(machine.oci('image', 'inspect', 'web:v2').stdout)[0].Config.Labels?.version;
    const labels = commandsAfter('Images are built from Dockerfiles').map(line => {
      const script = `cd '${context}'; ${line.replace('tsubo ', `${tsubo()} `)}`;
      const done = machine.try(machine.pid, 'sh', '-c', script);
      expect({ line, status: done.status }).toEqual({ line, status: 0 });
      return label();
    });
    expect(labels).toEqual(['1', '2', '1']);
  },
);
