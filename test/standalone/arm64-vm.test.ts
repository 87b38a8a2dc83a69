// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { Failure } from '../../native/build/stage.mjs';
import { defaultConfig } from '../helpers/config.ts';
import { requires } from '../helpers/requires.ts';
import { standaloneFor } from '../helpers/runtime.ts';
import { Machine } from './machine.ts';

const minute = 60_000;

const inside = `
echo "pid=$$ host=$(hostname) machine=$(uname -m) uid=$(id -u) cgroup=$(cat /proc/self/cgroup)"
echo "capabilities=$(grep CapEff /proc/self/status | cut -f2)"
touch /new 2>/dev/null || echo read-only
echo x 2>/dev/null >/proc/sysrq-trigger || echo no sysrq
exit 7
`;

const script = `
export PATH=/bin
for name in cat cut echo grep hostname id ls mkdir sleep touch uname; do busybox ln -s busybox /bin/$name; done
mkdir -p /bundle/rootfs/proc /bundle/rootfs/dev /bundle/rootfs/sys /bundle/rootfs/bin
for name in sh cat cut echo grep hostname id sleep touch uname; do busybox ln -s busybox /bundle/rootfs/bin/$name; done
busybox cp /bin/busybox /bundle/rootfs/bin/
step() { echo "BEGIN $1"; shift; "$@" 2>&1; echo "END $?"; }
step version /tsubo --version
step run /tsubo run --bundle /bundle web
busybox sed -i 's#/inside#/wait#' /bundle/config.json
# A created container keeps its streams open: with a file, the console ends with the script.
create() { /tsubo create --bundle /bundle --pid-file /pid web </dev/null >/created 2>&1; status=$?; cat /created; return $status; }
step create create
step created /tsubo state web
step memory grep -E '^(Private|Pss)' /proc/$(cat /pid)/smaps_rollup
step start /tsubo start web
step running /tsubo state web
step again /tsubo start web
step kill /tsubo kill web KILL
until /tsubo state web | grep -q '"stopped"'; do sleep 1; done
step delete /tsubo delete web
step gone /tsubo state web
step left ls /run/tsubo
step cgroup ls -d /sys/fs/cgroup/web
`;

describe.skipIf(requires('standalone:arm64', 'qemu-system-aarch64', 'busybox'))(
  'the arm64 executable in an arm64 machine',
  () => {
    test(
      'runs containers',
      async context => {
        let machine: Machine;
        try {
          machine = await Machine.prepare();
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          return context.skip(`no arm64 kernel is available: ${error.message.split('\n')[0]}`);
        }
        const config = defaultConfig();
        config.process.args = ['/bin/sh', '/inside'];
        config.hostname = 'arm';
        config.root.readonly = true;
        const files = {
          '/tsubo': { copyOf: standaloneFor('arm64') },
          '/bundle/config.json': JSON.stringify(config),
          '/bundle/rootfs/inside': inside,
          '/bundle/rootfs/wait': 'exec sleep 1000\n',
        };
        const printed = await machine.run(files, script, 5 * minute).finally(() => machine.close());
        if (printed === undefined) return context.skip('the emulated machine took more than 5 minutes');

        const steps = new Map(
          [...printed.matchAll(/^BEGIN (\w+)\n([\s\S]*?)END (\d+)$/gm)].map(([, name, text, status]) => [
            name,
            { text: text ?? '', status: Number(status) },
          ]),
        );
        const step = (name: string) => steps.get(name) ?? { text: printed, status: -1 };
        expect(step('version')).toMatchObject({ status: 0, text: expect.stringContaining('tsubo version') });
        expect(step('run')).toEqual({
          status: 7,
          text: [
            'pid=1 host=arm machine=aarch64 uid=0 cgroup=0::/',
            'capabilities=0000000020000420',
            'read-only',
            'no sysrq',
            '',
          ].join('\n'),
        });
        expect(step('create')).toEqual({ status: 0, text: '' });
        expect(JSON.parse(step('created').text)).toMatchObject({ id: 'web', status: 'created' });
        const pages = [...step('memory').text.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)];
        const privateKib = pages.reduce((sum, [, size]) => sum + Number(size), 0);
        expect(privateKib).toBeGreaterThan(0);
        expect(privateKib).toBeLessThan(300);
        expect(step('start')).toEqual({ status: 0, text: '' });
        expect(JSON.parse(step('running').text)).toMatchObject({ id: 'web', status: 'running' });
        expect(step('again')).toMatchObject({ status: 1, text: expect.stringContaining('cannot start') });
        expect(step('kill')).toEqual({ status: 0, text: '' });
        expect(step('delete')).toEqual({ status: 0, text: '' });
        expect(step('gone')).toMatchObject({ status: 1, text: expect.stringContaining('does not exist') });
        expect(step('left')).toEqual({ status: 0, text: '' });
        expect(step('cgroup').status).toBe(1);
      },
      10 * minute,
    );
  },
);
