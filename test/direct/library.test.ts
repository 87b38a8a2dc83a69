// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { programOutput } from '../helpers/library.ts';
import { requires } from '../helpers/requires.ts';

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('a program that uses containers of images', () => {
  const machine = directMachine();

  beforeEach(() => {
    // All tests have one store.
    if (machine.directory('images').length === 0) machine.image('busybox');
  });

  /** Output of the lines, in which `common` are options of all containers. */
  const inProgram = (lines: string, env: Readonly<Record<string, string>> = {}): unknown =>
    programOutput(
      machine.box,
      `const { containers, images, volumes, networks, system, buildImage } = library;
       const common = { ...options, image: 'busybox', network: ['none'] };
       const failure = call => call.then(() => 'no error', error => error);
       ${lines}`,
      [],
      { env: { ...machine.env, ...env }, within: machine.within(machine.pid) },
    );

  describe('runs a program', () => {
    test('and gets its output and exit status, and nothing is left', () => {
      const lines = `
        const args = ['sh', '-c', 'cat; echo "$A" >&2; exit 3'];
        const result = await containers.run({ ...common, args, input: 'in ✓\\n', env: { A: 'b c' } });
        print([result, await containers.list({ ...options, all: true })]);`;
      const result = { status: 3, stdout: 'in ✓\n', stderr: 'b c\n', timedOut: false };
      expect(inProgram(lines)).toEqual([result, []]);
    });

    test('and its standard input is empty', () => {
      expect(inProgram(`print((await containers.run({ ...common, args: ['cat'] })).stdout)`)).toBe('');
    });

    test('and kills it after a timeout, or when it is aborted', () => {
      const lines = `
        const args = ['sleep', '1000'];
        const late = await containers.run({ ...common, args, timeout: 300 });
        const controller = new AbortController();
        setTimeout(() => controller.abort(new Error('enough')), 300);
        const { message } = await failure(containers.run({ ...common, args, signal: controller.signal }));
        print([late, message, await containers.list({ ...options, all: true })]);`;
      const late = { status: 137, timedOut: true };
      expect(inProgram(lines)).toEqual([expect.objectContaining(late), 'enough', []]);
    });

    test('and gets the error of a program that is missing, not its words', () => {
      const lines = `
        const { code, message } = await failure(containers.run({ ...common, args: ['nginx'] }));
        const fake = '{"level":"error","msg":"fake","code":"host.syscall"}';
        const args = ['sh', '-c', \`echo '\${fake}' >&2; exit 1\`];
        const { status } = await containers.run({ ...common, args });
        print([code, message, status, await containers.list({ ...options, all: true })]);`;
      const message = expect.stringContaining('nginx');
      expect(inProgram(lines)).toEqual(['container.program-not-found', message, 1, []]);
    });

    test('with limits, names and health checks of the command line', () => {
      const lines = `
        const container = await containers.create({ ...common, args: ['sleep', '1000'], name: 'web',
          label: { a: 'b=c' }, readOnly: true, healthCmd: 'true', healthInterval: 60_000, stopTimeout: 0,
          tmpfs: ['/run'], init: true });
        const { Config, HostConfig, Name } = await container.inspect();
        await container.start();
        const health = await container.checkHealth();
        const found = await containers.get('web', options);
        await container.delete({ force: true });
        print([Config.Labels, Config.Healthcheck.Interval, Config.StopTimeout, HostConfig.ReadonlyRootfs,
          HostConfig.Init, Name, health, found.id === container.id]);`;
      expect(inProgram(lines)).toEqual([{ a: 'b=c' }, 60e9, 0, true, true, '/web', 'healthy', true]);
    });
  });

  test('manages a container that stays', () => {
    const shared = join(machine.box.dir, 'shared');
    mkdirSync(shared, { recursive: true });
    writeFileSync(join(shared, 'note'), 'hello');
    const lines = `
      const shared = ${JSON.stringify(shared)};
      const args = ['sh', '-c', 'echo one; echo two >&2; touch /made; exec sleep 1000'];
      const container = await containers.launch({ ...common, args, name: 'web', stopTimeout: 0 });
      const lines = [];
      for await (const line of container.logs({ follow: true })) {
        lines.push(line);
        if (lines.length === 2) break;
      }
      const logs = lines.map(({ stream, text }) => stream + ' ' + text).sort();
      await container.copyTo(shared + '/note', '/note');
      await container.copyFrom('/note', shared + '/a:b');
      const { stdout } = await container.exec({ args: ['cat', '/note'], stdio: 'pipe' });
      await container.mounts.add({ source: shared, target: '/shared', options: ['ro'] });
      const mounted = await container.exec({ args: ['cat', '/shared/note'], stdio: 'pipe' });
      const mounts = await container.mounts.list();
      await container.mounts.remove('/shared');
      const { titles, processes } = await container.top(['-o', 'pid,comm']);
      const usage = [];
      for await (const { pids } of container.watchStats({ interval: 50 })) {
        usage.push(typeof pids.current);
        if (usage.length === 2) break;
      }
      await container.setLimits({ pidsLimit: 50 }).catch(({ code }) => code);
      const changes = (await container.diff()).filter(({ path }) => ['/made', '/note'].includes(path));
      const image = await container.commit({ name: 'kept', change: ['ENV X=y'], message: 'kept' });
      await container.rename('web2');
      const [row] = await containers.list({ ...options, filter: ['name=web2'] });
      await container.stop();
      const { status } = await container.wait();
      await container.start();
      await container.restart({ stopTimeout: 0 });
      const { State } = await container.inspect();
      await container.kill('KILL', { forceAfter: 1000 });
      const rest = [];
      for await (const { text } of container.logs({ tail: 1 })) rest.push(text);
      const untilThen = [];
      for await (const line of container.logs({ until: new Date(0) })) untilThen.push(line);
      await container[Symbol.asyncDispose]();
      print({ logs, stdout, mounted: mounted.stdout, mounts, titles, commands: processes.map(fields => fields[1]),
        usage, changes, env: image.Config.Env.at(-1), tags: image.RepoTags, names: row.Names, status,
        running: State.Running, rest: rest.length, untilThen });`;
    expect(inProgram(lines)).toEqual({
      logs: ['stderr two', 'stdout one'],
      stdout: 'hello',
      mounted: 'hello',
      mounts: [{ target: '/shared', source: shared, type: 'bind', options: ['ro'] }],
      titles: ['PID', 'COMMAND'],
      commands: ['sleep'],
      usage: ['number', 'number'],
      changes: [
        { kind: 'added', path: '/made' },
        { kind: 'added', path: '/note' },
      ],
      env: 'X=y',
      tags: ['kept:latest'],
      names: 'web2',
      status: 137,
      running: true,
      rest: 1,
      untilThen: [],
    });
    expect(readFileSync(join(shared, 'a:b'), 'utf8')).toBe('hello');
    expect(machine.directory('containers')).toEqual([]);
  });

  test('never takes an image for an option, and ends a build whose events cannot be handled', () => {
    const lines = `
      const { code } = await failure(containers.run({ ...common, image: '--privileged', args: ['busybox', 'true'] }));
      const left = await containers.list({ ...options, all: true });
      const context = process.env.CONTEXT;
      const onEvent = () => { throw new Error('enough'); };
      const { message } = await failure(buildImage({ ...options, context, onEvent }));
      print([code, left, message]);`;
    const context = machine.box.mkdir('context');
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN sleep 4711\n');
    const [code, left, message] = inProgram(lines, { CONTEXT: context }) as [string, unknown[], string];
    expect([code, left, message]).toEqual(['image.reference', [], 'enough']);
    expect(machine.box.view.sh('pgrep -f "sleep 471[1]" || true')).toBe('');
  });

  test('changes the restart policy of a container, and removes containers by their labels', () => {
    const lines = `
      const made = [];
      for (const keep of ['yes', 'no']) made.push(await containers.create({ ...common, label: { keep } }));
      await made[0].setRestartPolicy('on-failure:2');
      const { HostConfig } = await made[0].inspect();
      const removed = await containers.prune({ ...options, filter: ['label=keep=no'] });
      const left = await containers.list({ ...options, all: true });
      await made[0].delete();
      print([HostConfig.RestartPolicy, removed[0] === made[1].id, removed.length, left.length]);`;
    expect(inProgram(lines)).toEqual([{ Name: 'on-failure', MaximumRetryCount: 2 }, true, 1, 1]);
  });

  test('ends the iteration of a log when it is aborted', () => {
    const lines = `
      const container = await containers.launch({ ...common, args: ['sleep', '1000'] });
      const signal = AbortSignal.timeout(200);
      const read = async () => { for await (const line of container.logs({ follow: true, signal })) void line; };
      const { name } = await failure(read());
      await container[Symbol.asyncDispose]();
      print(name);`;
    expect(inProgram(lines)).toBe('TimeoutError');
  });

  test('lists, names, saves, loads and removes images', () => {
    const archive = join(machine.box.dir, 'images.tar');
    const lines = `
      const archive = ${JSON.stringify(archive)};
      await images.tag('busybox', 'localhost/web:v1', options);
      const listed = [...(await images.list('busybox', options)), ...(await images.list('localhost/web:v1', options))];
      const names = listed.map(({ repository, tag }) => repository + ':' + tag);
      const { Id, RepoTags } = await images.inspect('busybox', options);
      await images.save(['busybox'], archive, options);
      const { untagged } = await images.remove('localhost/web:v1', options);
      const { deleted } = await images.remove('busybox', { ...options, force: true });
      const { code } = await failure(images.inspect('busybox', options));
      const loaded = await images.load(archive, options);
      print([names, RepoTags.length, untagged, deleted.includes(Id), code, loaded[0] === Id,
        await images.prune(options)]);`;
    expect(inProgram(lines)).toEqual([
      ['busybox:latest', 'localhost/web:v1'],
      2,
      ['localhost/web:v1'],
      true,
      'image.unknown',
      true,
      { untagged: [], deleted: [] },
    ]);
  });

  describe('builds an image', () => {
    const context = (dockerfile: string): string => {
      const directory = join(machine.box.dir, 'context');
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, 'Dockerfile'), dockerfile);
      return JSON.stringify(directory);
    };

    test('and sees its steps, and those that are known', () => {
      const directory = context('FROM busybox\nARG V\nRUN echo "value $V"; echo problem >&2\nCMD ["true"]\n');
      const lines = `
        const build = async () => {
          const events = [];
          const { RepoTags, Config } = await buildImage({ ...options, context: ${directory}, tag: 'made:v1',
            network: 'none', buildArg: { V: 'x y' }, onEvent: event => events.push(event) });
          return { RepoTags, Cmd: Config.Cmd, events };
        };
        print([await build(), (await build()).events, (await images.history('made:v1', options))[0].createdBy]);`;
      const step = (number: number, instruction: string) => ({
        kind: 'step',
        step: number,
        of: 4,
        instruction,
      });
      const steps = [
        step(1, 'FROM busybox'),
        step(2, 'ARG V'),
        step(3, expect.stringMatching(/^RUN echo/) as unknown as string),
        step(4, 'CMD ["true"]'),
      ];
      const [first, again, newest] = inProgram(lines) as [
        { RepoTags: string[]; Cmd: string[]; events: { kind: string }[] },
        { kind: string }[],
        string,
      ];
      expect(first).toMatchObject({ RepoTags: ['made:v1'], Cmd: ['true'] });
      expect(first.events).toContainEqual({ kind: 'output', stream: 'stdout', line: 'value x y' });
      expect(first.events).toContainEqual({ kind: 'output', stream: 'stderr', line: 'problem' });
      expect(first.events.filter(({ kind }) => kind === 'step')).toEqual(steps);
      expect(again).toContainEqual({ kind: 'cached' });
      expect(newest).toContain('true');
    });

    test('and gets the place of an error in the Dockerfile', () => {
      const lines = `
        const { code, line, document } = await failure(buildImage({ ...options, context: ${context('FROM busybox\nRUN false\n')},
          network: 'none' }));
        print([code, line, document]);`;
      expect(inProgram(lines)).toEqual([expect.stringMatching(/^build\./), 2, 'Dockerfile']);
    });

    test('and an aborted build leaves no process behind', () => {
      const lines = `
        const controller = new AbortController();
        const onEvent = ({ line }) => { if (line === 'begun') controller.abort(new Error('enough')); };
        const { message } = await failure(buildImage({ ...options, context: ${context('FROM busybox\nRUN echo begun; exec sleep 98765\n')},
          network: 'none', signal: controller.signal, onEvent }));
        print([message, await library.listContainers(options)]);`;
      expect(inProgram(lines)).toEqual(['enough', []]);
      expect(machine.box.view.sh('ps -e -o args=')).not.toMatch(/^sleep 98765/m);
    });
  });

  test('makes, lists and removes volumes', () => {
    const lines = `
      const { Name, Labels } = await volumes.create({ ...options, name: 'data', label: { a: 'b' } });
      const anonymous = await volumes.create(options);
      await containers.run({ ...common, args: ['touch', '/data/file'], volume: ['data:/data'] });
      const listed = await volumes.list({ ...options, dangling: true });
      const pruned = await volumes.prune(options);
      await volumes.remove('data', options);
      const { code } = await failure(volumes.inspect('data', options));
      print([Name, Labels, listed.length, pruned[0] === anonymous.Name, code]);`;
    expect(inProgram(lines)).toEqual(['data', { a: 'b' }, 2, true, 'direct.no-volume']);
  });

  test('makes, lists and removes networks', () => {
    const lines = `
      const made = await networks.create({ ...options, name: 'back', subnet: ['10.99.7.0/24'], internal: true, noIpv6: true });
      await networks.reload(options);
      await networks.allowForward(options);
      const { stdout } = await containers.run({ ...common, network: ['back'], args: ['hostname', '-i'] });
      const listed = (await networks.list(options)).map(({ name }) => name);
      await networks.remove('back', options);
      const pruned = await networks.prune(options);
      print([made.ipv4.subnet, made.internal, made.state, stdout, listed.includes('back'), pruned]);`;
    expect(inProgram(lines)).toEqual([
      '10.99.7.0/24',
      true,
      'up',
      expect.stringMatching(/^10\.99\.7\.\d+\n$/),
      true,
      [],
    ]);
  });

  test('reads the numbers of the machine', () => {
    const lines = `
      const { Images, RootDir } = await system.info(options);
      const { images: { total, size } } = await system.diskUsage(options);
      print([Images === (await images.list(undefined, options)).length, RootDir, total === Images, size > 0]);`;
    expect(inProgram(lines)).toEqual([true, machine.data, true, true]);
  });

  test('gets errors for an option that a call does not have, and for a missing container', () => {
    const lines = `
      const wrong = await failure(containers.run({ ...common, memmory: 5 }));
      const missing = await failure(containers.get('missing-one', options));
      print([wrong.code, wrong.hint, missing.code, missing.message]);`;
    expect(inProgram(lines)).toEqual([
      'usage.option',
      'did you mean memory?',
      'direct.no-container',
      expect.stringContaining('missing-one'),
    ]);
  });
});
