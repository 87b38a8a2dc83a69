// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';

const machine = directMachine();
const title = '## The first hour with tsubo alone';

/** The lines of the first block of commands after the title. */
function commandsOfReadme(): string[] {
  const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const section = text.slice(text.indexOf(title));
  return (/```sh\n(.*?)```/s.exec(section)?.[1] ?? '').split('\n').filter(line => line !== '');
}

test.skipIf(requires('root', 'busybox', 'filesystem:overlay', 'ip', 'nft'))(
  '63: the first hour of the README works as it is written',
  () => {
    machine.image('busybox');
    const [pull, ...commands] = commandsOfReadme();
    // Registries are another topic: the image is in the store.
    expect(pull).toBe('tsubo image pull busybox');
    const tsubo = machine.box
      .command()
      .map(word => `'${word}'`)
      .join(' ');
    const outputs = commands.map(line => {
      const script = line.replaceAll('tsubo ', `${tsubo} `).replaceAll('/tmp/', `${machine.box.dir}/`);
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
