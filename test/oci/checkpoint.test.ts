// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { hostBusybox, sandbox, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox', 'criu', 'iptables-restore') || !isTsubo)(
  'checkpoint and restore',
  () => {
    const box = sandbox();
    // The streams of a test are files of the host, which are not in an image.
    const quiet = 'exec </dev/null >/dev/null 2>&1;';
    const counting = `${quiet} i=0; while [ ! -e /data/end ]; do i=$((i+1)); echo $i >>/data/counts; sleep 0.02; done; exit 7`;
    const dataOf = (bundle: Bundle) => join(bundle.dir, 'data');
    const numbers = (bundle: Bundle): number[] => {
      const file = join(dataOf(bundle), 'counts');
      return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').map(Number) : [];
    };
    /** Waits for more numbers. */
    const counts = (bundle: Bundle, more = 3): Promise<void> => {
      const before = numbers(bundle).length;
      return until('it counts', () => numbers(bundle).length >= before + more);
    };

    /** A program that writes rising numbers into a directory of the host. */
    const counter = async (modify?: (bundle: Bundle) => void): Promise<Bundle> => {
      const bundle = box.running(made => {
        mkdirSync(dataOf(made));
        made.config.mounts.push({ destination: '/data', source: dataOf(made), options: ['bind'] });
        made.shell(counting);
        modify?.(made);
      });
      await counts(bundle);
      return bundle;
    };
    const imageOf = (bundle: Bundle) => join(bundle.dir, 'image');
    const checkpoint = (bundle: Bundle, ...args: string[]) =>
      box.must(['checkpoint', '--image-path', imageOf(bundle), ...args, bundle.id]);
    const restore = (bundle: Bundle, ...args: string[]) =>
      box.must(['restore', ...['--image-path', imageOf(bundle), '--bundle', bundle.dir], ...args, bundle.id]);

    test('continues a program where it was, with its pid, its mounts and its cgroup', async () => {
      const bundle = await counter();
      const seen = (pid: number) => ({
        status: readFileSync(`/proc/${pid}/status`, 'utf8').match(/^(Cap|Seccomp|NoNew|NSpid).*/gm),
        limits: readFileSync(`/proc/${pid}/limits`, 'utf8'),
        cgroup: readFileSync(`/proc/${pid}/cgroup`, 'utf8'),
      });
      const before = box.state(bundle.id);
      const facts = seen(before.pid);
      checkpoint(bundle);
      expect(box.fails(['state', bundle.id]).message).toContain('container does not exist');
      expect(box.lives(before.pid)).toBe(false);
      const stopped = numbers(bundle).length;

      const pidFile = box.fresh('pid');
      restore(bundle, '--detach', '--pid-file', pidFile);
      const { pid, status } = box.state(bundle.id);
      expect(status).toBe('running');
      expect(readFileSync(pidFile, 'utf8')).toBe(String(pid));
      const withoutPids = ({ status: lines, ...rest }: typeof facts) => ({
        ...rest,
        status: lines?.map(line => line.replace(/^NSpid:\t\d+/, 'NSpid:')),
      });
      expect(withoutPids(seen(pid))).toEqual(withoutPids(facts));
      await counts(bundle);
      expect(numbers(bundle).slice(0, stopped + 3)).toEqual(
        Array.from({ length: stopped + 3 }, (_, index) => index + 1),
      );
      expect(box.must(['exec', bundle.id, '/bin/sh', '-c', 'echo $$; cat /proc/1/comm']).stdout).toMatch(
        /^\d+\nsh\n$/,
      );
      box.must(['kill', bundle.id, 'KILL']);
      await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
      box.must(['delete', bundle.id]);
    });

    test('works as the commands of the README are written, with other paths', async () => {
      const bundle = await counter();
      const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
      const block = /```sh\n(tsubo checkpoint [\s\S]*?)```/.exec(readme)?.[1] ?? '';
      const places: Readonly<Record<string, string>> = {
        '/var/lib/jobs/image': imageOf(bundle),
        '/containers/job': bundle.dir,
        job: bundle.id,
      };
      const lines = block.trim().split('\n');
      expect(lines.map(line => line.split(' ', 2).join(' '))).toEqual(['tsubo checkpoint', 'tsubo restore']);
      for (const line of lines)
        box.must(
          line
            .split(' ')
            .slice(1)
            .map(word => places[word] ?? word),
        );
      await counts(bundle);
      expect(box.state(bundle.id).status).toBe('running');
    });

    test('waits for the end of a restored program, returns its exit status and deletes the container', async () => {
      const bundle = await counter();
      checkpoint(bundle);
      box.view.sh('touch "$1"/end', dataOf(bundle));
      const done = box.oci(['restore', '--image-path', imageOf(bundle), '--bundle', bundle.dir, bundle.id]);
      expect({ status: done.status, stderr: done.stderr }).toEqual({ status: 7, stderr: '' });
      expect(box.fails(['state', bundle.id]).message).toContain('container does not exist');
    });

    test('leaves the program running with --leave-running, and restores it under another name', async () => {
      const bundle = await counter();
      checkpoint(bundle, '--leave-running');
      expect(box.state(bundle.id).status).toBe('running');
      await counts(bundle);
      box.must(['delete', '--force', bundle.id]);
      const other = `${bundle.id}-other`;
      const before = numbers(bundle);
      box.must(['restore', '--detach', '--image-path', imageOf(bundle), '--bundle', bundle.dir, other]);
      // The image is older than the last numbers.
      await until('it counts again', () => numbers(bundle).length > before.length);
      expect(numbers(bundle)[before.length]).toBeLessThan(before.length);
      expect(box.state(other).status).toBe('running');
    });

    test('refuses a container that is only created, and one that has stopped', async () => {
      const created = box.created();
      const message = (status: string) => `container cannot be checkpointed in ${status} state`;
      box.failsWith(['checkpoint', created.id], message('created'), 'state.not-running');
      const stopped = await box.stopped();
      box.failsWith(['checkpoint', stopped.id], message('stopped'), 'state.not-running');
    });

    test('refuses a directory without an image, and leaves nothing of the container', () => {
      const bundle = box.bundle();
      const image = box.mkdir('empty');
      box.failsWith(
        ['restore', '--image-path', image, '--bundle', bundle.dir, bundle.id],
        `${image} contains no checkpoint`,
        'checkpoint.bad-image',
      );
      expect(existsSync(join(box.root, bundle.id))).toBe(false);
    });

    test('fails with the hint to install criu if there is no criu, and leaves the container running', async () => {
      const bundle = await counter();
      const done = box.oci(['checkpoint', bundle.id], { env: { PATH: '/nonexistent' } });
      expect(done.status).toBe(1);
      expect(done.stderr).toContain('the program criu is not in PATH');
      expect(done.stderr).toContain('hint="install criu');
      expect(box.state(bundle.id).status).toBe('running');
    });

    test('leaves the program running if criu fails, and names its log', async () => {
      // A file of the host is the standard output: criu cannot find it in the container.
      const bundle = await counter(made => made.shell(counting.replace('>/dev/null', '')));
      const image = imageOf(bundle);
      const failure = box.failsWith(
        ['checkpoint', '--image-path', image, bundle.id],
        `unable to checkpoint container ${bundle.id}: criu`,
        'checkpoint.failed',
      );
      expect(failure.record['path']).toBe(join(image, 'dump.log'));
      expect(readFileSync(join(image, 'dump.log'), 'utf8')).toContain('Error');
      expect(box.state(bundle.id).status).toBe('running');
      await counts(bundle);
    });

    test('restores a paused container as a running one', async () => {
      const bundle = await counter();
      box.must(['pause', bundle.id]);
      checkpoint(bundle);
      restore(bundle, '--detach');
      expect(box.state(bundle.id).status).toBe('running');
      await counts(bundle);
    });

    test('runs the hooks prestart and createRuntime with the pid of the restored init', async () => {
      const log = box.fresh('hooks');
      const hook = (name: string) => ({
        path: hostBusybox,
        args: ['sh', '-c', `echo ${name} $(${hostBusybox} grep -o '"pid":[0-9]*') >>${log}`],
      });
      const bundle = await counter(made => {
        made.config.hooks = {
          prestart: [hook('prestart')],
          createRuntime: [hook('createRuntime')],
          poststart: [hook('poststart')],
          poststop: [hook('poststop')],
        };
      });
      checkpoint(bundle);
      writeFileSync(log, '');
      restore(bundle, '--detach');
      const { pid } = box.state(bundle.id);
      expect(readFileSync(log, 'utf8')).toBe(`prestart "pid":${pid}\ncreateRuntime "pid":${pid}\n`);
      box.must(['delete', '--force', bundle.id]);
      expect(readFileSync(log, 'utf8')).toMatch(/\npoststop\n$/);
    });

    test('leaves nothing of a container that cannot be restored', async () => {
      const bundle = await counter();
      checkpoint(bundle);
      const before = box.traces();
      bundle.config.hooks = { createRuntime: [{ path: '/bin/false' }] };
      bundle.write();
      const args = ['restore', '--image-path', imageOf(bundle), '--bundle', bundle.dir, bundle.id];
      box.failsWith(args, 'error running createRuntime hook', 'hook.failed');
      expect(box.traces()).toEqual(before);
      bundle.config.hooks = {};
      bundle.write();
      rmSync(join(imageOf(bundle), 'core-1.img'));
      expect(box.failsWith(args, 'unable to restore', 'checkpoint.failed').record['path']).toBe(
        join(imageOf(bundle), 'restore.log'),
      );
      expect(box.traces()).toEqual(before);
    });

    test('restores into the network namespace of a path', async () => {
      const holder = box.running(made => made.shell('exec sleep 1000'));
      const network = `/proc/${box.state(holder.id).pid}/ns/net`;
      const bundle = await counter(made => made.namespace('network', network));
      checkpoint(bundle);
      restore(bundle, '--detach');
      expect(readlinkSync(`/proc/${box.state(bundle.id).pid}/ns/net`)).toBe(readlinkSync(network));
    });

    test('makes the mount points of a root that has lost them', async () => {
      const bundle = await counter();
      checkpoint(bundle);
      rmdirSync(bundle.inRoot('/data'));
      restore(bundle, '--detach');
      await counts(bundle);
    });

    test('applies the device rules of config.json', async () => {
      const device = { path: '/dev/probe', type: 'c', major: 10, minor: 237, fileMode: 0o666 };
      const bundle = await counter(made => {
        made.config.linux.devices = [device];
      });
      checkpoint(bundle);
      restore(bundle, '--detach');
      expect(box.oci(['exec', bundle.id, '/bin/cat', device.path]).stderr).toContain(
        'Operation not permitted',
      );
    });

    test('writes only what has changed since a --pre-dump', async context => {
      const bundle = await counter();
      const parent = box.fresh('parent');
      const done = box.oci(['checkpoint', '--pre-dump', '--image-path', parent, bundle.id]);
      context.skip(
        done.stderr.includes('Tracking memory is not available'),
        'the kernel has no memory tracking (soft-dirty)',
      );
      expect(done.stderr).toBe('');
      expect(box.state(bundle.id).status).toBe('running');
      await counts(bundle);
      checkpoint(bundle, '--parent-path', relative(imageOf(bundle), parent));
      expect(existsSync(join(imageOf(bundle), 'parent'))).toBe(true);
      restore(bundle, '--detach');
      await counts(bundle);
    });

    test('refuses an absolute parent, and one that does not exist', async () => {
      const bundle = await counter();
      const args = (parent: string) => [
        'checkpoint',
        '--image-path',
        imageOf(bundle),
        '--parent-path',
        parent,
        bundle.id,
      ];
      box.failsWith(args('/parent'), '--parent-path must be relative', 'usage.bad-value');
      box.failsWith(args('../parent'), 'invalid --parent-path', 'usage.bad-value');
    });

    test('keeps a connection over the loopback device with --tcp-established, and refuses it without', async () => {
      const bundle = box.running(made =>
        made.shell(
          `${quiet} busybox mkfifo /server /client; exec 3<>/server 4<>/client; ` +
            'busybox nc -l -p 7000 </server & until busybox netstat -tln | grep -q :7000; do sleep 0.05; done; ' +
            'busybox nc 127.0.0.1 7000 </client & ' +
            'until busybox netstat -tn | grep -q ESTABLISHED; do sleep 0.05; done; touch /connected; wait',
        ),
      );
      await until('it is connected', () => existsSync(bundle.inRoot('/connected')));
      const args = ['--image-path', imageOf(bundle), bundle.id];
      box.failsWith(['checkpoint', ...args], 'consider using --tcp-established', 'checkpoint.failed');
      checkpoint(bundle, '--tcp-established');
      restore(bundle, '--detach', '--tcp-established');
      const seen = box.must(['exec', bundle.id, '/bin/busybox', 'netstat', '-tn']).stdout;
      expect(seen.match(/ESTABLISHED/g)).toHaveLength(2);
    });

    test('leaves a program running, and nothing of a restored one, if criu exits without a response', async () => {
      const directory = box.mkdir('programs');
      writeFileSync(join(directory, 'criu'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
      const env = { PATH: directory };
      const bundle = await counter();
      const text = 'criu exited without a response';
      const dump = box.oci(['checkpoint', '--image-path', imageOf(bundle), bundle.id], { env });
      expect({ status: dump.status, named: dump.stderr.includes(text) }).toEqual({ status: 1, named: true });
      await counts(bundle);
      checkpoint(bundle);
      const before = box.traces();
      const args = [
        'restore',
        '--detach',
        '--image-path',
        imageOf(bundle),
        '--bundle',
        bundle.dir,
        bundle.id,
      ];
      const failed = box.oci(args, { env });
      expect({ status: failed.status, named: failed.stderr.includes(text) }).toEqual({
        status: 1,
        named: true,
      });
      expect(box.traces()).toEqual(before);
    });
  },
);
