// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { companions } from '../helpers/companions.ts';
import { directMachine } from '../helpers/direct.ts';
import { FakeRegistry, layerOf, makeImage } from '../helpers/registry.ts';
import { requires } from '../helpers/requires.ts';
import { hostBusybox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'filesystem:overlay', 'ip', 'nft'))(
  'an image that is missing',
  () => {
    const machine = directMachine();
    const beside = companions();
    const registry = new FakeRegistry();
    const image = makeImage({
      layers: [
        layerOf({ 'bin/busybox': readFileSync(hostBusybox), 'etc/passwd': 'root:x:0:0::/:/bin/sh\n' }),
        layerOf({ 'etc/passwd': 'root:x:0:0::/:/bin/sh\njar:x:5:6::/:/bin/sh\n' }),
      ],
      config: { Entrypoint: ['/bin/busybox'], Cmd: ['echo', 'of the image'], User: 'jar' },
    });
    beforeAll(async () => {
      await registry.open();
      registry.add('jar', 'v1', image);
    });
    afterAll(() => registry.close());

    /** Without a network: the registry is on the loopback interface of the machine, which is left as it is. */
    const run = async (...words: readonly string[]) => {
      const command = machine.box.command('container', 'run', '--network', 'none', ...words);
      const env = {
        ...machine.env,
        HOME: machine.box.dir,
        TSUBO_SETTINGS: `${machine.box.dir}/settings.json`,
      };
      const running = beside.watch(
        machine.box.view.spawn(command, { env, stdio: ['ignore', 'pipe', 'pipe'] }),
      );
      const { status } = await running.ended;
      return { status, stdout: running.stdout(), stderr: running.stderr() };
    };

    test('is pulled, unpacked and run; only the program writes to standard output', async () => {
      const name = `${registry.host}/jar:v1`;
      const first = await run('--rm', name);
      expect(first).toMatchObject({ status: 0, stdout: 'of the image\n' });
      expect(first.stderr).toContain(`Unable to find image '${name}' locally\n`);
      expect(await run('--rm', name, 'id')).toEqual({ status: 0, stdout: 'uid=5(jar) gid=6\n', stderr: '' });
      const requests = registry.log.length;
      expect((await run('--rm', '--pull', 'always', name)).status).toBe(0);
      expect(registry.log.length).toBeGreaterThan(requests);
    });

    test('that the registry does not have either is one error, and leaves nothing', async () => {
      const { status, stdout, stderr } = await run(
        '--rm',
        '--name',
        'web',
        `${registry.host}/nothere`,
        'true',
      );
      expect({ status, stdout }).toEqual({ status: 125, stdout: '' });
      expect(stderr).toContain(`Unable to find image '${registry.host}/nothere:latest' locally\n`);
      expect(stderr.match(/level=error/g)).toHaveLength(1);
      expect([machine.directory('containers'), machine.directory('names')]).toEqual([[], []]);
    });

    test('is never pulled with --pull never', async () => {
      const requests = registry.log.length;
      expect((await run('--pull', 'never', `${registry.host}/other`)).status).toBe(125);
      expect(registry.log.length).toBe(requests);
    });
  },
);
