// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { disagrees, skipWhere } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';
import { layouts } from '../helpers/view.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2')).each(layouts)(
  'a container (%s cgroup layout)',
  layout => {
    const box = sandbox(layout);

    describe('when created', () => {
      test('waits, and its program has not run', () => {
        const bundle = box.bundle(made => made.shell('echo ran; sleep 1000'));
        const { output } = box.create(bundle);
        const { status, pid } = box.state(bundle.id);
        expect(status).toBe('created');
        expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('/bin/sh');
        expect(readFileSync(output, 'utf8')).toBe('');
      });

      test('has every setting but the program in effect', () => {
        const bundle = box.created();
        const { pid } = box.state(bundle.id);
        for (const kind of ['mnt', 'net', 'pid', 'ipc', 'uts', 'cgroup']) {
          expect(readlinkSync(`/proc/${pid}/ns/${kind}`)).not.toBe(
            readlinkSync(`/proc/${box.view.pid}/ns/${kind}`),
          );
        }
        expect(readFileSync(`/proc/${pid}/root/etc/passwd`, 'utf8')).toContain('lady');
        expect(statSync(`/proc/${pid}/root/dev/null`).isCharacterDevice()).toBe(true);
      });

      test('is not a child of the runtime', () => {
        const { pid } = box.state(box.created().id);
        const parent = /PPid:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        expect(readFileSync(`/proc/${parent}/cmdline`, 'utf8')).not.toContain(box.name);
      });

      test('can be started', async () => {
        const bundle = box.bundle(made => made.shell('echo ran'));
        const { output } = box.create(bundle);
        expect(box.must(['start', bundle.id])).toMatchObject({ stdout: '', stderr: '' });
        await until('it has run', () => readFileSync(output, 'utf8') === 'ran\n');
      });

      test('is started with the config of its create', async () => {
        const bundle = box.bundle(made => made.shell('echo first'));
        const { output } = box.create(bundle);
        bundle.shell('echo second');
        bundle.write();
        box.must(['start', bundle.id]);
        await until('it has run', () => readFileSync(output, 'utf8') === 'first\n');
      });

      test('can be killed', async () => {
        const bundle = box.created();
        box.must(['kill', bundle.id, 'KILL']);
        await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
      });

      test('can be deleted, as engines do', () => {
        const bundle = box.created();
        const { pid } = box.state(bundle.id);
        expect(box.must(['delete', bundle.id])).toMatchObject({ stdout: '', stderr: '' });
        expect(box.lives(pid)).toBe(false);
      });

      test('can be deleted by force', () => {
        const { id } = box.created();
        const { pid } = box.state(id);
        expect(box.must(['delete', '--force', id])).toMatchObject({ stdout: '', stderr: '' });
        expect(box.lives(pid)).toBe(false);
        expect(readdirSync(box.root)).not.toContain(id);
      });

      test('needs no process, but then cannot be started', context => {
        skipWhere(context, 'runc', 'requires a process at create');
        const bundle = box.bundle(made => {
          Reflect.deleteProperty(made.config, 'process');
        });
        const { stderr } = box.create(bundle);
        expect(stderr).toContain('the container can be created but not started');
        expect(box.state(bundle.id).status).toBe('created');
        const failure = box.failsWith(['start', bundle.id], 'has no process', 'config.process.required');
        expect(failure.record.pointer).toBe('/process');
        expect(box.state(bundle.id).status).toBe('created');
        // exec of a command line alone fails too: its defaults come from the process of the config.
        const refused = box.fails(['exec', bundle.id, '/bin/true']);
        expect(refused.record).toMatchObject({ code: 'config.process.required', pointer: '/process' });
        expect(refused.message).toContain('its config.json has no process');
        const document = join(box.mkdir('process'), 'process.json');
        writeFileSync(document, JSON.stringify({ args: ['/bin/echo', 'heard'], cwd: '/' }));
        expect(box.must(['exec', '--process', document, bundle.id]).stdout).toBe('heard\n');
        box.must(['delete', bundle.id]);
      });

      test('cannot be used with run without a process', () => {
        const bundle = box.bundle(made => {
          Reflect.deleteProperty(made.config, 'process');
        });
        box.failsWith(
          ['run', '--bundle', bundle.dir, bundle.id],
          'process property must not be empty',
          'config.process.required',
        );
      });

      test('ends without having run its program when it is killed', async () => {
        const bundle = box.bundle(made => made.shell('echo ran'));
        const { output } = box.create(bundle);
        box.must(['kill', bundle.id, 'KILL']);
        await until('it has stopped', () => box.state(bundle.id).status === 'stopped');
        box.failsWith(['start', bundle.id], 'cannot start a container that has stopped', 'state.not-created');
        expect(readFileSync(output, 'utf8')).toBe('');
      });
    });

    describe('when running', () => {
      test('has its program as the init when start returns', async () => {
        const { status, pid } = box.state(box.running().id);
        const program = () => readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        expect(status).toBe('running');
        if (disagrees('runc 1.1', 'returns from start before the program has been executed')) {
          await until('the program is executed', () => program().startsWith('/bin/sleep'));
        }
        expect(program()).toBe('/bin/sleep\x001000\0');
      });

      test('cannot be started again, and keeps running', () => {
        const bundle = box.running();
        box.failsWith(['start', bundle.id], 'cannot start an already running container', 'state.not-created');
        expect(box.state(bundle.id).status).toBe('running');
      });

      test('cannot be deleted, and keeps running', () => {
        const bundle = box.running();
        box.failsWith(
          ['delete', bundle.id],
          `cannot delete container ${bundle.id} that is not stopped: running`,
          'state.running',
        );
        expect(box.state(bundle.id).status).toBe('running');
      });

      test('can be deleted by force', () => {
        const bundle = box.running();
        const { pid } = box.state(bundle.id);
        expect(box.must(['delete', '--force', bundle.id])).toMatchObject({ stdout: '', stderr: '' });
        expect(box.lives(pid)).toBe(false);
      });

      test('accepts signal 0, which only tests whether it runs', () => {
        const { id } = box.running();
        const before = box.state(id);
        expect(box.must(['kill', id, '0'])).toMatchObject({ stdout: '', stderr: '' });
        expect(box.state(id)).toEqual(before);
      });
    });

    describe('when stopped', () => {
      test('has no pid', async () => {
        expect(box.state((await box.stopped()).id)).toMatchObject({ status: 'stopped', pid: 0 });
      });

      test('cannot be started', async () => {
        box.failsWith(
          ['start', (await box.stopped()).id],
          'cannot start a container that has stopped',
          'state.not-created',
        );
      });

      test.each(['TERM', 'KILL', '0'])('cannot be sent %s', async signal => {
        box.failsWith(
          ['kill', (await box.stopped()).id, signal],
          'container not running',
          'state.not-running',
        );
      });

      test('can be deleted', async () => {
        const { id } = await box.stopped();
        expect(box.must(['delete', id])).toMatchObject({ stdout: '', stderr: '' });
        expect(readdirSync(box.root)).not.toContain(id);
      });

      test('can be deleted by force', async () => {
        const { id } = await box.stopped();
        expect(box.must(['delete', '-f', id])).toMatchObject({ stdout: '', stderr: '' });
        expect(readdirSync(box.root)).not.toContain(id);
      });

      test('cannot be created again', async () => {
        const bundle = await box.stopped();
        box.failsWith(
          ['create', '--bundle', bundle.dir, bundle.id],
          'container with given ID already exists',
          'state.exists',
        );
      });

      test('frees its id', async () => {
        const bundle = await box.stopped();
        box.must(['delete', bundle.id]);
        box.create(bundle);
        expect(box.state(bundle.id).status).toBe('created');
      });
    });

    describe('when unknown', () => {
      test.each(['state', 'start', 'delete'])('is an error for %s', command => {
        box.failsWith([command, box.bundle().id], 'does not exist', 'state.not-found');
      });

      test('is an error for kill', () => {
        box.failsWith(['kill', box.bundle().id, 'TERM'], 'does not exist', 'state.not-found');
      });

      test('is ignored by delete --force', () => {
        expect(box.must(['delete', '--force', box.bundle().id])).toMatchObject({ stdout: '', stderr: '' });
      });

      test('is in no list', () => {
        expect(box.oci(['list', '-q']).stdout).toBe('');
      });
    });

    describe('state directory', () => {
      test('is not accessible to other users', () => {
        const bundle = box.created();
        expect(statSync(box.root).mode & 0o7777).toBe(0o700);
        expect(statSync(join(box.root, bundle.id)).mode & 0o7777).toBe(0o711);
        expect(statSync(join(box.root, bundle.id, 'state.json')).mode & 0o7777).toBe(0o600);
      });

      test('contains the FIFO of start only while the container is created', () => {
        const bundle = box.created();
        const fifo = join(box.root, bundle.id, 'exec.fifo');
        expect(statSync(fifo).isFIFO()).toBe(true);
        box.must(['start', bundle.id]);
        expect(existsSync(fifo)).toBe(false);
      });

      test('is separate for each root', () => {
        const bundle = box.created();
        const other = box.mkdir('root');
        const command = box.command().map(word => (word === box.root ? other : word));
        expect(box.view.exec([...command, 'state', bundle.id])).toMatchObject({
          status: 1,
          stderr: expect.stringContaining('does not exist'),
        });
        expect(box.view.exec([...command, 'list', '-q']).stdout).toBe('');
      });
    });
  },
);
