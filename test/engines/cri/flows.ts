// SPDX-License-Identifier: Apache-2.0
// The path of the kubelet: pods and their containers through containerd's Container Runtime Interface.
import { strict as assert } from 'node:assert';
import { type Engine, type Flow, waitFor } from '../flow.ts';
import { Cri } from './engine.ts';

const stopped = 2;
const running = 1;

const flows: readonly Flow<Cri>[] = [
  {
    name: 'the two containers of a pod share its network and host name, and have their own files and processes',
    short: true,
    run: async cri => {
      const pod = await cri.pod('one');
      const web = await cri.container(pod, 'web', ['httpd', '-f', '-p', '80', '-h', '/www']);
      const shell = await cri.container(pod, 'shell', ['sleep', '1000']);
      const got = await waitFor('the page', async () => {
        const ran = await cri.exec(shell, 'wget', '-qO-', 'http://127.0.0.1/');
        return ran.status === 0 ? ran.stdout : undefined;
      });
      assert.equal(got, 'a page\n');
      await cri.exec(web, 'touch', '/root/own');
      const look =
        'hostname; readlink /proc/self/ns/net; ls /root; cat /proc/[0-9]*/comm | grep -c httpd; echo $A';
      const [name, net, ...rest] = (await cri.exec(shell, 'sh', '-c', look)).stdout.trim().split('\n');
      assert.deepEqual([name, ...rest], ['one', '0', 'b']);
      assert.equal((await cri.exec(web, 'readlink', '/proc/self/ns/net')).stdout.trim(), net);
    },
  },
  {
    name: 'the sandbox has the handler of the runtime class and an address of the network',
    short: true,
    run: async cri => {
      const pod = await cri.pod('one');
      const shell = await cri.container(pod, 'shell', ['sleep', '1000']);
      const status = (await cri.client.call('PodSandboxStatus', [[1, pod]])).message(1);
      assert.equal(status.number(3), 0);
      assert.equal(status.text(9), cri.handler);
      const address = status.message(5).text(1);
      assert.match(address, /^10\.88\./);
      const seen = (await cri.exec(shell, 'sh', '-c', 'ip -4 -o address show eth0')).stdout;
      assert.ok(seen.includes(` ${address}/16 `), seen);
    },
  },
  {
    name: 'exec returns both outputs and the status, and an error for a missing program',
    short: true,
    run: async cri => {
      const pod = await cri.pod('one');
      const shell = await cri.container(pod, 'shell', ['sleep', '1000']);
      const ran = await cri.exec(shell, 'sh', '-c', 'echo out; echo bad >&2; exit 9');
      assert.deepEqual(ran, { status: 9, stdout: 'out\n', stderr: 'bad\n' });
      await assert.rejects(cri.exec(shell, 'nosuch'), /exec: "nosuch": executable file not found in \$PATH/);
    },
  },
  {
    name: 'the log of a container has the lines of both outputs, and its status remains after its end',
    short: true,
    run: async cri => {
      const pod = await cri.pod('one');
      const id = await cri.container(pod, 'shell', ['sh', '-c', 'echo out; echo bad >&2; exit 3']);
      assert.equal(await cri.ended(id), 3);
      assert.deepEqual(cri.log('one', 'shell').sort(), ['stderr F bad', 'stdout F out']);
      assert.equal((await cri.status(id)).text(10), 'Error');
    },
  },
  {
    name: 'a missing program is an error with its name',
    short: true,
    run: async cri => {
      const pod = await cri.pod('one');
      await assert.rejects(
        cri.container(pod, 'shell', ['nosuch']),
        /exec: "nosuch": executable file not found in \$PATH/,
      );
    },
  },
  {
    name: 'a stopped container ends with its own status, one that ignores the signal with 137',
    run: async cri => {
      const pod = await cri.pod('one');
      const script = (trap: string) => [
        'sh',
        '-c',
        `trap '${trap}' TERM; echo up; while :; do sleep 0.1; done`,
      ];
      const obeys = await cri.container(pod, 'obeys', script('exit 3'));
      const ignores = await cri.container(pod, 'ignores', script(''));
      for (const [id, name, timeout, expected] of [
        [obeys, 'obeys', 60, 3],
        [ignores, 'ignores', 1, 137],
      ] as const) {
        await waitFor('the trap', () => (cri.log('one', name).length > 0 ? true : undefined));
        await cri.client.call('StopContainer', [
          [1, id],
          [2, timeout],
        ]);
        const status = await cri.status(id);
        assert.deepEqual([status.number(3), status.number(7)], [stopped, expected]);
        await cri.client.call('RemoveContainer', [[1, id]]);
      }
      assert.equal((await cri.client.call('ListContainers', [])).messages(1).length, 0);
    },
  },
  {
    name: 'stats has the processor time of a running container',
    controllers: ['cpu'],
    run: async cri => {
      const pod = await cri.pod('one');
      const id = await cri.container(pod, 'shell', ['sh', '-c', 'while :; do :; done']);
      await waitFor('processor time', async () => {
        const stats = (await cri.client.call('ContainerStats', [[1, id]])).message(1);
        assert.equal(stats.message(1).text(1), id);
        return stats.message(2).message(2).number(1) > 1_000_000 ? true : undefined;
      });
    },
  },
  {
    name: 'stopping a pod ends its containers, and removing it removes them',
    short: true,
    run: async cri => {
      const pod = await cri.pod('one');
      const ids = [
        await cri.container(pod, 'a', ['sleep', '1000']),
        await cri.container(pod, 'b', ['sleep', '1000']),
      ];
      for (const id of ids) assert.equal((await cri.status(id)).number(3), running);
      await cri.client.call('StopPodSandbox', [[1, pod]]);
      for (const id of ids) assert.equal((await cri.status(id)).number(3), stopped);
      await cri.client.call('RemovePodSandbox', [[1, pod]]);
      assert.equal((await cri.client.call('ListContainers', [])).messages(1).length, 0);
    },
  },
  {
    name: 'the containers of a pod with shared processes see and signal each other',
    run: async cri => {
      const pod = await cri.pod('one', 'pod');
      const target = await cri.container(pod, 'target', ['httpd', '-f']);
      const other = await cri.container(pod, 'other', ['sleep', '1000']);
      assert.equal((await cri.exec(other, 'killall', '-9', 'httpd')).status, 0);
      assert.equal(await cri.ended(target), 137);
      assert.equal((await cri.exec(other, 'echo', 'in')).stdout, 'in\n');
    },
  },
  {
    name: 'the security context sets user, group, capabilities, a read-only root and no-new-privileges',
    run: async cri => {
      const pod = await cri.pod('one');
      const context = [
        [
          1,
          [
            [1, ['NET_ADMIN']],
            [2, ['ALL']],
          ],
        ],
        [3, [[2, 1]]],
        [5, [[1, 33]]],
        [7, true],
        [11, true],
        [12, [[1, 44]]],
      ] as const;
      const id = await cri.container(pod, 'shell', ['sleep', '1000'], { context });
      const script = `id -u; id -g; sed -n 's/^\\(CapBnd\\|NoNewPrivs\\):\\s*//p' /proc/self/status
        touch /tmp/x 2>&1`;
      assert.deepEqual((await cri.exec(id, 'sh', '-c', script)).stdout.trim().split('\n'), [
        ...['33', '44', '0000000000001000', '1'],
        'touch: /tmp/x: Read-only file system',
      ]);
    },
  },
  {
    name: 'limits are in the control files, and an update changes them',
    controllers: ['memory', 'cpu'],
    run: async cri => {
      const pod = await cri.pod('one');
      const limits = (quota: number, memory: number) =>
        [
          [1, 100_000],
          [2, quota],
          [4, memory],
        ] as const;
      const id = await cri.container(pod, 'shell', ['sleep', '1000'], {
        resources: limits(50_000, 64 << 20),
      });
      const look = async () => {
        const script = 'cd /sys/fs/cgroup; cat memory.max cpu.max';
        return (await cri.exec(id, 'sh', '-c', script)).stdout.trim().split(/\s+/);
      };
      assert.deepEqual(await look(), ['67108864', '50000', '100000']);
      await cri.client.call('UpdateContainerResources', [
        [1, id],
        [2, limits(25_000, 96 << 20)],
      ]);
      assert.deepEqual(await look(), ['100663296', '25000', '100000']);
    },
  },
  {
    name: 'ten pods start at once',
    run: async cri => {
      const names = Array.from({ length: 10 }, (_, index) => `pod${index}`);
      const outputs = await Promise.all(
        names.map(async name => {
          const pod = await cri.pod(name);
          const id = await cri.container(pod, 'shell', ['sleep', '1000']);
          return (await cri.exec(id, 'hostname')).stdout.trim();
        }),
      );
      assert.deepEqual(outputs, names);
    },
  },
];

export const cri: Engine<Cri> = {
  name: 'cri',
  start: Cri.start,
  flows,
};
