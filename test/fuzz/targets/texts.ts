// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isGroup } from '../../../src/cli/command.ts';
import { modules } from '../../../src/cli/commands/index.ts';
import { rootDirectory } from '../../../src/cli/globals.ts';
import { parse } from '../../../src/cli/parse.ts';
import * as request from '../../../src/direct/request.ts';
import { parseEnvFile } from '../../../src/direct/request.ts';
import { readProfile } from '../../../src/direct/seccomp-profile.ts';
import { findUser } from '../../../src/direct/users.ts';
import { parseImageDocument } from '../../../src/image/config.ts';
import { parseManifest, toOciManifest } from '../../../src/image/manifest.ts';
import { InvalidDocument } from '../../../src/image/members.ts';
import { formatReference, parseReference, shortReference } from '../../../src/image/reference.ts';
import { parsePublishFlags, publishedText } from '../../../src/network/publish.ts';
import { parseNetworkFlags } from '../../../src/network/request.ts';
import { containerResolvConf, requestedResolvConf } from '../../../src/network/resolv-conf.ts';
import { findCredentials } from '../../../src/node/registry/credentials.ts';
import { endpointsOf } from '../../../src/node/registry/settings.ts';
import { parseNumberList } from '../../../src/oci/number-list.ts';
import { checkSeccompText } from '../check-seccomp.ts';
import { mutateJson, mutateText } from '../mutate.ts';
import { attempt, requireError, type Target, Violation } from '../target.ts';
import { temporaryDirectory } from '../temporary.ts';

const digest = `sha256:${'5'.repeat(64)}`;
const references = [
  'busybox',
  'registry.example:5000/a/b:v1',
  `docker.io/library/x@${digest}`,
  '[::1]:5000/x',
  'localhost/a_b/c-d:1.0',
];

/** A reference that is accepted has one complete form, which is accepted again and means the same. */
export const referenceTarget: Target = {
  name: 'reference',
  corpus: references,
  generate: random => mutateText(random, random.pick(references), references),
  execute(input) {
    const reference = attempt(() => parseReference(input as string));
    if (reference === undefined) return false;
    const complete = formatReference(reference);
    if (formatReference(parseReference(complete)) !== complete)
      throw new Violation('a complete reference has another complete form', complete);
    shortReference(complete);
    return true;
  },
};

const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: 5 };
const documents = [
  {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { ...descriptor, mediaType: 'application/vnd.oci.image.config.v1+json' },
    layers: [descriptor, { ...descriptor, annotations: { a: 'b' } }],
    annotations: { a: 'b' },
  },
  {
    schemaVersion: 2,
    manifests: [{ ...descriptor, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } }],
  },
  {
    architecture: 'amd64',
    os: 'linux',
    created: '2026-01-01T00:00:00Z',
    author: 'x',
    config: {
      User: '1:2',
      ExposedPorts: { '80/tcp': {} },
      Env: ['PATH=/bin'],
      Entrypoint: ['/x'],
      Cmd: null,
      Volumes: { '/data': {} },
      WorkingDir: '/',
      Labels: { a: 'b' },
      StopSignal: 'SIGTERM',
    },
    rootfs: { type: 'layers', diff_ids: [digest] },
    history: [{ created: '2026-01-01T00:00:00Z', created_by: 'x', empty_layer: true }],
  },
];

/** Manifests, indexes and configs of images. */
export const manifestTarget: Target = {
  name: 'manifest',
  corpus: documents.map(document => JSON.stringify(document)),
  generate(random) {
    const text = JSON.stringify(mutateJson(random, random.pick(documents)));
    return random.once(8) ? mutateText(random, text) : text;
  },
  execute(input) {
    const text = input as string;
    let accepted = 0;
    for (const type of [
      'application/vnd.oci.image.manifest.v1+json',
      'application/vnd.oci.image.index.v1+json',
      '',
    ]) {
      if (attempt(() => parseManifest(text, type), InvalidDocument) !== undefined) accepted++;
    }
    if (attempt(() => parseImageDocument(text), InvalidDocument) !== undefined) accepted++;
    attempt(() => toOciManifest(text), InvalidDocument, SyntaxError);
    return accepted > 0;
  },
};

/** All names of commands and options. */
const commandWords = modules.flatMap(entry =>
  isGroup(entry) ? [entry.name, ...entry.commands.map(({ name }) => name)] : [entry.name],
);
const argumentWords = [
  ...[
    '--root',
    '--log',
    '--log-format',
    '--debug',
    '--systemd-cgroup',
    '--help',
    '-h',
    '--version',
    '-v',
    '--',
  ],
  ...[
    '--bundle',
    '-b',
    '--detach',
    '-d',
    '--force',
    '-f',
    '--format',
    '--network',
    '--publish',
    '-p',
    '--env',
    '-e',
  ],
  ...[
    '--user',
    '-u',
    '--process',
    '--pid-file',
    '--memory',
    '--resources',
    '-r',
    '-',
    '--all',
    '-a',
    '--name',
  ],
  ...['--root=', '--log-format=json', '--bundle=/x', '-it', '-e=A', 'id', 'KILL', '9', '/bin/sh', 'json', ''],
];

/** Command lines: each is parsed, or refused with an error that has a code. */
export const argvTarget: Target = {
  name: 'argv',
  corpus: commandWords.map(word => JSON.stringify([word, '--help'])),
  generate(random) {
    const words = Array.from({ length: random.below(7) }, (_, index) => {
      const word = index === 0 || random.once(6) ? random.pick(commandWords) : random.pick(argumentWords);
      return random.once(5) ? mutateText(random, word, argumentWords) : word;
    });
    return JSON.stringify(words);
  },
  execute(input) {
    const { action, globals } = parse('tsubo', JSON.parse(input as string) as string[], modules);
    const environment = { getenv: () => undefined, getcwd: () => '/directory' };
    attempt(() => rootDirectory(environment as never, globals));
    if (action.kind === 'usage-error') requireError(action.error);
    return action.kind !== 'usage-error';
  },
};

const values = [
  ...[
    '/a:/b:ro',
    'name:/b',
    '/c',
    'type=bind,source=/a,target=/b,readonly',
    'type=tmpfs,dst=/t,tmpfs-size=5m',
  ],
  ...[
    '/t:size=5m,mode=755',
    '/dev/null:/dev/x:rwm',
    'nofile=5:10',
    'seccomp=unconfined',
    'no-new-privileges',
  ],
  ...['default:ip=10.0.0.5,mac=02:00:00:00:00:01', 'db:10.0.0.5', '512m', '0.5', '10.0.0.1:80:8080/udp'],
  ...['[::1]:80-82:80-82', '0-3,5', 'A=b', 'label=x:y', 'host', 'none', '1.5g'],
];

/** Values of the options of `container run` and `create`. */
export const optionsTarget: Target = {
  name: 'options',
  corpus: values,
  generate: random => mutateText(random, random.pick(values), values),
  execute(input) {
    const text = input as string;
    const directory = () => '/directory';
    const readers: (() => unknown)[] = [
      () => request.parseVolume(text, directory),
      () => request.parseMount(text, directory),
      () => request.parseTmpfs(text),
      () => request.parseDevice(text),
      () => request.parseUlimit(text),
      () => request.parseSecurity([text]),
      () => request.parseNetworks([text], {}),
      () => request.parseHost(text),
      () => request.parseMemory('--memory', text),
      () => request.parseCpus(text),
      () => request.parsePairs('--label', [text]),
      () => request.capabilitiesOf([], [text], ['ALL'], []),
      () => parseNetworkFlags([text]),
      () => parsePublishFlags([text]).map(ports => parsePublishFlags([publishedText(ports)])),
      () => parseNumberList(text),
    ];
    return readers.filter(reader => attempt(reader) !== undefined).length > 0;
  },
};

const files = [
  '# comment\nA=b\nPATH\n  B = c\r\n',
  'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:\n',
  'wheel:x:10:root,user\n',
  'nameserver 10.0.0.1\nsearch a b\noptions ndots:5\n',
];

/** Files of lines: of `--env-file`, /etc/passwd, /etc/group and resolv.conf. */
export const linesTarget: Target = {
  name: 'lines',
  corpus: files,
  generate: random => mutateText(random, random.pick(files), files),
  execute(input) {
    const text = input as string;
    const entries = attempt(() => parseEnvFile(text, '/env', () => 'own'));
    if (entries?.some(entry => !/^[^=\0]+=[^\0]*$/s.test(entry)) === true)
      throw new Violation('an entry of --env-file is not NAME=VALUE', JSON.stringify(entries));
    for (const user of ['', 'user', '5:wheel', 'user:10', text.slice(0, 12)])
      attempt(() => findUser(user, { passwd: text, group: text }, [text.slice(0, 5)]));
    const first = text.split('\n', 1)[0] ?? '';
    requestedResolvConf(text, { servers: [], search: [first], options: [] } as never);
    containerResolvConf(text, { ipv6: text.length % 2 === 0 });
    return entries !== undefined;
  },
};

const directory = temporaryDirectory();
process.env['DOCKER_CONFIG'] = directory;
const settings = join(directory, 'tsubo.json');

const configs = [
  {
    auths: {
      'https://index.docker.io/v1/': { auth: 'YTpi' },
      'registry.example': { username: 'a', password: 'b' },
    },
  },
  { auths: { 'registry.example': { identitytoken: 'x', auth: '' } }, credsStore: '', credHelpers: {} },
  {
    registries: {
      'docker.io': { mirrors: ['https://mirror.example'], plainHttp: true },
      'registry.example': {},
    },
  },
];

/** Docker's config.json and the settings of the machine. */
export const settingsTarget: Target = {
  name: 'settings',
  corpus: configs.map(config => JSON.stringify(config)),
  generate(random) {
    const text = JSON.stringify(mutateJson(random, random.pick(configs)));
    return random.once(8) ? mutateText(random, text) : text;
  },
  execute(input) {
    writeFileSync(join(directory, 'config.json'), input as string);
    writeFileSync(settings, input as string);
    let accepted = false;
    for (const registry of ['docker.io', 'registry.example']) {
      // A helper is another program, which a name from the file could select.
      if (!/cred(Helpers|sStore)"/i.test((input as string).replace('"credsStore":"","credHelpers":{}', '')))
        accepted = attempt(() => findCredentials(registry) ?? true) !== undefined || accepted;
      accepted = attempt(() => endpointsOf(registry, settings)) !== undefined || accepted;
    }
    return accepted;
  },
};

const profiles = [
  {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
    syscalls: [
      { names: ['read', 'write'], action: 'SCMP_ACT_ALLOW' },
      {
        names: ['ptrace'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: 5, op: 'SCMP_CMP_EQ' }],
        includes: { minKernel: '4.8', caps: ['CAP_SYS_PTRACE'], arches: ['amd64'] },
        excludes: { caps: ['CAP_SYS_ADMIN'] },
      },
    ],
  },
];

/** Profiles of `--security-opt seccomp=FILE`. An accepted one passes the checks of config.json, or is refused by them. */
export const profileTarget: Target = {
  name: 'profile',
  corpus: profiles.map(profile => JSON.stringify(profile)),
  generate(random) {
    const text = JSON.stringify(mutateJson(random, random.pick(profiles)));
    return random.once(8) ? mutateText(random, text) : text;
  },
  execute(input) {
    const profile = attempt(() =>
      readProfile(input as string, '/profile.json', ['CAP_CHOWN'], {
        machine: 'x86_64',
        release: '6.1.0-18-amd64',
      }),
    );
    return profile !== undefined && checkSeccompText(profile);
  },
};
