// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { parseReport, type Report } from '../helpers/inside.ts';
import { requires } from '../helpers/requires.ts';
import { disagrees } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const killAndChown = '0000000000000021';
const nothing = '0000000000000000';
const coreSize = 4;

/** A property of the container, its value in the document, and the result in a program executed with each. */
interface Row {
  readonly property: string;
  readonly container: (made: Bundle) => void;
  /** The document of another process; without the property it has the value of the container. */
  readonly document: object;
  readonly seen: (report: Report) => unknown;
  readonly fromContainer: unknown;
  readonly fromDocument: unknown;
  /** Runtimes where the executed program gets another value if the document omits the property, and why. */
  readonly disagreement?: readonly [runtime: string, behaviour: string];
}

const process = (change: object) => (made: Bundle) => void Object.assign(made.config.process, change);
const sets = (names: readonly string[]) => ({ bounding: names, effective: names, permitted: names });

const rows: readonly Row[] = [
  {
    property: 'cwd',
    container: process({ cwd: '/bin' }),
    document: { cwd: '/tmp' },
    seen: ({ cwd }) => cwd,
    fromContainer: '/bin',
    fromDocument: '/tmp',
    disagreement: ['runc', 'refuses a document without cwd'],
  },
  {
    property: 'env',
    container: process({ env: ['A=container', 'HOME=/'] }),
    document: { env: ['A=document', 'HOME=/'] },
    seen: ({ env }) => env.filter(entry => entry.startsWith('A=')),
    fromContainer: ['A=container'],
    fromDocument: ['A=document'],
    disagreement: ['runc', 'executes it without variables'],
  },
  {
    property: 'env, empty in the document,',
    container: process({ env: ['A=container'] }),
    document: { env: [] },
    seen: ({ env }) => env.filter(entry => !entry.startsWith('HOME=')),
    fromContainer: ['A=container'],
    fromDocument: [],
    disagreement: ['runc', 'executes it without variables'],
  },
  {
    property: 'user',
    container: process({ user: { uid: 5, gid: 6, additionalGids: [7] } }),
    document: { user: { uid: 8, gid: 9 } },
    seen: ({ uids, gids, groups }) => [uids[0], gids[0], groups.filter(group => group === 7)],
    fromContainer: [5, 6, [7]],
    fromDocument: [8, 9, []],
    disagreement: ['runc', 'executes it as root'],
  },
  {
    property: 'umask',
    container: process({ user: { uid: 0, gid: 0, umask: 0o27 } }),
    document: { user: { uid: 0, gid: 0, umask: 0o77 } },
    seen: ({ umask }) => umask,
    fromContainer: 0o27,
    fromDocument: 0o77,
    disagreement: ['runc 1.1', 'leaves the umask of the caller'],
  },
  {
    property: 'umask, of a user that the document names,',
    container: process({ user: { uid: 0, gid: 0, umask: 0o27 } }),
    document: { user: { uid: 3, gid: 3 } },
    seen: ({ umask }) => umask,
    fromContainer: 0o27,
    fromDocument: 0o27,
    disagreement: ['runc 1.1', 'leaves the umask of the caller'],
  },
  {
    property: 'capabilities',
    container: process({ capabilities: sets(['CAP_CHOWN', 'CAP_KILL']) }),
    document: { capabilities: {} },
    seen: ({ status }) => [status['CapBnd'], status['CapPrm'], status['CapEff']],
    fromContainer: [killAndChown, killAndChown, killAndChown],
    fromDocument: [nothing, nothing, nothing],
  },
  {
    property: 'rlimits',
    container: process({ rlimits: [{ type: 'RLIMIT_CORE', soft: 61, hard: 62 }] }),
    document: { rlimits: [{ type: 'RLIMIT_CORE', soft: 51, hard: 52 }] },
    seen: ({ rlimits }) => rlimits[coreSize],
    fromContainer: ['61', '62'],
    fromDocument: ['51', '52'],
    disagreement: ['runc 1.1', 'leaves the limits of the caller'],
  },
  {
    property: 'noNewPrivileges',
    container: process({ noNewPrivileges: true }),
    document: { noNewPrivileges: false },
    seen: ({ noNewPrivileges }) => noNewPrivileges,
    fromContainer: 1,
    fromDocument: 0,
    disagreement: ['runc', 'treats a document without it like one with the value false'],
  },
  {
    property: 'oomScoreAdj',
    container: process({ oomScoreAdj: 345 }),
    document: { oomScoreAdj: 456 },
    seen: ({ oomScoreAdj }) => oomScoreAdj?.trim(),
    fromContainer: '345',
    fromDocument: '456',
    disagreement: ['runc', 'leaves the score of the caller'],
  },
  {
    property: 'scheduler',
    container: process({ scheduler: { policy: 'SCHED_BATCH', nice: 7 } }),
    document: { scheduler: { policy: 'SCHED_OTHER', nice: 1 } },
    seen: ({ scheduler }) => [scheduler[0], scheduler[2]],
    fromContainer: [3, 7],
    fromDocument: [0, 1],
    disagreement: ['runc 1.1', 'ignores scheduler'],
  },
  {
    property: 'ioPriority',
    container: process({ ioPriority: { class: 'IOPRIO_CLASS_IDLE', priority: 3 } }),
    document: { ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 1 } },
    seen: ({ ioPriority }) => [ioPriority >> 13, ioPriority & 7],
    fromContainer: [3, 3],
    fromDocument: [2, 1],
    disagreement: ['runc 1.1', 'ignores ioPriority'],
  },
  {
    property: 'execCPUAffinity',
    container: process({ execCPUAffinity: { final: '0' } }),
    document: { execCPUAffinity: { final: '1' } },
    seen: ({ status }) => status['Cpus_allowed_list'],
    fromContainer: '0',
    fromDocument: '1',
    disagreement: ['runc 1.1', 'ignores execCPUAffinity'],
  },
];

describe.skipIf(requires('root', 'busybox', 'cgroup2'))('a program executed from a document', () => {
  const box = sandbox();
  const executed = (id: string, document: object): Report => {
    const path = join(box.mkdir('process'), 'process.json');
    writeFileSync(path, JSON.stringify({ args: ['/bin/inside', '--probe'], ...document }));
    return parseReport(box.must(['exec', '--process', path, id]).stdout);
  };

  test.each(rows)('has the $property of the container unless the document sets it', row => {
    if (row.disagreement !== undefined && disagrees(...row.disagreement)) return;
    const { id } = box.running(row.container);
    // runc requires a directory, so the document keeps it.
    const least = row.property === 'cwd' ? {} : { cwd: '/' };
    expect(row.seen(executed(id, least))).toEqual(row.fromContainer);
    expect(row.seen(executed(id, { ...least, ...row.document }))).toEqual(row.fromDocument);
  });

  test.each([
    ['no env', {}],
    ['an env without HOME', { env: ['A=1'] }],
    ['an empty HOME', { env: ['A=1', 'HOME='] }],
  ])('has the HOME of its user in the passwd of the container when its document has %s', (_, own) => {
    const { id } = box.running(made => {
      made.config.process.env = ['PATH=/bin'];
      made.file('etc/passwd', 'root:x:0:0::/root:/bin/sh\nlady:x:1000:1000::/home/lady:/bin/sh\n');
    });
    for (const [uid, home] of [
      [0, '/root'],
      [1000, '/home/lady'],
      [4711, '/'],
    ] as const) {
      const { env } = executed(id, { cwd: '/', user: { uid, gid: 0 }, ...own });
      expect(env.filter(entry => entry.startsWith('HOME='))).toEqual([`HOME=${home}`]);
    }
  });

  test('has no terminal if only the container has one', () => {
    const { id } = box.running();
    expect(executed(id, { cwd: '/' }).fds['0']).not.toContain('/dev/pts');
  });

  test('has the umask of the caller if neither the container nor the document sets it', () => {
    const { id } = box.running();
    const path = join(box.mkdir('process'), 'process.json');
    writeFileSync(path, JSON.stringify({ args: ['/bin/inside', '--probe'], cwd: '/' }));
    const command = box.command('exec', '--process', path, id);
    const done = box.view.exec(['/bin/sh', '-c', 'umask 0053; exec "$@"', 'sh', ...command]);
    expect(parseReport(done.stdout).umask).toBe(0o53);
  });
});
