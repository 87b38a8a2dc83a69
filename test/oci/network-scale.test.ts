// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { machine, networkMachine } from '../helpers/network.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { until } from '../helpers/sandbox.ts';

/** `npm run test:load` has the large forms of these tests. */
const large = process.env['TSUBO_LOAD'] === '1';
const skipped = !isTsubo || requires('root', 'busybox', 'ip', 'curl', 'nft', 'ps');
/** Largest number of ports of a bridge (BR_MAX_PORTS of the kernel, without the first number). */
const bridgePorts = 1023;
const firstPort = 20_000;

describe.skipIf(skipped)('many containers on one bridge', () => {
  const lan = networkMachine();

  /** Runs a command line for each number from 0 to `count` - 1 in `workers` processes; `$i` is the number. */
  const inParallel = (count: number, workers: number, command: string): number => {
    const script = `
      w=0
      while [ $w -lt ${workers} ]; do
        (
          i=$w
          while [ $i -lt ${count} ]; do
            ${command} </dev/null >/dev/null 2>>"$0.$w" || echo "$i failed" >>"$0.$w"
            i=$((i + ${workers}))
          done
        ) &
        w=$((w + 1))
      done
      wait
      ! grep -h -B 2 'failed$' "$0".*`;
    const began = Date.now();
    const words = lan.within(lan.pid, 'sh', '-c', script, lan.box.fresh('worker'));
    const done = lan.box.view.exec(words, { env: lan.env, timeoutMs: 1_200_000 });
    expect(done).toMatchObject({ status: 0, stdout: '' });
    return Date.now() - began;
  };
  const tsubo = (...words: string[]) => lan.box.command(...words).join(' ');
  const report = (text: string) => {
    if (large) process.stdout.write(`${text}\n`);
  };

  const count = large ? 200 : 24;
  const workers = large ? 8 : 4;
  test(`${count}, made by ${workers} processes at once, answer on their ports and leave nothing`, async () => {
    // The hosts file of a container has its name and address.
    const { dir, id } = lan.bundle(bundle => {
      bundle.config.process.args = ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/etc'];
    });
    const before = lan.ip('-o link').split('\n').length;
    const made = inParallel(
      count,
      workers,
      `${tsubo('run', '--detach', '--bundle', dir)} -p $((${firstPort} + i)):80 ${id}-$i`,
    );
    const records = Array.from(
      { length: count },
      (_, number) => lan.recordOf(`${id}-${number}`)['network'],
    ) as {
      readonly keeper: { readonly pid: number };
      readonly attachments: readonly [{ readonly addresses: readonly [string] }];
    }[];
    expect(new Set(records.map(({ attachments }) => attachments[0].addresses[0])).size).toBe(count);
    const last = firstPort + count - 1;
    const asked = Date.now();
    const answers = lan
      .in(
        lan.neighbour,
        ...['curl', '-sS', '--retry', '20', '--retry-connrefused', '--retry-delay', '1', '-m', '60'],
        ...['-w', '%{url_effective}\n\n', `http://${machine.ipv4}:[${firstPort}-${last}]/hosts`],
      )
      .split('\n\n');
    for (const [number, { attachments }] of records.entries()) {
      const [address] = attachments[0].addresses;
      expect(answers[number]).toContain(`${address}\tjar ${id}-${number}\n`);
      expect(answers[number]).toContain(`:${firstPort + number}/hosts`);
    }
    const answered = Date.now() - asked;
    const deleted = inParallel(count, workers, `${tsubo('delete', '--force')} ${id}-$i`);
    expect(lan.taken()).toEqual([]);
    await until('the keepers have ended', () =>
      records.every(({ keeper }) => !existsSync(`/proc/${keeper.pid}`)),
    );
    expect(lan.rules()).not.toContain(String(firstPort));
    // The bridge stays.
    await until('the interfaces have gone', () => lan.ip('-o link').split('\n').length === before + 1);
    report(
      `${count} containers by ${workers}: made in ${made} ms, answered in ${answered} ms, deleted in ${deleted} ms`,
    );
  });

  test('the last port of the bridge is used, and the next container is refused with the limit', async () => {
    // The usual subnet has fewer addresses than a bridge has ports.
    lan.must('network', 'create', '--subnet', '10.20.0.0/20', 'default');
    const { dir, id } = lan.bundle();
    if (large) {
      const made = inParallel(
        bridgePorts - 1,
        8,
        `${tsubo('create', '--network', 'default', '--bundle', dir)} ${id}-$i`,
      );
      report(`${bridgePorts - 1} containers on a bridge by 8: made in ${made} ms`);
    } else {
      // Both ends of a pair are ports of the bridge.
      const pairs = Array.from(
        { length: (bridgePorts - 1) / 2 },
        (_, number) =>
          `link add a${number} master tsubo0 type veth peer name b${number}\nlink set b${number} master tsubo0\n`,
      );
      lan.in(lan.pid, 'sh', '-c', `printf '%s' "$1" | ip -batch -`, 'sh', pairs.join(''));
    }
    const began = Date.now();
    const last = lan.running(['--network', 'default']);
    report(`the last one in ${Date.now() - began} ms`);
    const { record } = lan.refuses(['--network', 'default']);
    expect(record).toMatchObject({
      code: 'network.full',
      errnoName: 'EXFULL',
      document: '--network',
      value: 'tsubo0',
      hint: 'delete containers, or make another network: tsubo network create',
    });
    expect(record.msg).toContain('the bridge tsubo0 has 1023 containers, and the kernel allows no more');
    lan.must('delete', '--force', last.id);
    await until('the port of the bridge is free', () => {
      const done = lan.oci('create', '--bundle', dir, '--network', 'default', id);
      return done.status === 0;
    });
    if (large) {
      const deleted = inParallel(bridgePorts - 1, 8, `${tsubo('delete', '--force')} ${id}-$i`);
      report(`deleted in ${deleted} ms`);
      expect(lan.taken()).toHaveLength(2);
    }
  }, 3_600_000);
});
