// SPDX-License-Identifier: Apache-2.0
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CheckReport } from '../../src/validate/report.ts';
import { type Bundle, bind, having, tmpfs } from '../helpers/bundle.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const home = new URL('../../bundle-fixtures/', import.meta.url).pathname;

interface Expectation {
  readonly needs?: string;
  readonly rootfs?: Readonly<Record<string, { text?: string; mode?: number; link?: string }>>;
}

/** Fixtures that consist of a config.json alone. */
const names = ['good', 'bad'].flatMap(kind =>
  readdirSync(join(home, kind))
    .filter(name => !name.includes('.'))
    .map(name => `${kind}/${name}`),
);

/** The kernel or the caller decides on these: `check` reports that it did not check them. */
const decidedByCreate: readonly string[] = [
  'bad/idmap-of-procfs',
  'bad/resources-unified-refused',
  'bad/resources-unified-unknown-file',
  'bad/sysctl-refused-value',
  'bad/terminal-without-console-socket',
  'bad/time-offsets-before-boot',
  'good/terminal',
];

const box = sandbox();

/** Verdicts of `check` and `create` on a bundle, on this machine. `check` must leave no traces. */
function judge(bundle: Bundle): {
  readonly report: CheckReport;
  /** Undefined if the container was created. */
  readonly refusal: { readonly code: string; readonly pointer?: string } | undefined;
} {
  const before = box.traces();
  const checked = box.oci(['check', '--format', 'json', bundle.dir]);
  expect(box.traces()).toEqual(before);
  const report = JSON.parse(checked.stdout) as CheckReport;
  expect(checked.status).toBe(report.valid ? 0 : 1);
  const created = box.oci(['--log-format', 'json', 'create', '--bundle', bundle.dir, bundle.id]);
  if (created.status === 0) return { report, refusal: undefined };
  const last = created.stderr.trim().split('\n').at(-1) ?? '';
  return { report, refusal: JSON.parse(last) as { code: string; pointer?: string } };
}

const idMappings = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ containerID: index, hostID: 100_000 + index, size: 1 }));

const places = (found: CheckReport['problems']): string[] =>
  found.map(({ code, pointer = '' }) => `${code} ${pointer}`);

describe.skipIf(!isTsubo || requires('root', 'busybox'))('check and create agree on', () => {
  function bundleOf(name: string): Bundle {
    const fixture = join(home, name);
    const note = join(fixture, 'expect.json');
    const { needs, rootfs = {} } = (
      existsSync(note) ? JSON.parse(readFileSync(note, 'utf8')) : {}
    ) as Expectation;
    const bundle = box.bundle(made => {
      // The programs that the configs refer to.
      made.file('/bin/hello', '#!/bin/sh\n', 0o755);
      made.file('/hello', '#!/bin/sh\n', 0o755);
      made.file('/web', '#!/bin/sh\n', 0o755);
      for (const [path, { text, mode, link }] of Object.entries(rootfs)) {
        rmSync(made.inRoot(path), { recursive: true, force: true });
        if (link === undefined) made.file(path, text, mode);
        else made.symlink(path, link);
      }
    });
    rmSync(join(bundle.dir, 'config.json'));
    if (needs === 'host') rmSync(bundle.rootfs, { recursive: true });
    cpSync(fixture, bundle.dir, { recursive: true, filter: from => !from.endsWith('expect.json') });
    return bundle;
  }

  test.each(names)('%s', name => {
    const { report, refusal } = judge(bundleOf(name));
    if (refusal === undefined) {
      expect(report.problems).toEqual([]);
      return;
    }
    const { code, pointer } = refusal;
    const reported = report.problems.some(problem => problem.code === code && problem.pointer === pointer);
    expect(reported).toBe(!decidedByCreate.includes(name));
    if (reported) return;
    const skipped = report.unchecked.map(entry => entry.pointer).filter(at => at !== '');
    expect(skipped.some(at => pointer === at || pointer?.startsWith(`${at}/`))).toBe(true);
  });
});

describe.skipIf(!isTsubo || requires('root', 'busybox'))('check reports, as create does, that', () => {
  /** A valid config with one change. */
  const changed = (modify: (bundle: Bundle) => void) => judge(box.bundle(modify));

  const program =
    (...args: string[]) =>
    (made: Bundle) => {
      made.config.process.args = args;
    };

  test.each<[string, (bundle: Bundle) => void, string[]]>([
    [
      'a file system lacks an option, for each such option',
      made => made.mount('/dev/pts').options.push('mdoe=0620', 'tea'),
      [6, 7].map(position => `container.mount /mounts/2/options/${position}`),
    ],
    [
      'an option has a value that the file system refuses',
      having(tmpfs('/a', 'size=lots')),
      ['container.mount /mounts/7/options/0'],
    ],
    [
      'one option has a wrong value and stands there twice, each at its own place',
      having(tmpfs('/a', 'size=lots', 'mode=755', 'size=lots')),
      [0, 2].map(position => `container.mount /mounts/7/options/${position}`),
    ],
    [
      'a bind has options without meaning, for each such option',
      having(bind('/tmp', '/a', 'readonly', 'ro', 'nosuidd')),
      [1, 3].map(position => `config.mount.bind-options /mounts/7/options/${position}`),
    ],
    ['a file system is unknown', having({ destination: '/a', type: 'teafs' }), ['container.mount /mounts/7']],
    [
      'ID mappings are longer than a page',
      made => {
        made.userNamespace();
        made.config.linux.uidMappings = idMappings(324);
      },
      ['config.id-mapping.too-many /linux/uidMappings'],
    ],
    [
      'ID mappings of a mount are longer than a page',
      having({
        ...bind('/tmp', '/a'),
        uidMappings: [{ containerID: 0, hostID: 100_000, size: 1 }],
        gidMappings: idMappings(330),
      }),
      ['config.id-mapping.too-many /mounts/7/gidMappings'],
    ],
    ['the source of a bind is missing', having(bind('/srv/no/such', '/a')), ['container.mount /mounts/7']],
    [
      'the source of a bind is missing, in a user namespace',
      made => {
        made.userNamespace();
        made.config.mounts.push(bind('/srv/no/such', '/a'));
      },
      ['container.mount /mounts/7'],
    ],
    ['a directory is bound on a file', having(bind('/tmp', '/etc/passwd')), ['container.mount /mounts/7']],
    ['a file is bound on a directory', having(bind('/etc/passwd', '/usr')), ['container.mount /mounts/7']],
    ['a new file system is mounted on a file', having(tmpfs('/etc/passwd')), ['container.mount /mounts/7']],
    [
      'a target is below a file, through a symbolic link',
      made => {
        made.symlink('/link', '/etc/passwd');
        made.config.mounts.push(tmpfs('/link/below'));
      },
      ['container.mount /mounts/7'],
    ],
    [
      'a target is below a file of an earlier mount',
      having(bind('/etc/passwd', '/brought'), tmpfs('/brought/below')),
      ['container.mount /mounts/8'],
    ],
    ['a program is not in PATH', program('nginx'), ['container.program-not-found /process/args/0']],
    ['a program does not exist', program('/bin/nginx'), ['container.program-not-found /process/args/0']],
    ['a program is a directory', program('/bin'), ['container.program-not-executable /process/args/0']],
    [
      'a program has no execute bit',
      program('/etc/passwd'),
      ['container.program-not-executable /process/args/0'],
    ],
    [
      'a program is hidden by an empty tmpfs',
      made => {
        made.config.mounts.push(tmpfs('/bin'));
      },
      ['container.program-not-found /process/args/0'],
    ],
    [
      'a program is missing in the directory that is bound over its own',
      made => {
        made.config.process.args = ['/bin/sh'];
        made.config.mounts.push(bind(box.source(), '/bin'));
      },
      ['container.program-not-found /process/args/0'],
    ],
    [
      'the root file system is empty',
      made => {
        rmSync(made.rootfs, { recursive: true });
        mkdirSync(made.rootfs);
      },
      ['container.program-not-found /process/args/0'],
    ],
    [
      'the working directory is a file',
      made => {
        made.config.process.cwd = '/etc/passwd';
        made.config.process.args = ['/bin/sh'];
      },
      ['container.cwd /process/cwd'],
    ],
    [
      'a hook of the host is missing, and another is not a program',
      made => {
        made.config.hooks = { prestart: [{ path: '/no/hook' }], createRuntime: [{ path: '/etc/passwd' }] };
      },
      ['hook.not-executable /hooks/prestart/0/path', 'hook.not-executable /hooks/createRuntime/0/path'],
    ],
    [
      'a createContainer hook is missing',
      made => {
        made.config.hooks = { createContainer: [{ path: '/no/hook' }] };
      },
      ['hook.not-executable /hooks/createContainer/0/path'],
    ],
    [
      'a limit of open files exceeds that of root',
      made => {
        made.config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 1, hard: 2 ** 40 }];
      },
      ['container.rlimit /process/rlimits/0'],
    ],
    [
      'a file has the name of a default device',
      made => {
        made.unmount('/dev');
        made.file('/dev/null', 'no device');
      },
      ['container.device '],
    ],
    [
      'a masked path leads to the root through a symbolic link',
      made => {
        made.symlink('/self', '/usr/..');
        made.config.linux.maskedPaths = ['/nowhere', '/self'];
      },
      ['container.path /linux/maskedPaths/1'],
    ],
    [
      'root.path exceeds the limit of the kernel',
      made => {
        made.config.root.path = 'a'.repeat(256);
      },
      ['host.syscall /root/path'],
    ],
  ])('%s', (_, modify, expected) => {
    const { report, refusal } = changed(modify);
    expect(places(report.problems)).toEqual(expected);
    // Only the first of these.
    expect(`${refusal?.code} ${refusal?.pointer ?? ''}`).toBe(expected[0]);
  });

  test('a limit requires a controller that this machine lacks', () => {
    const offered = box.view.sh('cat /sys/fs/cgroup/cgroup.controllers').split(/\s+/);
    const { report, refusal } = changed(made => {
      made.config.linux.resources = {
        ...made.config.linux.resources,
        memory: { limit: 100_000_000 },
        pids: { limit: 100 },
      };
    });
    const lacking = [
      ...(offered.includes('memory') ? [] : ['host.cgroup-controller /linux/resources/memory/limit']),
      ...(offered.includes('pids') ? [] : ['host.cgroup-controller /linux/resources/pids/limit']),
    ];
    expect(places(report.problems).sort()).toEqual(lacking);
    expect(refusal === undefined).toBe(lacking.length === 0);
  });

  test('the document and the machine have several problems, each reported at its own place', () => {
    const { report, refusal } = changed(made => {
      made.config.mounts.push(bind('/tmp', '/a', 'readonly'), bind('/srv/no/such', '/b'));
      made.config.linux.namespaces.push({ type: 'tea' });
      made.config.process.args = ['/bin/nginx'];
    });
    expect(places(report.problems)).toEqual([
      'config.namespace.unknown /linux/namespaces/6/type',
      'config.mount.bind-options /mounts/7/options/1',
      'container.mount /mounts/8',
      'container.program-not-found /process/args/0',
    ]);
    expect(refusal).toMatchObject({ code: 'config.namespace.unknown' });
  });
});

describe.skipIf(!isTsubo || requires('root', 'busybox'))('check and create both accept', () => {
  test.each<[string, (bundle: Bundle) => void]>([
    [
      'a program below a bind',
      made => {
        const tools = box.mkdir('tools');
        writeFileSync(join(tools, 'tool'), '#!/bin/sh\n', { mode: 0o755 });
        made.config.mounts.push(bind(tools, '/tools'));
        made.config.process.args = ['/tools/tool'];
      },
    ],
    [
      'a program through links in the root, absolute and relative',
      made => {
        made.symlink('/opt', '/usr');
        made.symlink('/usr/sbin', '../bin');
        made.config.process.args = ['/opt/sbin/sh'];
      },
    ],
    [
      'a program in a file system that only the container mounts',
      made => {
        made.config.process.args = ['/proc/self/root/bin/sh'];
      },
    ],
    [
      'a program in a tmpfs with copies',
      made => {
        made.config.mounts.push(tmpfs('/bin', 'tmpcopyup'));
      },
    ],
    [
      'a source in the root that an earlier mount provides',
      made => {
        made.config.mounts.push(bind(box.source(), '/brought'));
        made.config.mounts.push(bind(join(made.rootfs, 'brought/note'), '/note'));
      },
    ],
    [
      'a target below a dangling link',
      made => {
        made.symlink('/far', '/away/from/here');
        made.config.mounts.push(tmpfs('/far/below'));
        made.config.process.cwd = '/away/from/here/below';
        made.config.process.args = ['/bin/sh'];
      },
    ],
    [
      'a program that exists although a hook might create it',
      made => {
        made.config.hooks = { prestart: [{ path: '/bin/true' }] };
      },
    ],
    ['a user namespace', made => made.userNamespace()],
    [
      'ID mappings of nearly a page',
      made => {
        made.userNamespace();
        // 10 lines of 11 bytes, 90 of 12 and 223 of 13: 4089
        made.config.linux.uidMappings = idMappings(323);
      },
    ],
  ])('%s', (_, modify) => {
    const { report, refusal } = judge(box.bundle(modify));
    expect({ problems: places(report.problems), refusal }).toEqual({ problems: [], refusal: undefined });
  });

  test('a config without a process, with a warning from check', () => {
    const { report, refusal } = judge(
      box.bundle(made => {
        delete (made.config as { process?: unknown }).process;
      }),
    );
    expect({ problems: places(report.problems), refusal }).toEqual({ problems: [], refusal: undefined });
    expect(places(report.warnings)).toContain('config.process.required /process');
  });

  test.each<[string, string | Buffer, string]>([
    ['the interpreter of a script is missing', '#!/bin/tea -x\n', 'container.program-not-found'],
    ['the program is an empty file', '', 'container.program-not-executable'],
    ['a script has no #!', 'echo hello\n', 'container.program-not-executable'],
    ['the loader of a dynamic program is missing', readFileSync('/bin/true'), 'container.program-not-found'],
  ])('a bundle whose start fails because %s, with a warning from check', (_, content, code) => {
    const bundle = box.bundle(made => {
      made.file('/bin/program', content, 0o755);
      made.config.process.args = ['program'];
    });
    const { report, refusal } = judge(bundle);
    expect({ problems: places(report.problems), refusal }).toEqual({ problems: [], refusal: undefined });
    expect(places(report.warnings)).toContain(`${code} /process/args/0`);
    expect(box.fails(['start', bundle.id]).record).toMatchObject({ code, pointer: '/process/args/0' });
  });
});
