// SPDX-License-Identifier: Apache-2.0
// The attacks that `npm run test:security` tries: published ones on runc and crun, and others on the same walls. Each is
// an ordinary test, which `npm test` runs too.

/** A change of a source: the text occurs exactly once in the file. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Attack {
  readonly group: 'runtime' | 'paths' | 'privileges' | 'network' | 'image';
  readonly cve?: readonly string[];
  /** The file of the test, and a part of its name. */
  readonly test: readonly [file: string, name: string];
  /**
   * Removes the defence, in a copy of the sources that is built for this purpose only. The test must then fail with a
   * message that `succeeds` matches: the attack has reached its aim. Or why there is no such variant.
   */
  readonly weakened:
    | {
        readonly edits: readonly Edit[];
        readonly succeeds: RegExp;
        /** Where the attack is tried (default: node, which is built faster). Node itself closes what its caller left open. */
        readonly host?: 'standalone';
      }
    | string;
}

/** Paths are still opened below the root, but links and `..` lead out of it. */
const linksLeadOut: Edit = {
  file: 'native/core/files.cc',
  find: `  if (*path == '\\0') path = "/";
  return resolve(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | extra_resolve);`,
  replace: `  while (*path == '/') path++;
  return resolve(root, *path == '\\0' ? "." : path, flags, extra_resolve);`,
};

/** Paths of the runtime below the root of a container lead out through links. */
const openAnywhere: readonly Edit[] = [
  {
    file: 'native/binding/files.cc',
    find: '  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;\n',
    replace: '',
  },
  {
    file: 'native/binding/files.cc',
    find: 'do fd = syscall(SYS_openat2, descriptor(a[0]), path.c_str(), &how, sizeof how);',
    replace:
      'const char* rest = path.c_str();\n  while (*rest == 47) rest++;\n  do fd = syscall(SYS_openat2, descriptor(a[0]), rest, &how, sizeof how);',
  },
];

/** The descriptors of the caller stay open. */
const keepForeign: Edit = {
  file: 'native/init/start.cc',
  find: 'if (lowest > next) require(boot, "close_range", sys::close_range(next, lowest - 1, 0));',
  replace: '',
};

/** No step compares where a directory is. */
const enterAnyDirectory: Edit = {
  file: 'native/core/process.cc',
  find: 'if (r == -ENOENT || (r > 0 && where[0] != \'/\')) return {EXDEV, "getcwd"};',
  replace: 'if (r < 0) r = 0;',
};

/** The target of a proc or sysfs may be a link, which leads below the root. */
const procThroughLinks: Edit = {
  file: 'native/core/mount_target.cc',
  find: 'files::open_in_root(c.root, path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS)',
  replace: 'files::open_in_root(c.root, path, O_PATH | O_DIRECTORY)',
};

const anyFileIsNull: Edit = {
  file: 'native/core/files.cc',
  find: 'return fd >= 0 && status(fd, "", 0, &at) == 0 && is_null(at);',
  replace: 'return fd >= 0 && status(fd, "", 0, &at) == 0;',
};

const exchanged = 'that exchanges the targets of mounts for';
const attacks = 'test/oci/attacks.test.ts';
const networkAttacks = 'test/oci/network-attacks.test.ts';
const ruleset = 'src/network/ruleset.ts';

/** The only rule that drops packets which no other rule permits to enter a network. */
const enterAnyNetwork: Edit = {
  file: ruleset,
  find: "  ['forward', [...outputIs('nets'), verdict('drop')]],\n",
  replace: "  ['forward', [...outputIs('nets'), verdict('accept')]],\n",
};

export const listOfAttacks: readonly Attack[] = [
  {
    group: 'runtime',
    cve: ['CVE-2019-5736'],
    test: [attacks, 'cannot write to the program of the init after its execution'],
    weakened: {
      edits: [
        {
          file: 'native/spawn/sealed_image.cc',
          find: 'int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;',
          replace: 'int seals = F_SEAL_SEAL;',
        },
        // This seal includes the others.
        { file: 'native/spawn/sealed_image.cc', find: 'seals | F_SEAL_EXEC', replace: 'seals' },
      ],
      succeeds: /did not throw|to throw/,
    },
  },
  {
    group: 'runtime',
    cve: ['CVE-2019-5736'],
    test: ['test/oci/self-protection.test.ts', 'is a memory file, not the installed runtime'],
    weakened: {
      edits: [
        {
          file: 'native/spawn/sealed_image.cc',
          find: '  image->reset(executable_memfd());\n',
          replace: '  image->reset(executable_memfd());\n  image->reset();\n',
        },
      ],
      succeeds: /memfd:tsubo-init/,
    },
  },
  {
    group: 'runtime',
    cve: ['CVE-2019-5736'],
    test: [attacks, 'that is executed as /proc/self/exe leaves the runtime unchanged'],
    weakened: 'the file of the runtime is never executed in a container: it would have to be another program',
  },
  {
    group: 'runtime',
    cve: ['CVE-2016-9962'],
    test: ['test/oci/exec.test.ts', 'never runs on the memory of the runtime where a container may trace it'],
    weakened: {
      edits: [
        {
          file: 'native/spawn/spawn.cc',
          find: 'hidden_ = prctl(PR_SET_DUMPABLE, 0) == 0;',
          replace: 'hidden_ = true;',
        },
        {
          file: 'src/lifecycle/exec.ts',
          find: 'const joined = namespaces === 0 ? undefined :',
          replace: 'const joined = namespaces > 0 ? undefined :',
        },
      ],
      succeeds: /./,
    },
  },
  {
    group: 'runtime',
    cve: ['CVE-2016-9962'],
    test: ['test/oci/exec.test.ts', 'exposes nothing of the host to a container that may trace it'],
    weakened:
      'an exec enters all namespaces before its process is cloned: no single change leaves it outside',
  },
  {
    group: 'runtime',
    cve: ['CVE-2016-9962', 'CVE-2024-21626'],
    test: ['test/oci/fds.test.ts', 'of the waiting init include no directory of the host'],
    weakened: { host: 'standalone', edits: [keepForeign], succeeds: /./ },
  },
  {
    group: 'runtime',
    cve: ['CVE-2016-9962', 'CVE-2024-21626'],
    test: ['test/oci/fds.test.ts', 'exclude those that the caller left open'],
    weakened: { host: 'standalone', edits: [keepForeign], succeeds: /./ },
  },
  {
    group: 'runtime',
    cve: ['CVE-2024-21626'],
    test: ['test/oci/process.test.ts', 'cannot leave the container through a descriptor of the runtime'],
    weakened: 'its caller leaves no directory open: the same attack on exec has one, and is weakened',
  },
  {
    group: 'runtime',
    cve: ['CVE-2024-21626'],
    test: [attacks, 'cannot lead the directory of an exec out through a descriptor'],
    weakened: { host: 'standalone', edits: [keepForeign, enterAnyDirectory], succeeds: /programs/ },
  },
  {
    group: 'runtime',
    test: [attacks, 'has no descriptor of the caller in its hooks'],
    weakened: {
      host: 'standalone',
      edits: [
        {
          file: 'native/binding/host_program.cc',
          find: '  require(child, "close_range", sys::close_range(static_cast<unsigned>(program.first + child.count), ~0u, 0));\n',
          replace: '',
        },
      ],
      succeeds: /./,
    },
  },
  {
    group: 'runtime',
    test: ['test/oci/userns.test.ts', 'passes no descriptor of the init to a createContainer hook'],
    weakened: 'the descriptors of the init are close-on-exec one by one',
  },
  {
    group: 'runtime',
    cve: ['CVE-2021-43784'],
    test: ['test/native/plan-decoder.test.ts', 'reads nothing outside a damaged plan'],
    weakened: {
      edits: [
        {
          file: 'native/wire/plan.cc',
          find: '    if (!plan->checked(i)) return false;\n',
          replace: '    static_cast<void>(plan->checked(i));\n',
        },
      ],
      succeeds: /AddressSanitizer/,
    },
  },
  {
    group: 'runtime',
    cve: ['CVE-2021-43784'],
    test: ['test/oci/large-config.test.ts', 'with more entries than a call may have arguments has a plan'],
    weakened: 'lengths in the plan have 32 bits everywhere',
  },
  {
    group: 'runtime',
    test: ['test/oci/damaged-record.test.ts', 'never causes the kill of another process with its pid'],
    weakened: {
      edits: [
        {
          file: 'src/lifecycle/init-process.ts',
          find: 'return { startTime: Number(fields[startTimeField]), alive:',
          replace: 'return { startTime: 0 * Number(fields[startTimeField]), alive:',
        },
      ],
      succeeds: /./,
    },
  },
  {
    group: 'paths',
    cve: ['CVE-2021-30465', 'CVE-2024-45310'],
    test: [attacks, exchanged],
    weakened: { edits: [linksLeadOut], succeeds: /new|file/ },
  },
  {
    group: 'paths',
    cve: ['CVE-2019-19921', 'CVE-2023-27561', 'CVE-2023-28642'],
    test: [attacks, 'that exchanges the target of a proc for a link never leads it away'],
    weakened: { edits: [procThroughLinks], succeeds: /volume\/false/ },
  },
  {
    group: 'paths',
    cve: ['CVE-2019-19921', 'CVE-2023-27561', 'CVE-2023-28642'],
    test: ['test/oci/mount-targets.test.ts', 'are refused for %s, which requires a real directory'],
    weakened: { edits: [procThroughLinks], succeeds: /should have failed/ },
  },
  {
    group: 'paths',
    cve: ['CVE-2021-30465'],
    test: ['test/oci/mount-targets.test.ts', 'in a parent directory never leave the root'],
    weakened: { edits: [linksLeadOut], succeeds: /./ },
  },
  {
    group: 'paths',
    cve: ['CVE-2024-45310'],
    test: ['test/oci/mount-targets.test.ts', 'that dangles (%s) create its target inside the root'],
    weakened: { edits: [linksLeadOut], succeeds: /./ },
  },
  {
    group: 'paths',
    cve: ['CVE-2025-31133'],
    test: ['test/oci/paths.test.ts', 'are not masked with the /dev/null of the container'],
    weakened: { edits: [anyFileIsNull], succeeds: /root:x:0/ },
  },
  {
    group: 'paths',
    cve: ['CVE-2025-31133'],
    test: [
      'test/oci/paths.test.ts',
      'show the null device of the host if a mount hides that of the container',
    ],
    weakened: { edits: [anyFileIsNull], succeeds: /./ },
  },
  {
    group: 'paths',
    cve: ['CVE-2025-52565'],
    test: ['test/oci/terminal.test.ts', 'does not follow a /dev/console that is a link in the image'],
    weakened: {
      edits: [
        {
          file: 'native/core/terminal.cc',
          find: 'constexpr int kFind = O_PATH | O_NOFOLLOW | O_CLOEXEC;',
          replace: 'constexpr int kFind = O_PATH | O_CLOEXEC;',
        },
      ],
      succeeds: /should have failed/,
    },
  },
  {
    group: 'paths',
    cve: ['CVE-2019-16884', 'CVE-2025-52881'],
    test: ['test/oci/sysctl.test.ts', 'is not written to a mount over its file'],
    weakened: {
      edits: [
        {
          file: 'native/core/sysctl.cc',
          find: 'RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS',
          replace: 'RESOLVE_BENEATH',
        },
      ],
      succeeds: /./,
    },
  },
  {
    group: 'paths',
    cve: ['CVE-2019-16884', 'CVE-2025-52881'],
    test: [attacks, 'cannot change the environment of the runtime by the mounts it brings along'],
    weakened: 'a procfs covers such files before the first sysctl is written',
  },
  {
    group: 'paths',
    cve: ['CVE-2019-16884'],
    test: ['test/oci/mount-targets.test.ts', 'cannot be /proc for anything but a proc'],
    weakened: {
      edits: [
        {
          file: 'src/plan/mount-target.ts',
          find: "    if (fstype === 'proc') return mountFlags.ordinaryDirectory;\n",
          replace: '    if (fstype !== undefined) return mountFlags.ordinaryDirectory;\n',
        },
      ],
      succeeds: /should have failed/,
    },
  },
  {
    group: 'paths',
    cve: ['CVE-2026-41579', 'CVE-2026-47766'],
    test: ['test/oci/devices.test.ts', 'never appear outside the root, for any kind of /dev'],
    weakened: { edits: [linksLeadOut], succeeds: /./ },
  },
  {
    group: 'paths',
    cve: ['CVE-2026-41579', 'CVE-2026-47766'],
    test: ['test/oci/devices.test.ts', 'do not change their targets:'],
    weakened: { edits: [linksLeadOut], succeeds: /./ },
  },
  {
    group: 'paths',
    cve: ['CVE-2023-25809'],
    test: [
      'test/oci/userns.test.ts',
      'keeps the cgroups of the host readonly below a readonly /sys of the host',
    ],
    weakened: {
      edits: [
        {
          file: 'src/plan/mounts.ts',
          find: "if (!tree || (set & MS.MS_RDONLY) === 0 || !above || !(source === '/sys' || isBelow(source, '/sys')))",
          replace: "if (!tree || (set & MS.MS_RDONLY) === 0 || !above || source !== 'nowhere')",
        },
      ],
      succeeds: /./,
    },
  },
  {
    group: 'paths',
    test: ['test/oci/badinput.test.ts', 'NUL in a mount'],
    weakened: {
      edits: [
        {
          file: 'src/validate/check-shape.ts',
          find: "        if (value.includes('\\0')) this.nul();\n",
          replace: '',
        },
      ],
      succeeds: /./,
    },
  },
  {
    group: 'paths',
    test: ['test/oci/ids.test.ts', 'cannot be %j'],
    weakened: {
      edits: [
        {
          file: 'src/lifecycle/ids.ts',
          find: 'const grammar = /^[A-Za-z0-9_+.-]+$/;',
          replace: 'const grammar = /^[A-Za-z0-9_+./-]+$/;',
        },
      ],
      succeeds: /./,
    },
  },
  {
    group: 'paths',
    test: ['test/oci/cgroup.test.ts', 'is at its path, %s'],
    weakened: 'the path is cleaned at each of its three joins',
  },
  {
    group: 'paths',
    test: ['test/oci/exec.test.ts', 'joins a cgroup below that of the container, and none above'],
    weakened: {
      edits: [
        {
          file: 'src/lifecycle/exec-cgroup.ts',
          find: 'if (path !== own && !isBelow(path, own))',
          replace: "if (path === '/')",
        },
      ],
      succeeds: /unable to start/,
    },
  },
  {
    group: 'privileges',
    cve: ['CVE-2022-29162', 'CVE-2022-24769'],
    test: [attacks, 'of which an exec gets more capabilities has none of them as inheritable'],
    weakened: {
      edits: [
        {
          file: 'src/lifecycle/exec-process.ts',
          find: '    permitted: add(sets.permitted),\n',
          replace: '    permitted: add(sets.permitted),\n    inheritable: add(sets.inheritable),\n',
        },
      ],
      succeeds: /0000000000000000/,
    },
  },
  {
    group: 'privileges',
    cve: ['CVE-2026-30892'],
    test: [attacks, 'cannot give its users another meaning'],
    weakened: 'no code looks a user of exec up',
  },
  {
    group: 'privileges',
    test: [attacks, 'never runs with the seccomp filter of another one, nor of its predecessor'],
    weakened: {
      edits: [
        {
          file: 'src/lifecycle/exec-process.ts',
          find: 'const filter = listener === undefined ? undefined : loadInheritedFilter(listener);',
          replace:
            'const filter = listener === undefined || id !== "" ? undefined : loadInheritedFilter(listener);',
        },
      ],
      succeeds: /./,
    },
  },
  {
    group: 'network',
    test: [networkAttacks, 'leaves under the address of the host, whatever source address'],
    weakened: {
      edits: [
        {
          file: ruleset,
          find: "  ['postrouting', [...inputIs('outgoing'), ...outputIs('nets', true), masquerade()]],\n",
          replace: '',
        },
      ],
      succeeds: /203\.0\.113\.7/,
    },
  },
  {
    group: 'network',
    test: [networkAttacks, 'reaches no container of another network with an address of that network'],
    weakened: { edits: [enterAnyNetwork], succeeds: /./ },
  },
  {
    group: 'network',
    test: [networkAttacks, 'takes no packet of the host to an address of 127.0.0.0/8'],
    weakened: {
      edits: [
        {
          file: ruleset,
          find: "  ['guard', [...notFromLoopback, ...isLoopback4('destination'), verdict('drop')]],\n",
          replace: '',
        },
      ],
      succeeds: /host 10\.63\.0\.2/,
    },
  },
  {
    group: 'network',
    test: [networkAttacks, 'hears traffic %s only where it belongs'],
    weakened: {
      edits: [
        // Frames between two ports of a bridge also pass the rules, where the module br_netfilter is loaded.
        {
          file: ruleset,
          find: "...(isolated ? [] : [{ set: 'same', key: [...key, ...key] }]),",
          replace: "{ set: 'same', key: [...key, ...key] },",
        },
        {
          file: 'native/binding/links.cc',
          find: '  if (isolated) message.add(IFLA_BRPORT_ISOLATED, &on, sizeof on);\n',
          replace: '  static_cast<void>(isolated);\n',
        },
      ],
      succeeds: /./,
    },
  },
  {
    group: 'network',
    test: ['test/oci/network.test.ts', 'is not reached by a neighbour that routes the subnet over the host'],
    weakened: { edits: [enterAnyNetwork], succeeds: /./ },
  },
  {
    group: 'network',
    test: ['test/oci/network.test.ts', 'is not reached with IPv6 by a neighbour that routes'],
    weakened: { edits: [enterAnyNetwork], succeeds: /./ },
  },
  {
    group: 'network',
    test: ['test/oci/network-ports.test.ts', 'on 127.0.0.1 is not reached from the neighbour'],
    weakened: 'the neighbour is kept away by the kernel, and by the guard that the attack above weakens',
  },
  {
    group: 'network',
    test: ['test/oci/network-ports.test.ts', 'is reached from a container of another network'],
    weakened: { edits: [enterAnyNetwork], succeeds: /./ },
  },
  {
    group: 'network',
    test: ['test/oci/network-command.test.ts', 'makes an internal network that no traffic leaves'],
    weakened: {
      edits: [
        {
          file: ruleset,
          find: "    ...(internal ? [] : [{ set: 'outgoing', key }]),\n",
          replace: "    { set: 'outgoing', key },\n    ...(internal ? [] : []),\n",
        },
      ],
      succeeds: /./,
    },
  },
  {
    group: 'network',
    test: ['test/oci/network-command.test.ts', 'keeps two networks apart with IPv4 and IPv6'],
    weakened: { edits: [enterAnyNetwork], succeeds: /./ },
  },
  {
    group: 'network',
    test: [
      'test/oci/network-command.test.ts',
      'names a damaged definition and foreign entries, and follows no link',
    ],
    weakened: 'three checks hold it: of the name, of the kind of the file, of its content',
  },
  {
    group: 'image',
    test: ['test/native/unpack.test.ts', 'that %s becomes the tree that umoci makes'],
    weakened: {
      edits: [
        {
          file: 'native/unpack/place.cc',
          find: 'constexpr uint64_t kLinksInRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;',
          replace: 'constexpr uint64_t kLinksInRoot = 0;',
        },
      ],
      succeeds: /./,
    },
  },
  {
    group: 'image',
    test: ['test/native/unpack.test.ts', 'that %s is refused'],
    weakened: {
      edits: [
        {
          file: 'native/unpack/place.cc',
          find: 'constexpr uint64_t kLinksInRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;',
          replace: 'constexpr uint64_t kLinksInRoot = 0;',
        },
        {
          file: 'native/unpack/place.cc',
          find: 'constexpr uint64_t kNoLinks = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;',
          replace: 'constexpr uint64_t kNoLinks = 0;',
        },
      ],
      succeeds: /./,
    },
  },
  {
    group: 'image',
    test: ['test/native/archive.test.ts', 'with sanitizers'],
    weakened: 'a fuzzer: each finding would be a fault of the reader',
  },
  {
    group: 'image',
    test: ['test/direct/image-archive.test.ts', 'image load'],
    weakened: 'an archive of an image has many checks, each with its own test',
  },
  {
    group: 'image',
    test: ['test/direct/container.test.ts', 'never leave the container through its links'],
    weakened: { edits: openAnywhere, succeeds: /./ },
  },
  {
    group: 'image',
    test: [
      'test/direct/container.test.ts',
      'from a file that is a link: it is followed inside the image only',
    ],
    weakened: { edits: openAnywhere, succeeds: /./ },
  },
];

/** Every published attack on runc or crun whose way leads through a property that tsubo has too. */
export const published = [
  'CVE-2016-9962',
  'CVE-2019-5736',
  'CVE-2019-16884',
  'CVE-2019-19921',
  'CVE-2021-30465',
  'CVE-2021-43784',
  'CVE-2022-24769',
  'CVE-2022-29162',
  'CVE-2023-25809',
  'CVE-2023-27561',
  'CVE-2023-28642',
  'CVE-2024-21626',
  'CVE-2024-45310',
  'CVE-2025-31133',
  'CVE-2025-52565',
  'CVE-2025-52881',
  'CVE-2026-30892',
  'CVE-2026-41579',
  'CVE-2026-47766',
] as const;

/** The table of SECURITY.md: each published attack with its tests. */
export function tableOfPublished(): string {
  const rows = [...published]
    .sort()
    .flatMap(cve =>
      listOfAttacks
        .filter(attack => attack.cve?.includes(cve))
        .map(({ test: [file, name], weakened }, index) => [
          index === 0 ? cve : '',
          file,
          name,
          typeof weakened === 'string' ? 'no' : 'yes',
        ]),
    );
  const head = ['attack', 'file', 'test', 'seen to succeed without the defence'];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map(cells => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  return [head, widths.map(width => '-'.repeat(width)), ...rows].map(line).join('');
}
