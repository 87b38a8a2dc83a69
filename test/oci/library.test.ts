// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { programOutput } from '../helpers/library.ts';
import { requires } from '../helpers/requires.ts';
import { commands, host } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const index = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('a program that uses the library', () => {
  // Always with tsubo: the library does not manage containers of another runtime.
  const box = sandbox('unified', { name: 'tsubo', version: '', command: commands[host] });

  /** A bundle with a shell script as its program. */
  const script = (text: string, modify: (bundle: Bundle) => void = () => {}): Bundle =>
    box.bundle(made => {
      made.config.process.args = ['/bin/sh', '-c', text];
      modify(made);
    });

  /** Gives the bundle a createRuntime hook that ends when the bundle has a file `go`. */
  const waitInHook = (made: Bundle): void => {
    const args = ['sh', '-c', `until [ -e ${made.dir}/go ]; do sleep 0.01; done`];
    made.config.hooks = { createRuntime: [{ path: '/bin/sh', args }] };
  };

  /** Output of the lines, in which `bundle` and `id` are those of the bundle. */
  const inProgram = ({ dir, id }: Bundle, lines: string, nodeOptions: readonly string[] = []): unknown =>
    programOutput(
      box,
      `const bundle = ${JSON.stringify(dir)}, id = ${JSON.stringify(id)};\n${lines}`,
      nodeOptions,
    );

  describe('runs a container', () => {
    test('and gets its output and exit status, and nothing is left', () => {
      const bundle = script('echo out; echo error >&2; exit 3');
      const result = inProgram(bundle, 'print(await library.run({ ...options, bundle, id }))');
      expect(result).toEqual({
        pid: expect.any(Number),
        status: 3,
        stdout: 'out\n',
        stderr: 'error\n',
        timedOut: false,
      });
      expect(existsSync(`${box.root}/${bundle.id}`)).toBe(false);
    });

    test('and an infinite timeout sets no limit', () => {
      const lines = `const { status, timedOut } = await library.run({ ...options, bundle, timeout: Infinity });\nprint([status, timedOut])`;
      expect(inProgram(script('sleep 0.1; exit 3'), lines)).toEqual([3, false]);
    });

    test('and gives it input', () => {
      const lines = `print((await library.run({ ...options, bundle, input: 'one ✓' })).stdout)`;
      expect(inProgram(script('cat; echo two'), lines)).toBe('one ✓two\n');
    });

    test('whose standard input is empty without input', () => {
      const lines = `print((await library.run({ ...options, bundle })).stdout)`;
      expect(inProgram(script('cat; echo end'), lines)).toBe('end\n');
    });

    test('with a config instead of a bundle, which leaves no directory behind', () => {
      const { rootfs } = script('');
      const before = readdirSync(tmpdir()).filter(name => name.startsWith('tsubo-bundle-'));
      const lines = `
        const config = library.defineConfig({ args: ['sh', '-c', 'echo $A; cat /proc/self/status'], rootfs: ${JSON.stringify(rootfs)}, env: { A: 'b' } });
        print((await library.run({ ...options, config })).stdout);`;
      const printed = String(inProgram(script(''), lines));
      expect(printed).toMatch(/^b\n/);
      expect(printed).toMatch(/CapEff:\t0{16}\n/);
      expect(printed).toContain('NoNewPrivs:\t1\n');
      expect(printed).toContain('Seccomp:\t2\n');
      const after = readdirSync(tmpdir()).filter(name => name.startsWith('tsubo-bundle-'));
      expect(after).toEqual(before);
    });

    test('and kills it after a timeout', () => {
      const lines = `print(await library.run({ ...options, bundle, id, timeout: 100 }))`;
      const bundle = script('sleep 1000');
      expect(inProgram(bundle, lines)).toMatchObject({ status: 137, signal: 'SIGKILL', timedOut: true });
      expect(existsSync(`${box.root}/${bundle.id}`)).toBe(false);
    });

    test('and deletes it when the call is aborted, with the reason of the signal', () => {
      const bundle = script('echo ready; sleep 1000');
      const lines = `
        const abort = new AbortController();
        const { PassThrough } = await import('node:stream');
        const out = new PassThrough();
        out.once('data', () => abort.abort(new Error('enough')));
        await library.run({ ...options, bundle, id, signal: abort.signal, stdio: ['ignore', out, 'ignore'] })
          .catch(error => print(error.message));`;
      expect(inProgram(bundle, lines)).toBe('enough');
      expect(existsSync(`${box.root}/${bundle.id}`)).toBe(false);
    });

    test('not at all after an abort', () => {
      const bundle = script('exit 0');
      const lines = `await library.run({ ...options, bundle, id, signal: AbortSignal.abort() }).catch(error => print(error.name))`;
      expect(inProgram(bundle, lines)).toBe('AbortError');
    });

    test('and kills it for more output than it collects', () => {
      const bundle = script('while :; do echo 0123456789; done');
      const lines = `await library.run({ ...options, bundle, id, maxBuffer: 1000 }).catch(error => print([error.code, error.value]))`;
      expect(inProgram(bundle, lines)).toEqual(['usage.output-limit', '1000']);
    });

    test.each([
      ['{ ...options }', 'usage.option', 'the option bundle is missing'],
      ['{ ...options, bundle: 5 }', 'usage.option', 'the option bundle must be a string, not number'],
      ['{ root: 5, bundle }', 'usage.option', 'the option root must be a string, not number'],
      ['{ ...options, bundle, stdio: "pip" }', 'usage.stdio', 'invalid stdio of stdin'],
      ['{ ...options, bundle, stdio: ["pipe", "pipe"] }', 'usage.stdio', 'invalid stdio'],
      ['{ ...options, bundle, stdio: 999 }', 'usage.stdio', 'invalid stdio of stdin'],
      ['{ ...options, bundle, network: "a/b" }', 'usage.network', expect.any(String)],
      ['{ ...options, bundle: "/nothing" }', 'bundle.not-found', expect.any(String)],
      ['undefined', 'usage.option', 'the call has no options'],
      [
        '{ ...options, bundle, timeout: "1s" }',
        'usage.option',
        expect.stringContaining('timeout must be a number'),
      ],
      [
        '{ ...options, bundle, timeout: -1 }',
        'usage.option',
        expect.stringContaining('timeout must be a number'),
      ],
      [
        '{ ...options, bundle, maxBuffer: NaN }',
        'usage.option',
        expect.stringContaining('maxBuffer must be'),
      ],
      ['{ ...options, bundle, signal: {} }', 'usage.option', 'the option signal must be an AbortSignal'],
    ])('not with %s', (given, code, message) => {
      const lines = `await library.run(${given}).catch(error => print([error.code, error.message]))`;
      expect(inProgram(script('exit 0'), lines)).toEqual([code, message]);
    });

    test.each(['SIGKILL', 'SIGINT'])('and deletes it after %s to the program', signal => {
      const bundle = script('');
      // The init of the second container waits for its start, and must not hold what shows the end of the program.
      const killed = `
        import * as library from ${JSON.stringify(index)};
        const [root, rootfs, bundle] = ${JSON.stringify([box.root, bundle.rootfs, bundle.dir])};
        const config = library.defineConfig({ args: ['sleep', '1000'], rootfs });
        void library.run({ root, config });
        await library.createContainer({ root, id: 'left-created', bundle, cleanup: true });
        let states = [];
        while (!states.some(state => state.id.startsWith('run-'))) states = await library.listContainers({ root });
        const { id, bundle: directory } = states.find(state => state.id.startsWith('run-'));
        console.log(directory + ' ' + id);`;
      const lines = `
        const { spawn } = await import('node:child_process');
        const { once } = await import('node:events');
        const { existsSync } = await import('node:fs');
        const { setTimeout: sleep } = await import('node:timers/promises');
        const stdio = ['ignore', 'pipe', 'inherit'];
        const child = spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(killed)}], { stdio });
        const [directory, name] = String(await once(child.stdout, 'data')).trim().split(' ');
        const all = [directory, options.root + '/' + name, options.root + '/left-created'];
        const before = all.filter(existsSync).length;
        child.kill('${signal}');
        const [, endedBy] = await once(child, 'exit');
        const limit = Date.now() + 30_000;
        while (all.some(existsSync) && Date.now() < limit) await sleep(10);
        print([before, endedBy, all.filter(existsSync)]);`;
      expect(inProgram(bundle, lines)).toEqual([3, signal, []]);
    });

    test('and leaves one alone that another program has created under the same id', () => {
      const bundle = script('sleep 1000');
      const first = `
        import * as library from ${JSON.stringify(index)};
        const common = { root: ${JSON.stringify(box.root)}, bundle: ${JSON.stringify(bundle.dir)}, cleanup: true };
        // The cleaner deletes them in this order.
        await library.createContainer({ ...common, id: 'again' });
        await library.createContainer({ ...common, id: 'last' });
        console.log('created');
        setInterval(() => {}, 1000);`;
      const lines = `
        const { spawn } = await import('node:child_process');
        const { once } = await import('node:events');
        const { existsSync } = await import('node:fs');
        const { setTimeout: sleep } = await import('node:timers/promises');
        const stdio = ['ignore', 'pipe', 'inherit'];
        const child = spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(first)}], { stdio });
        await once(child.stdout, 'data');
        const old = await library.createContainer({ ...options, bundle, id });
        for (const name of ['again', id]) {
          await (await library.getContainer(name, options)).delete();
          await library.createContainer({ ...options, bundle, id: name });
        }
        await old[Symbol.asyncDispose]();
        const { code } = await old.delete().catch(error => error);
        child.kill('SIGKILL');
        const limit = Date.now() + 60_000;
        while (existsSync(options.root + '/last') && Date.now() < limit) await sleep(10);
        const left = (await library.listContainers(options)).map(({ id, status }) => id + ' ' + status);
        for (const name of ['again', id]) await (await library.getContainer(name, options)).delete();
        print([code, left.sort()]);`;
      const left = ['again created', `${bundle.id} created`].sort();
      expect(inProgram(bundle, lines)).toEqual(['state.not-found', left]);
    });

    test('a hundred at once, each with its own output', () => {
      const lines = `
        const bundles = Array.from({ length: 100 }, (_, i) => library.run({ ...options, bundle, input: String(i) }));
        const outputs = (await Promise.all(bundles)).map(({ stdout }) => stdout);
        print([outputs.every((output, i) => output === String(i)), outputs.length]);`;
      expect(inProgram(script('cat'), lines)).toEqual([true, 100]);
      expect(readdirSync(box.root)).toEqual([]);
    });
  });

  describe('creates a container', () => {
    test('and reads and writes its streams while it runs', () => {
      const bundle = script('while read -r line; do echo "got $line"; done; echo end >&2; exit 4');
      const lines = `
        const container = await library.createContainer({ ...options, bundle, id, stdio: 'pipe' });
        await container.start();
        let stderr = '';
        container.stderr.on('data', data => { stderr += data; });
        const received = [];
        container.stdin.write('a\\n');
        for await (const data of container.stdout) {
          received.push(String(data));
          if (received.length === 1) container.stdin.end('b\\n');
        }
        const end = await container.wait();
        await container.delete();
        print({ received: received.join(''), stderr, end });`;
      expect(inProgram(bundle, lines)).toEqual({
        received: 'got a\ngot b\n',
        stderr: 'end\n',
        end: { status: 4 },
      });
    });

    test('with a terminal of a size that it changes', () => {
      const bundle = script('while :; do read -r line; stty size; done', made => {
        made.config.process.terminal = true;
        made.config.process.args = [
          '/bin/busybox',
          'sh',
          '-c',
          'while read -r line; do busybox stty size; done',
        ];
      });
      const lines = `
        const container = await library.createContainer({ ...options, bundle, id });
        container.resize(91, 33);
        await container.start();
        let text = '';
        const shows = size => new Promise(resolve => {
          const look = () => text.includes(size) && resolve();
          container.stdout.on('data', look);
          look();
        });
        container.stdout.on('data', data => { text += data; });
        container.stdin.write('\\n');
        await shows('33 91');
        container.resize(40, 10);
        container.stdin.write('\\n');
        await shows('10 40');
        print([container.stderr, await container.kill('KILL', { forceAfter: 0 }), await container.wait()]);
        await container.delete();`;
      expect(inProgram(bundle, lines)).toEqual([null, null, { status: 137, signal: 'SIGKILL' }]);
    });

    test('and exchanges its standard output and error', () => {
      const bundle = script('echo out; echo error >&2');
      const lines = `
        const { openSync, readFileSync } = await import('node:fs');
        const [one, other] = ['one', 'other'].map(name => bundle + '/' + name);
        const result = await library.run({ ...options, bundle, stdio: ['ignore', openSync(one, 'w'), openSync(other, 'w')] });
        print([readFileSync(one, 'utf8'), readFileSync(other, 'utf8'), result.stdout]);`;
      expect(inProgram(bundle, lines)).toEqual(['out\n', 'error\n', '']);
    });

    test('whose output goes to the standard error of the program when the descriptors are exchanged', () => {
      const bundle = script('echo out; echo error >&2');
      const lines = `
        const { spawnSync } = await import('node:child_process');
        const inner = \`import('${new URL('../../dist/index.js', import.meta.url)}').then(library =>
          library.run({ root: '\${options.root}', bundle: '\${bundle}', stdio: ['ignore', 2, 1] }))\`;
        const { stdout, stderr } = spawnSync(process.execPath, ['--eval', inner], { encoding: 'utf8' });
        print([stdout, stderr]);`;
      expect(inProgram(bundle, lines)).toEqual(['error\n', 'out\n']);
    });

    test('and the loop continues while a hook runs', () => {
      const bundle = script('exit 0', waitInHook);
      const lines = `
        const { writeFileSync } = await import('node:fs');
        setTimeout(() => writeFileSync(bundle + '/go', ''), 50);
        const container = await library.createContainer({ ...options, bundle, id, stdio: 'ignore' });
        print((await container.state()).status);
        await container.delete();`;
      expect(inProgram(bundle, lines)).toBe('created');
    });

    test('and a hook of one container does not delay another container', () => {
      const slow = script('exit 0', waitInHook);
      const lines = `
        const { writeFileSync } = await import('node:fs');
        const waits = library.createContainer({ ...options, bundle: '${slow.dir}', id: '${slow.id}', stdio: 'ignore' });
        const { status } = await library.run({ ...options, bundle });
        writeFileSync('${slow.dir}/go', '');
        await (await waits).delete();
        print(status);`;
      expect(inProgram(script('exit 6'), lines)).toBe(6);
    });

    test('that another process deletes, and it leaves no zombie', () => {
      const bundle = script('sleep 1000');
      const command = JSON.stringify([...box.command('delete', '--force', bundle.id)]);
      const lines = `
        const { execFileSync } = await import('node:child_process');
        const { existsSync } = await import('node:fs');
        const container = await library.createContainer({ ...options, bundle, id, stdio: 'ignore' });
        await container.start();
        const [program, ...args] = ${command};
        execFileSync(program, args);
        const end = await container.wait();
        // A zombie would keep its directory in /proc.
        print([end, existsSync('/proc/' + container.pid)]);`;
      expect(inProgram(bundle, lines)).toEqual([{ status: 137, signal: 'SIGKILL' }, false]);
    });

    test('and deletes it when its block is left by an error', () => {
      const bundle = script('sleep 1000');
      // `await using`, which this Node may not know, calls the same function.
      const lines = `
        const container = await library.createContainer({ ...options, bundle, id, stdio: 'ignore' });
        await container.start();
        await container[Symbol.asyncDispose]();
        await container[Symbol.asyncDispose]();
        print(await library.listContainers(options));`;
      expect(inProgram(bundle, lines)).toEqual([]);
    });

    test('and waits for a container that another process has created', () => {
      const bundle = script('sleep 1000');
      box.must(['run', '--detach', '--bundle', bundle.dir, bundle.id]);
      const lines = `
        const container = await library.getContainer(id, options);
        const ended = container.wait();
        await container.kill('KILL');
        print([(await ended) ?? 'unknown', (await container.wait()) ?? 'unknown']);`;
      expect(inProgram(bundle, lines)).toEqual(['unknown', 'unknown']);
    });

    test('and ends a program that ignores SIGTERM', () => {
      const bundle = script("trap '' TERM; echo ready; while :; do sleep 1; done");
      const lines = `
        const container = await library.createContainer({ ...options, bundle, id, stdio: 'pipe' });
        await container.start();
        await new Promise(resolve => container.stdout.once('data', resolve));
        await container.kill('TERM', { forceAfter: 50 });
        print(await container.wait());
        await container.delete();`;
      expect(inProgram(bundle, lines)).toEqual({ status: 137, signal: 'SIGKILL' });
    });

    test('in a worker thread', () => {
      const lines = `
        const { Worker } = await import('node:worker_threads');
        const text = \`const { parentPort } = require('node:worker_threads');
          import('${new URL('../../dist/index.js', import.meta.url)}').then(async library =>
            parentPort.postMessage(await library.run({ root: '\${options.root}', bundle: '\${bundle}' })))\`;
        const worker = new Worker(text, { eval: true });
        worker.once('message', ({ stdout }) => { print(stdout); worker.terminate(); });`;
      expect(inProgram(script('echo inside'), lines)).toBe('inside\n');
    });
  });

  describe('starts a program in a container', () => {
    test('and uses its streams', () => {
      const lines = `
        const container = await library.getContainer(id, options);
        const running = await container.spawn({ args: ['/bin/cat'] });
        running.stdin.end('through a pipe');
        let text = '';
        for await (const data of running.stdout) text += data;
        print([text, await running.wait(), running.kill()]);`;
      expect(inProgram(box.running(), lines)).toEqual(['through a pipe', { status: 0 }, false]);
    });

    test('and collects its output', () => {
      const lines = `
        const container = await library.getContainer(id, options);
        const { status, stdout, stderr } = await container.exec({ args: ['/bin/sh', '-c', 'cat; echo e >&2; exit 2'], stdio: 'pipe', input: 'i' });
        print([status, stdout, stderr]);`;
      expect(inProgram(box.running(), lines)).toEqual([2, 'i', 'e\n']);
    });

    test('on a terminal of a size', () => {
      const lines = `
        const container = await library.getContainer(id, options);
        const size = { columns: 91, rows: 33 };
        const { stdout } = await container.exec({ args: ['/bin/busybox', 'stty', 'size'], tty: true, size });
        print(stdout);`;
      expect(inProgram(box.running(), lines)).toBe('33 91\r\n');
    });

    test('and kills it after a timeout although its child keeps the output open', () => {
      const lines = `
        const container = await library.getContainer(id, options);
        const { status, timedOut } = await container.exec({ args: ['/bin/sh', '-c', 'sleep 1000 & sleep 1000; true'], stdio: 'pipe', timeout: 50 });
        print([status, timedOut]);`;
      expect(inProgram(box.running(), lines)).toEqual([137, true]);
    });
  });

  test('receives the events of a container until it leaves the loop', () => {
    const lines = `
      const container = await library.getContainer(id, options);
      const types = [];
      for await (const { type, id: of, data } of container.events({ interval: 20 })) {
        types.push([type, of === id, data.pids !== undefined]);
        if (types.length === 2) break;
      }
      print(types);`;
    expect(inProgram(box.running(), lines)).toEqual([
      ['stats', true, true],
      ['stats', true, true],
    ]);
  });

  test('adds, lists and removes mounts of a running container', () => {
    const lines = `
      const container = await library.getContainer(id, options);
      await container.mounts.add({ source: 'tmpfs', target: '/added', type: 'tmpfs', options: ['size=64k'] });
      const { code } = await container.mounts.add({ source: '/', target: '/added' }).catch(error => error);
      const listed = await container.mounts.list();
      await container.mounts.remove('/added');
      const usage = [];
      for await (const { cpu } of container.watchStats({ interval: 20 })) {
        usage.push(typeof cpu.usage.total);
        if (usage.length === 2) break;
      }
      print([code, listed, await container.mounts.list(), usage]);`;
    expect(inProgram(box.running(), lines)).toEqual([
      'state.mount-exists',
      [{ target: '/added', source: 'tmpfs', type: 'tmpfs', options: ['size=64k'] }],
      [],
      ['number', 'number'],
    ]);
  });

  test.skipIf(requires('criu', 'iptables-restore'))('checkpoints and restores a container', () => {
    const bundle = script('exec </dev/null >/dev/null 2>&1; sleep 1000');
    const lines = `
      const { mkdtempSync, rmSync } = await import('node:fs');
      const imagePath = mkdtempSync('/tmp/tsubo-image-');
      const container = await library.createContainer({ ...options, bundle, id });
      await container.start();
      await container.checkpoint({ imagePath });
      const { code } = await container.state().catch(error => error);
      const restored = await library.restoreContainer({ ...options, bundle, id, imagePath });
      const { status } = await restored.state();
      await restored.kill('KILL');
      const end = await restored.wait();
      await restored.delete();
      rmSync(imagePath, { recursive: true });
      print([code, status, end]);`;
    expect(inProgram(bundle, lines)).toEqual([
      'state.not-found',
      'running',
      { status: 137, signal: 'SIGKILL' },
    ]);
  });

  test('lists containers, checks and plans a bundle, and reads the features', () => {
    const bundle = box.running();
    const lines = `
      const ids = [];
      for await (const { id, status } of library.list(options)) ids.push([id, status]);
      const { valid } = await library.checkBundle(bundle, options);
      const { host, container } = await library.planBundle(bundle, options);
      const { ociVersionMax } = await library.features();
      print({ ids, valid, ops: [typeof host[0].op, container.some(({ op }) => op === 'setHostname')], ociVersionMax });`;
    expect(inProgram(bundle, lines)).toEqual({
      ids: [[bundle.id, 'running']],
      valid: true,
      ops: ['string', true],
      ociVersionMax: JSON.parse(box.must(['features']).stdout).ociVersionMax,
    });
  });

  test('has errors that are recognised across copies and become JSON', () => {
    const lines = `
      const { createRequire } = await import('node:module');
      const other = createRequire(import.meta.url)(${JSON.stringify(new URL('../../dist/cjs/index.js', import.meta.url).pathname)});
      const error = await library.getContainer('none', options).catch(error => error);
      const { inspect } = await import('node:util');
      print([other.isRuntimeError(error), error instanceof other.RuntimeError, JSON.parse(JSON.stringify(error)).message, error.name, inspect(error).split('\\n')[0]]);`;
    expect(inProgram(script(''), lines)).toEqual([
      true,
      false,
      expect.stringContaining('does not exist'),
      'RuntimeError',
      expect.stringMatching(/^RuntimeError: /),
    ]);
  });

  test('leaves no descriptor open', () => {
    const lines = `
      const { readdirSync } = await import('node:fs');
      const cycle = async () => {
        await library.run({ ...options, bundle });
        const container = await library.createContainer({ ...options, bundle, id, stdio: 'pipe' });
        await container.start();
        await container.wait();
        await container.delete();
        await library.run({ ...options, bundle: '/nothing' }).catch(() => {});
      };
      for (let i = 0; i < 4; i++) await cycle();
      const count = () => readdirSync('/proc/self/fd').length;
      const before = count();
      for (let i = 0; i < 20; i++) await cycle();
      print(count() - before);`;
    expect(inProgram(script('exit 0'), lines)).toBeLessThanOrEqual(0);
  });
});
