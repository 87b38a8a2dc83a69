// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const withClass = (rdt: Record<string, unknown>) => (made: Bundle) => {
  made.config.process.args = ['/bin/sleep', '1000'];
  Object.assign(made.config.linux, { intelRdt: rdt });
};

describe.skipIf(requires('root', 'busybox', 'no-resctrl'))('a class of service', () => {
  const box = sandbox();

  test('is refused without a resctrl mount', context => {
    skipWhere(context, 'runc 1.1', 'makes the container without it');
    const failure = box.refuses(box.bundle(withClass({ closID: 'gold', schemata: ['L3:0=f'] })));
    expect(failure.message).toContain('intelRdt is specified in config, but Intel RDT is not enabled');
    if (isTsubo)
      expect(failure.record).toMatchObject({ code: 'host.unsupported', pointer: '/linux/intelRdt' });
  });

  test.each([{ closID: 'gold' }, { closID: '/' }, {}, { enableMonitoring: true }])(
    'with %j sets no share and is ignored with a warning without a resctrl mount',
    rdt => {
      const bundle = box.bundle(withClass(rdt));
      const created = box.must(['create', '--bundle', bundle.dir, bundle.id]);
      if (isTsubo) expect(created.stderr).toContain('linux.intelRdt is ignored: Intel RDT is not enabled');
      box.must(['start', bundle.id]);
      expect(box.state(bundle.id).status).toBe('running');
    },
  );

  test('cannot be updated without a resctrl mount', () => {
    const bundle = box.running();
    const failure = box.fails(['update', '--l3-cache-schema', 'L3:0=f', bundle.id]);
    if (isTsubo) {
      expect(failure.message).toContain('updating a non-existent Intel RDT configuration is not supported');
    }
  });
});

interface Done {
  readonly status: number | null;
  readonly log: string;
}

/**
 * A plain directory in place of resctrl: the runtime reads another mount table, its only source for the path. The
 * kernel creates no files in it, so the test creates the classes first.
 */
describe.skipIf(!isTsubo || requires('root', 'busybox', 'no-resctrl'))('in a directory like resctrl', () => {
  const box = sandbox();

  function resctrl(...classes: string[]): { dir: string; oci: (...args: string[]) => Done } {
    const dir = box.mkdir('resctrl');
    for (const name of ['.', ...classes]) {
      mkdirSync(join(dir, name, 'mon_groups'), { recursive: true });
      writeFileSync(join(dir, name, 'tasks'), '');
      writeFileSync(join(dir, name, 'schemata'), 'L3:0=ff\n');
    }
    mkdirSync(join(dir, 'info/L3'), { recursive: true });
    const table = box.fresh('mountinfo');
    const own = box.view.sh('cat /proc/self/mountinfo');
    writeFileSync(table, `${own}9999 1 0:99 / ${dir} rw - resctrl resctrl rw\n`);
    const script = 'mount --bind "$0" /proc/$$/mountinfo && exec "$@"';
    // No pipes: a container would keep them open.
    const oci = (...args: string[]): Done => {
      const log = box.fresh('log');
      const command = ['/bin/sh', '-c', script, table, ...box.command('--log', log, ...args)];
      const { status } = box.view.exec(command, { stdio: ['ignore', 'ignore', 'ignore'] });
      return { status, log: existsSync(log) ? readFileSync(log, 'utf8') : '' };
    };
    return { dir, oci };
  }

  test('the init and executed programs are in the class, and delete restores the directory', () => {
    const { dir, oci } = resctrl('gold');
    const before = readdirSync(join(dir, 'gold'));
    const bundle = box.bundle(withClass({ closID: 'gold', l3CacheSchema: 'L3:0=0ff' }));
    const created = oci('create', '--bundle', bundle.dir, bundle.id);
    expect(created).toEqual({ status: 0, log: '' });
    const tasks = () => readFileSync(join(dir, 'gold/tasks'), 'utf8');
    expect(tasks()).toBe(String(box.state(bundle.id).pid));
    writeFileSync(join(dir, 'gold/tasks'), '');
    const pidFile = box.fresh('pid');
    expect(oci('exec', '--detach', '--pid-file', pidFile, bundle.id, '/bin/sleep', '1000').status).toBe(0);
    expect(tasks()).toBe(readFileSync(pidFile, 'utf8'));
    expect(oci('update', '--l3-cache-schema', 'L3:0=f', bundle.id)).toEqual({ status: 0, log: '' });
    expect(readFileSync(join(dir, 'gold/schemata'), 'utf8')).toMatch(/^L3:0=f\n/);
    expect(oci('delete', '--force', bundle.id).status).toBe(0);
    expect(readdirSync(join(dir, 'gold'))).toEqual(before);
  });

  test('a new class that the kernel does not fill is removed again', () => {
    const { dir, oci } = resctrl();
    const bundle = box.bundle(withClass({}));
    const failed = oci('create', '--bundle', bundle.dir, bundle.id);
    expect(failed.status).toBe(1);
    expect(failed.log).toMatch(/unable to add process \d+ to .*tasks/);
    expect(existsSync(join(dir, bundle.id))).toBe(false);
    expect(existsSync(join(box.root, bundle.id))).toBe(false);
  });

  test('schemata that differ from those of the class are refused', () => {
    const { dir, oci } = resctrl('gold');
    const bundle = box.bundle(withClass({ closID: 'gold', l3CacheSchema: 'L3:0=f' }));
    const failed = oci('create', '--bundle', bundle.dir, bundle.id);
    expect(failed.log).toContain('exists with other schemata: requested L3:0=f, found L3:0=ff');
    expect(readFileSync(join(dir, 'gold/schemata'), 'utf8')).toBe('L3:0=ff\n');
  });
});
