// SPDX-License-Identifier: Apache-2.0
// A walk over the system calls of each command: one of them fails, or its process is killed at its entry. Nothing may be
// left behind that `delete --force` does not remove, and nothing may hang. `npm test` takes a few calls of each command,
// evenly spread; `npm run test:faults` takes all.
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bundle, bind, tmpfs } from '../helpers/bundle.ts';
import { FaultWalk, type Step } from '../helpers/fault-walk.ts';
import { NetworkMachine } from '../helpers/network.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

const skipped = !isTsubo || requires('root', 'busybox', 'cgroup2', 'host:standalone', 'ip', 'nft', 'g++');

describe.skipIf(skipped)('a fault at any system call', () => {
  const box = sandbox();
  const lan = new NetworkMachine(box);
  const walk = new FaultWalk();
  let pids = '';
  beforeAll(async () => {
    await lan.open();
    pids = box.mkdir('pids');
    // The directory of all containers, the network and its rules exist from here on.
    mkdirSync(box.root, { recursive: true, mode: 0o700 });
    const first = full();
    lan.must(...create(first));
    lan.must('delete', '--force', first.id);
  });
  afterAll(() => {
    lan.close();
    walk.print();
  });

  /** A bundle with as many properties as work on every machine. */
  const full = (modify?: (made: Bundle) => void): Bundle =>
    box.bundle(made => {
      const hook = [{ path: '/bin/true' }];
      const { config } = made;
      const mappings = [{ containerID: 0, hostID: 1000, size: 1000 }];
      config.process.args = ['/bin/sleep', '1000'];
      config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }];
      config.process.oomScoreAdj = 100;
      config.process.user.additionalGids = [5, 6];
      config.hooks = {
        createRuntime: hook,
        createContainer: hook,
        startContainer: hook,
        poststart: hook,
        poststop: hook,
      };
      config.linux.sysctl = { 'net.ipv4.ip_default_ttl': '33' };
      config.linux.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['acct'], action: 'SCMP_ACT_ERRNO' }],
      };
      config.linux.resources = { devices: [{ allow: false, access: 'rwm' }] };
      config.mounts.push(bind(box.source(), '/bound/here', 'ro'), tmpfs('/scratch', 'size=64k'), {
        ...bind(box.source(), '/mapped', 'idmap'),
        uidMappings: mappings,
        gidMappings: mappings,
      });
      modify?.(made);
    });
  const create = (bundle: Bundle, command = 'create') => [
    command,
    ...['--bundle', bundle.dir, '--pid-file', join(pids, 'pid'), '--publish', '8800:80', bundle.id],
  ];

  const filesOf = (directory: string): string[] =>
    existsSync(directory) ? readdirSync(directory, { recursive: true }).map(String).sort() : [];
  /** Everything that a command can leave on the machine. */
  const state = () => ({
    ...box.traces(),
    links: lan
      .ip('-o link')
      .split('\n')
      .map(line => line.split(':')[1] ?? ''),
    addresses: lan.taken(),
    networks: filesOf(lan.file('')),
    elements: lan.rules().includes('8800'),
    // The pid files themselves stay, as with runc; their temporary files do not.
    pids: filesOf(pids).filter(name => !/^(pid|exec)$/.test(name)),
    temporary: filesOf(box.dir).filter(name => /(^|\/)\.[^/]+$/.test(name)),
  });
  type State = ReturnType<typeof state>;
  const isAs = async (before: State, what: string): Promise<string | undefined> => {
    const same = () => JSON.stringify(state()) === JSON.stringify(before);
    try {
      await until(what, same, 20_000);
    } catch {
      const now = state();
      const differing = (Object.keys(now) as (keyof State)[]).filter(
        key => JSON.stringify(now[key]) !== JSON.stringify(before[key]),
      );
      return `${what}: left behind: ${differing.map(key => `${key}: ${JSON.stringify(now[key])} instead of ${JSON.stringify(before[key])}`).join('; ')}`;
    }
    return undefined;
  };

  interface Scenario {
    readonly name: string;
    /** Makes what the command needs: the bundle, and the arguments. */
    prepare(): { bundle?: Bundle; args: readonly string[]; attach?: number };
    /** Removes what remains. */
    after?(): void;
  }
  const made = (start: boolean) => {
    const bundle = full();
    lan.must(...create(bundle));
    if (start) lan.must('start', bundle.id);
    return { bundle, id: bundle.id, pid: box.state(bundle.id).pid };
  };
  const onRunning = (
    name: string,
    words: (id: string) => readonly string[],
    before?: (id: string) => void,
  ): Scenario => ({
    name,
    prepare: () => {
      const { bundle, id } = made(true);
      before?.(id);
      return { bundle, args: words(id) };
    },
  });
  const scenarios: readonly Scenario[] = [
    {
      name: 'create',
      prepare: () => {
        const bundle = full();
        return { bundle, args: create(bundle) };
      },
    },
    {
      name: 'create in a user namespace',
      prepare: () => {
        const bundle = full(it => {
          it.userNamespace();
          it.config.linux.sysctl = {};
        });
        return { bundle, args: create(bundle) };
      },
    },
    {
      name: 'run',
      prepare: () => {
        const bundle = full(it => {
          it.config.process.args = ['/bin/true'];
        });
        return { bundle, args: create(bundle, 'run') };
      },
    },
    {
      name: 'start',
      prepare: () => {
        const { bundle, id, pid } = made(false);
        return { bundle, args: ['start', id], attach: pid };
      },
    },
    onRunning('exec', id => [
      'exec',
      '--pid-file',
      join(pids, 'exec'),
      '--cwd',
      '/bin',
      '--user',
      '7:8',
      id,
      '/bin/true',
    ]),
    onRunning('update', id => ['update', '--resources', resources(), id]),
    onRunning('pause', id => ['pause', id]),
    onRunning(
      'resume',
      id => ['resume', id],
      id => void lan.must('pause', id),
    ),
    onRunning('kill', id => ['kill', id, 'KILL']),
    onRunning('delete', id => ['delete', '--force', id]),
    {
      name: 'network create',
      prepare: () => ({ args: ['network', 'create', '--subnet', '10.20.0.0/24', 'web'] }),
      after: () => void lan.oci('network', 'rm', 'web'),
    },
    {
      name: 'network rm',
      prepare: () => {
        lan.must('network', 'create', '--subnet', '10.20.0.0/24', 'web');
        return { args: ['network', 'rm', 'web'] };
      },
      after: () => void lan.oci('network', 'rm', 'web'),
    },
  ];
  const resources = () => {
    const file = join(box.dir, 'resources.json');
    writeFileSync(file, JSON.stringify({ unified: { 'cgroup.max.depth': '3' } }));
    return file;
  };

  const texts: Readonly<Record<string, string>> = {
    EIO: 'input/output error',
    ENOSPC: 'no space left on device',
    ENOMEM: 'cannot allocate memory',
  };

  /** Tries one step. Returns what is wrong. */
  const attempt = async (scenario: Scenario, step: Step): Promise<string[]> => {
    const problems: string[] = [];
    const before = state();
    const { bundle, args, attach = 0 } = scenario.prepare();
    const initPid =
      bundle !== undefined && existsSync(join(box.root, bundle.id)) ? box.state(bundle.id).pid : 0;
    const descriptors = () => {
      try {
        return readdirSync(`/proc/${initPid}/fd`).map(fd => readlinkSync(`/proc/${initPid}/fd/${fd}`));
      } catch {
        return [];
      }
    };
    const open = descriptors();
    const output = box.fresh('calls');
    const done = lan.ociBy(walk.wrapper(output, step, attach), ...args);
    walk.count(step, done.status);
    if (done.status === 121) return [];
    if (done.status === 120) return [`${step.label}: the injector failed: ${done.stderr}`];
    if (step.how === 'error' && done.status !== 0) {
      const error = done.log.find(({ level }) => level === 'error');
      const named = error?.['errnoName'] === step.errno || `${error?.msg}`.includes(texts[step.errno] ?? '');
      // A log that fails cannot have the error: standard error has it.
      const onLog = error === undefined && done.stderr.includes(texts[step.errno] ?? '');
      // A helper whose report fails can only exit: the runtime then sees its end.
      const onReport = step.process > 0 && / (write|socket|sendmsg) /.test(step.label);
      if (!onLog && error?.code === undefined)
        problems.push(`${step.label}: no error with a code: ${done.stderr}`);
      else if (!onLog && !onReport && !named)
        problems.push(`${step.label}: the error does not name ${step.errno}: ${error?.msg}`);
    }
    if (/exec|pause|resume|update/.test(scenario.name) && step.process === 0 && initPid !== 0) {
      const now = descriptors();
      if (JSON.stringify(now) !== JSON.stringify(open)) problems.push(`${step.label}: the init has ${now}`);
    }
    if (bundle !== undefined) {
      const removed = lan.oci('delete', '--force', bundle.id);
      if (removed.status !== 0) problems.push(`${step.label}: delete --force: ${removed.stderr}`);
    }
    scenario.after?.();
    const left = await isAs(before, step.label);
    if (left !== undefined) problems.push(left);
    return problems;
  };

  test.for(scenarios.map(scenario => [scenario.name, scenario] as const))(
    'of %s is reported, and leaves nothing',
    async ([, scenario]) => {
      const { bundle, args, attach = 0 } = scenario.prepare();
      const output = box.fresh('calls');
      const done = lan.ociBy(walk.wrapper(output, undefined, attach), ...args);
      expect(done).toMatchObject({ status: 0 });
      if (bundle !== undefined) lan.must('delete', '--force', bundle.id);
      scenario.after?.();
      const steps = walk.steps(scenario.name, readFileSync(output, 'utf8'));
      const problems: string[] = [];
      for (const step of steps) {
        const found = await attempt(scenario, step);
        problems.push(...found);
        walk.record(step, found);
      }
      expect(problems).toEqual([]);
    },
  );
});
