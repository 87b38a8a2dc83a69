// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { TestConfig } from '../helpers/config.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees, isTsubo, skipWhere } from '../helpers/runtime.ts';
import { sandbox, until } from '../helpers/sandbox.ts';

const mega = 1048576;

/** Every property with a value that sets no limit. */
const fixture = new URL('../../bundle-fixtures/good/resources/config.json', import.meta.url);
const unset = (JSON.parse(readFileSync(fixture, 'utf8')) as TestConfig).linux.resources ?? {};

/** Limits, and the content of the control files of the container's cgroup. */
const limits: readonly [
  what: string,
  controller: string,
  resources: Record<string, unknown>,
  files: Readonly<Record<string, string>>,
][] = [
  [
    'huge pages',
    'hugetlb',
    { hugepageLimits: [{ pageSize: '2MB', limit: 4 * mega }] },
    { 'hugetlb.2MB.max': `${4 * mega}`, 'hugetlb.2MB.rsvd.max': `${4 * mega}` },
  ],
  [
    'huge pages by the name of their file',
    'hugetlb',
    {
      unified: { 'hugetlb.2MB.max': `${6 * mega}\n` },
      hugepageLimits: [{ pageSize: '2MB', limit: 4 * mega }],
    },
    { 'hugetlb.2MB.max': `${6 * mega}`, 'hugetlb.2MB.rsvd.max': `${4 * mega}` },
  ],
  ['the depth of the cgroup', '', { unified: { 'cgroup.max.depth': '3' } }, { 'cgroup.max.depth': '3' }],
  ['pids', 'pids', { pids: { limit: 20 } }, { 'pids.max': '20' }],
  ['any number of pids', 'pids', { pids: { limit: -1 } }, { 'pids.max': 'max' }],
  [
    'memory',
    'memory',
    { memory: { limit: 64 * mega, reservation: 32 * mega } },
    { 'memory.max': `${64 * mega}`, 'memory.low': `${32 * mega}` },
  ],
  [
    'memory and swap',
    'memory',
    { memory: { limit: 64 * mega, swap: 96 * mega } },
    { 'memory.max': `${64 * mega}`, 'memory.swap.max': `${32 * mega}` },
  ],
  [
    'memory without swap',
    'memory',
    { memory: { limit: 64 * mega, swap: 64 * mega } },
    { 'memory.max': `${64 * mega}`, 'memory.swap.max': '0' },
  ],
  ['cpu time', 'cpu', { cpu: { quota: 50000, period: 200000 } }, { 'cpu.max': '50000 200000' }],
  ['a period alone', 'cpu', { cpu: { period: 200000 } }, { 'cpu.max': 'max 200000' }],
  [
    'cpu time and a burst',
    'cpu',
    { cpu: { quota: 50000, burst: 20000 } },
    { 'cpu.max': '50000 100000', 'cpu.max.burst': '20000' },
  ],
  ['an idle cgroup', 'cpu', { cpu: { idle: 1, shares: 2048 } }, { 'cpu.idle': '1' }],
  ['cpus', 'cpuset', { cpu: { cpus: '0', mems: '0' } }, { 'cpuset.cpus': '0', 'cpuset.mems': '0' }],
  ['a weight of cpu', 'cpu', { cpu: { shares: 1024 } }, { 'cpu.weight': '100' }],
  [
    'everything that is unified',
    'memory',
    { unified: { 'memory.high': `${32 * mega}` } },
    { 'memory.high': `${32 * mega}` },
  ],
];

/** The first kernel with all of the control files, if an older one is supported. */
function kernelOf(files: Readonly<Record<string, string>>): 'kernel:5.14' | 'kernel:5.15' | undefined {
  if ('cpu.idle' in files) return 'kernel:5.15';
  return 'cpu.max.burst' in files ? 'kernel:5.14' : undefined;
}

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('resources', () => {
  const box = sandbox();
  const cgroup = (id: string, file: string): string =>
    readFileSync(box.view.path(`/sys/fs/cgroup/${id}/${file}`), 'utf8').trimEnd();

  for (const [what, controller, resources, files] of limits) {
    const kernel = kernelOf(files);
    describe.skipIf(
      (controller !== '' && requires(`cgroup2:${controller}`)) || (kernel !== undefined && requires(kernel)),
    )(`of ${what}`, () => {
      test(`are set in the cgroup before the program runs: ${JSON.stringify(files)}`, context => {
        if (/burst|idle/.test(JSON.stringify(resources)))
          skipWhere(context, 'runc 1.1', 'has neither burst nor idle');
        if ('idle' in Object(resources['cpu']))
          skipWhere(context, 'runc 1.3', 'also writes a weight, which the kernel refuses for an idle cgroup');
        const bundle = box.created(made => {
          made.config.linux.cgroupsPath = `/${made.id}`;
          made.config.linux.resources = resources;
        });
        const found = Object.fromEntries(Object.keys(files).map(file => [file, cgroup(bundle.id, file)]));
        if (controller === 'hugetlb' && disagrees('runc 1.1', 'does not limit reserved huge pages')) {
          expect(found['hugetlb.2MB.max']).toBe(files['hugetlb.2MB.max']);
          return;
        }
        const shares = (resources['cpu'] as { shares?: number } | undefined)?.shares;
        if (shares === 1024 && disagrees('runc 1.1', 'has a linear formula for cpu.weight')) {
          expect(found['cpu.weight']).toBe('39');
          return;
        }
        expect(found).toEqual(files);
      });
    });
  }

  test('with only the placeholder values of engines leave the cgroup unchanged', context => {
    skipWhere(context, 'runc', 'requires the controller even without a limit');
    const bundle = box.running(made => {
      made.config.linux.resources = unset;
    });
    expect(box.state(bundle.id).status).toBe('running');
  });

  describe.skipIf(requires('cgroup2:pids'))('of pids', () => {
    test('limit the number of processes', () => {
      const done = box.run(
        box.bundle(made => {
          made.config.linux.resources = { pids: { limit: 3 } };
          made.shell('for i in 1 2 3 4 5; do sleep 1000 & done');
        }),
      );
      expect(done.stderr).toMatch(/can't fork|Resource temporarily unavailable/);
    });
  });

  describe.skipIf(requires('cgroup2:memory'))('of memory', () => {
    test('kill a program that exceeds them', () => {
      const done = box.run(
        box.bundle(made => {
          made.config.linux.resources = { memory: { limit: 8 * mega, swap: 8 * mega } };
          made.config.process.args = ['/bin/sh', '-c', 'x=x; while :; do x=$x$x; done'];
        }),
      );
      expect(done.status).toBe(128 + 9);
    });

    test.each([4096, 131072])('are named as the reason if they are too low to start in: %d bytes', limit => {
      const failure = box.refuses(
        box.bundle(made => {
          made.config.linux.resources = { memory: { limit, swap: limit } };
        }),
      );
      if (!isTsubo) return;
      expect(failure.message).toContain('container init was OOM-killed (memory limit too low?)');
      expect(failure.record).toMatchObject({ code: 'container.out-of-memory', value: String(limit) });
    });
  });

  describe.skipIf(requires('cgroup2:cpu'))('of cpu time', () => {
    test('throttle a program that has used its quota', () => {
      const bundle = box.running(made => {
        made.config.linux.cgroupsPath = `/${made.id}`;
        made.config.linux.resources = { cpu: { quota: 1000, period: 100000 } };
        made.shell('while :; do :; done');
      });
      return until('it is throttled', () => /^nr_throttled [1-9]/m.test(cgroup(bundle.id, 'cpu.stat')));
    });
  });

  describe('of a cgroup that belongs to the user of the container', () => {
    const delegated = (options: string[]) => {
      const bundle = box.running(made => {
        made.config.linux.cgroupsPath = `/${made.id}`;
        made.config.process.user = { uid: 1000, gid: 1000 };
        made.mount('/sys/fs/cgroup').options = options;
      });
      const owner = (file: string) => statSync(box.view.path(`/sys/fs/cgroup/${bundle.id}/${file}`)).uid;
      return { bundle, owner };
    };

    test('still belong to the runtime', context => {
      skipWhere(context, 'runc', 'delegates only cgroups that systemd made');
      const { bundle, owner } = delegated(['nosuid', 'noexec', 'nodev', 'relatime']);
      expect(['.', 'cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads'].map(owner)).toEqual([
        1000, 1000, 1000, 1000,
      ]);
      expect(['cgroup.max.depth', 'cgroup.freeze', 'cgroup.events'].map(owner)).toEqual([0, 0, 0]);
      box.must(['exec', bundle.id, '/bin/mkdir', '/sys/fs/cgroup/mine']);
      expect(existsSync(box.view.path(`/sys/fs/cgroup/${bundle.id}/mine`))).toBe(true);
    });

    test('belong to root if the mount is readonly', () => {
      const { owner } = delegated(['ro', 'nosuid', 'noexec', 'nodev']);
      expect(['.', 'cgroup.procs'].map(owner)).toEqual([0, 0]);
    });
  });

  describe('are refused', () => {
    const refuse = (resources: Record<string, unknown>) =>
      box.refuses(
        box.bundle(made => {
          made.config.linux.resources = resources;
        }),
      );

    test.skipIf(requires('cgroup2:hugetlb'))('for a huge page size that the machine lacks', () => {
      const failure = refuse({ hugepageLimits: [{ pageSize: '3MB', limit: 3 * mega }] });
      expect(failure.message).toMatch(/hugetlb.3MB.(max|limit_in_bytes)|page size/);
      if (!isTsubo) return;
      expect(failure.record).toMatchObject({
        code: 'host.cgroup-write',
        pointer: '/linux/resources/hugepageLimits/0/limit',
        errnoName: 'ENOENT',
        hint: expect.stringContaining('2MB'),
      });
    });

    test('for an unknown controller', () => {
      const failure = refuse({ unified: { 'tea.max': '3' } });
      expect(failure.message).toContain(
        `unified resource "tea.max" can't be set: controller "tea" not available`,
      );
      if (isTsubo) {
        expect(failure.record).toMatchObject({
          code: 'host.cgroup-controller',
          pointer: '/linux/resources/unified/tea.max',
          path: '/sys/fs/cgroup/cgroup.controllers',
        });
      }
    });

    test('below a threaded cgroup', () => {
      const top = box.view.path(`/sys/fs/cgroup/${box.name}-top`);
      mkdirSync(`${top}/threads`, { recursive: true });
      try {
        writeFileSync(`${top}/threads/cgroup.type`, 'threaded');
        const failure = box.refuses(
          box.bundle(made => {
            made.config.linux.cgroupsPath = `/${box.name}-top/${made.id}`;
            made.config.linux.resources = { unified: { 'memory.high': 'max' } };
          }),
        );
        if (isTsubo) expect(failure.record.code).toBe('state.cgroup-threaded');
      } finally {
        rmdirSync(`${top}/threads`);
        rmdirSync(top);
      }
    });

    test.skipIf(requires('cgroup2:hugetlb'))(
      'for a controller that processes in a parent cgroup prevent',
      async () => {
        const top = box.view.path(`/sys/fs/cgroup/${box.name}-busy`);
        mkdirSync(top);
        const sleeper = box.view.spawn(['sleep', '1000']);
        try {
          // Until its exec it is a shell, whose process the check could not find afterwards.
          await until('it sleeps', () => readFileSync(`/proc/${sleeper.pid}/comm`, 'utf8') === 'sleep\n');
          writeFileSync(`${top}/cgroup.procs`, String(sleeper.pid));
          const failure = box.refuses(
            box.bundle(made => {
              made.config.linux.cgroupsPath = `/${box.name}-busy/${made.id}`;
              made.config.linux.resources = { hugepageLimits: [{ pageSize: '2MB', limit: 0 }] };
            }),
          );
          if (!isTsubo) return;
          expect(failure.record).toMatchObject({
            code: 'host.cgroup-processes',
            pointer: '/linux/resources/hugepageLimits/0/limit',
          });
          expect(failure.message).toContain(`${sleeper.pid} (`);
        } finally {
          sleeper.kill('SIGKILL');
          await new Promise(resolve => sleeper.once('close', resolve));
          await until('no process is left', () => readFileSync(`${top}/cgroup.procs`, 'utf8') === '');
          rmdirSync(top);
        }
      },
    );

    test.skipIf(requires('cgroup2:hugetlb'))('for a control file that the controller lacks', () => {
      const failure = refuse({ unified: { 'hugetlb.tea': '3' } });
      expect(failure.message).toContain('unable to set unified resource "hugetlb.tea"');
      if (isTsubo) expect(failure.record.code).toBe('host.cgroup-write');
    });
  });
});

describe.skipIf(requires('root', 'busybox', 'cgroup2', 'cgroup1') || !isTsubo)(
  'resources beside version 1',
  () => {
    const box = sandbox('machine');

    test('for a controller of version 1 are refused with the mount point of that hierarchy', () => {
      const failure = box.refuses(
        box.bundle(made => {
          made.config.linux.resources = { memory: { limit: 64 * mega } };
        }),
      );
      expect(failure.record).toMatchObject({
        code: 'host.cgroup-controller',
        pointer: '/linux/resources/memory/limit',
        value: 'memory',
        hint: expect.stringContaining('cgroup_no_v1=memory'),
      });
      expect(failure.message).toMatch(
        /the cgroup controller memory is not available: .*\/cgroup.controllers .*, memory belongs to cgroup version 1/,
      );
    });
  },
);
