// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseReport } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox'))('the open files of a container', () => {
  const box = sandbox();

  /** Opens these as descriptors 3, 4, ... of the runtime. */
  const holding = <T>(paths: readonly string[], use: (stdio: ('ignore' | number)[]) => T): T => {
    const fds = paths.map(path => openSync(path, 'r'));
    try {
      return use(['ignore', 'ignore', 'ignore', ...fds]);
    } finally {
      for (const fd of fds) closeSync(fd);
    }
  };

  test('are standard input, output and error', () => {
    expect(box.inside().fdNumbers).toEqual([0, 1, 2]);
  });

  test('are those three in a detached container', async () => {
    const bundle = box.bundle();
    const { output } = box.create(bundle);
    box.must(['start', bundle.id]);
    const printed = () => readFileSync(output, 'utf8');
    await until('the report is complete', () => printed().endsWith('}\n'));
    expect(parseReport(printed()).fdNumbers).toEqual([0, 1, 2]);
  });

  test('exclude those that the caller left open', () => {
    holding([box.dir, '/etc/passwd', '/'], stdio => {
      const report = box.inside(undefined, { exec: { stdio } });
      expect(report.fdNumbers).toEqual([0, 1, 2]);
    });
  });

  test('of the waiting init include no directory of the host', () => {
    const bundle = box.bundle();
    holding([box.dir], stdio => box.must(['create', '--bundle', bundle.dir, bundle.id], { stdio }));
    const { pid } = box.state(bundle.id);
    const open = box.view
      .sh('ls -l /proc/$1/fd', String(pid))
      .split('\n')
      .filter(line => line.includes(' -> '))
      .map(line => line.replace(/.* -> /, ''));
    expect(open).not.toContain(box.dir);
    expect(open.filter(target => target.startsWith('/sys/') || target.startsWith('/run/'))).toEqual([]);
    expect(readlinkSync(`/proc/${pid}/cwd`)).not.toContain(box.name);
  });

  test('of the waiting init are its standard streams and the FIFO of start', () => {
    const bundle = box.created();
    const { pid } = box.state(bundle.id);
    const open = readdirSync(`/proc/${pid}/fd`).map(fd => readlinkSync(`/proc/${pid}/fd/${fd}`));
    // The init of runc holds these too; no other file name is allowed.
    const known = /^(\/dev\/(pts\/\d+|null)|anon_inode:\[.+\]|\/(proc)?|(socket|pipe):\[\d+\])$/;
    const others = open.filter(target => !known.test(target) && !target.startsWith(box.dir));
    expect(others).toEqual([]);
    expect(open.filter(target => target.endsWith('.fifo'))).toEqual([join(box.root, bundle.id, 'exec.fifo')]);
  });

  test('include socket activation descriptors that the runtime received', () => {
    const one = join(box.mkdir('kept'), 'one');
    writeFileSync(one, 'passed on');
    const look = (pid: string): string => {
      const bundle = box.bundle(made => made.shell('echo "$LISTEN_FDS.$LISTEN_PID"; cat <&3; true'));
      const command = box.command('run', '--bundle', bundle.dir, bundle.id);
      const script = `export LISTEN_FDS=1 LISTEN_PID=${pid}; exec "$@"`;
      return holding([one], ([input = 'ignore', , , fd = 'ignore']) => {
        const stdio = [input, 'pipe', 'pipe', fd] as const;
        return box.view.exec(['/bin/sh', '-c', script, 'sh', ...command], { stdio }).stdout;
      });
    };
    expect(look('$$')).toBe('1.1\npassed on');
    expect(look('1')).toBe('.\n');
  });

  test('include preserved descriptors, under the same numbers', () => {
    const one = join(box.mkdir('kept'), 'one');
    writeFileSync(one, 'first');
    holding([one, '/etc/group', '/etc/passwd'], stdio => {
      const report = box.inside(undefined, { flags: ['--preserve-fds', '2'], exec: { stdio } });
      expect(report.fdNumbers).toEqual([0, 1, 2, 3, 4]);
      expect(report.fds['3']).toContain('one');
    });
  });

  test('that are preserved can be read', () => {
    const one = join(box.mkdir('kept'), 'one');
    writeFileSync(one, 'first');
    holding([one], stdio => {
      const bundle = box.bundle(made => made.shell('cat <&3'));
      expect(box.run(bundle, { stdio }, '--preserve-fds', '1').stdout).toBe('first');
    });
  });

  test('must exist if they are to be preserved', () => {
    const bundle = box.bundle();
    holding(['/etc/passwd'], stdio => {
      const failure = box.fails(['run', '--preserve-fds', '9', '--bundle', bundle.dir, bundle.id], { stdio });
      expect(failure.status).toBe(1);
      expect(failure.message).toContain('unable to stat preserved-fd');
      if (isTsubo) expect(failure.record.code).toBe('usage.preserve-fds');
    });
  });

  test.each(['0<&-', '0<&- 1>&-', '2>&-'])(
    'include none of the runtime if the caller closed some: %s',
    closed => {
      const bundle = box.bundle(made => {
        made.config.root.readonly = false;
        made.shell('exec /bin/inside >/report');
      });
      const command = box.command('run', '--bundle', bundle.dir, bundle.id);
      const done = box.view.exec(['/bin/sh', '-c', `exec "$@" ${closed}`, 'sh', ...command]);
      expect(done.status).toBe(0);
      const report = parseReport(box.view.sh('cat "$1"', bundle.inRoot('report')));
      expect(report.fdNumbers).toEqual([0, 1, 2]);
      expect(Object.keys(report.fds)).toEqual(['0', '1', '2']);
      for (const target of Object.values(report.fds))
        expect(target).toMatch(/^(pipe:|socket:|\/dev\/null|\/report)/);
    },
  );
});
