// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';

const machine = directMachine();
let context = '';

beforeEach(() => {
  context = join(machine.box.dir, 'context');
  rmSync(context, { recursive: true, force: true });
  mkdirSync(context, { recursive: true });
  machine.image('base', { files: { 'etc/hosts': '', 'etc/hostname': '', 'etc/resolv.conf': '' } });
});

function put(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(context, path)), { recursive: true });
    writeFileSync(join(context, path), text);
  }
}

function build(dockerfile: string, ...options: readonly string[]) {
  put({ Dockerfile: dockerfile });
  return machine.oci('image', 'build', '--network', 'none', '-t', 'made', ...options, context);
}

function built(dockerfile: string, ...options: readonly string[]): string {
  const { status, stdout, stderr, log } = build(dockerfile, ...options);
  const errors = log.filter(({ level }) => level === 'error').map(({ msg }) => msg);
  expect({ status, errors, stderr: status === 0 ? '' : stderr }).toEqual({
    status: 0,
    errors: [],
    stderr: '',
  });
  return stdout;
}

function fails(dockerfile: string, ...options: readonly string[]) {
  const { status, stderr, log } = build(dockerfile, ...options);
  const errors = log.filter(({ level }) => level === 'error');
  expect([status, errors.length]).toEqual([1, 1]);
  return { stderr, ...errors[0] } as Record<string, unknown> & { stderr: string; msg: string };
}

const run = (...words: readonly string[]) =>
  machine.done('run', '--rm', '--network', 'none', 'made', ...words);
const show = (script: string) => run('sh', '-c', script);

function image(name = 'made') {
  return JSON.parse(machine.oci('image', 'inspect', name).stdout)[0];
}

describe.skipIf(requires('root'))('image build', () => {
  it('runs steps in order and keeps their files and settings', () => {
    put({ 'app/a.txt': 'a', 'app/sub/b.txt': 'b' });
    const output = built(
      [
        'FROM base',
        'ENV GREETING=hello \\',
        '    # a comment',
        '    NAME="the world"',
        'WORKDIR /srv/app',
        'COPY app .',
        'RUN echo "$GREETING $NAME" >out && cat out',
        'RUN ["/bin/busybox", "touch", "exec-form"]',
        'USER www',
        'EXPOSE 80',
        'LABEL made.by=tsubo',
        'ENTRYPOINT ["cat"]',
        'CMD ["out"]',
      ].join('\n'),
    );
    expect(output).toContain('Step 4/11 : COPY app .\n');
    expect(output).toContain('\nhello the world\n');
    expect(output).toMatch(/\nSuccessfully built [0-9a-f]{12}\nSuccessfully tagged made:latest\n$/);
    expect(run()).toBe('hello the world\n');
    expect(run('a.txt', 'sub/b.txt')).toBe('ab');
    expect(image().Config).toMatchObject({
      Env: ['PATH=/usr/bin:/bin', 'GREETING=hello', 'NAME=the world'],
      WorkingDir: '/srv/app',
      User: 'www',
      ExposedPorts: { '80/tcp': {} },
      Labels: { 'made.by': 'tsubo' },
      Entrypoint: ['cat'],
      Cmd: ['out'],
    });
    expect(machine.directory('containers')).toEqual([]);
    expect(machine.directory('layers').filter(name => name.startsWith('.'))).toEqual([]);
  });

  it('takes unchanged steps from the cache, and no step after the first change', () => {
    put({ one: '1', two: '2', three: '3' });
    const dockerfile =
      'FROM base\nCOPY one /\nCOPY two /\nCOPY three /\nRUN cat /three >/four\nCMD ["cat", "/four"]';
    const cached = (output: string) =>
      output
        .split('Step ')
        .slice(1)
        .map(step => step.includes('Using cache'));
    expect(cached(built(dockerfile))).toEqual([false, false, false, false, false, false]);
    const first = image();
    expect(cached(built(dockerfile))).toEqual([false, true, true, true, true, true]);
    expect(image().Id).toBe(first.Id);
    // A new time alone changes nothing.
    utimesSync(join(context, 'one'), 1000, 1000);
    put({ three: 'changed' });
    expect(cached(built(dockerfile))).toEqual([false, true, true, false, false, false]);
    expect(run()).toBe('changed');
    expect(cached(built(dockerfile, '--no-cache'))).toEqual([false, false, false, false, false, false]);
    chmodSync(join(context, 'two'), 0o600);
    expect(cached(built(dockerfile))).toEqual([false, true, false, false, false, false]);
  });

  it('runs a step again whose layer was pruned', () => {
    built('FROM base\nRUN echo 1 >/one\nRUN echo 2 >/two');
    machine.oci('image', 'rm', 'made');
    machine.oci('image', 'prune');
    const output = built('FROM base\nRUN echo 1 >/one\nRUN echo 2 >/two');
    expect(output).not.toContain('Using cache');
    expect(run('cat', '/one', '/two')).toBe('1\n2\n');
  });

  it('copies from other stages with their owners, and builds only needed stages', () => {
    const dockerfile = [
      'FROM base AS unused',
      'RUN exit 1',
      'FROM base AS build',
      'RUN mkdir /out && echo bin >/out/program && chmod 750 /out/program && chown 33:29 /out/program',
      'FROM build AS more',
      'RUN echo more >/out/more',
      'FROM scratch',
      'COPY --from=base /bin/busybox /bin/',
      'COPY --from=more /out /opt',
      'COPY --from=2 --chown=5:6 --chmod=711 /out/more /last',
    ].join('\n');
    built(dockerfile);
    expect(run('/bin/busybox', 'stat', '-c', '%a %u:%g %n', '/opt/program', '/opt/more', '/last')).toBe(
      '750 33:29 /opt/program\n644 0:0 /opt/more\n711 5:6 /last\n',
    );
    expect(image().History).toHaveLength(3);
  });

  it('builds the stage of --target', () => {
    built('FROM base AS one\nCMD ["echo", "one"]\nFROM base\nRUN exit 1', '--target', 'one');
    expect(run()).toBe('one\n');
    expect(fails('FROM base AS one', '--target', 'two')).toMatchObject({ code: 'build.no-stage' });
  });

  it('gives variables the scopes of ARG and ENV', () => {
    const dockerfile = [
      'ARG BASE=none',
      'ARG GLOBAL=global',
      'FROM $BASE',
      'ARG GLOBAL',
      'ARG OWN=own',
      'ARG BOTH=arg',
      'ENV BOTH=env',
      'ENV FROM_ARG=${OWN:-no}-$MISSING',
      'RUN echo "$GLOBAL $OWN $BOTH ${BASE-unset} $FROM_ARG" >/out',
      'CMD ["cat", "/out"]',
    ].join('\n');
    built(dockerfile, '--build-arg', 'BASE=base');
    expect(run()).toBe('global own env unset own-\n');
    expect(run('sh', '-c', 'echo ${OWN-gone} $BOTH')).toBe('gone env\n');
    built(dockerfile, '--build-arg', 'BASE=base', '--build-arg', 'OWN=x', '--build-arg', 'GLOBAL=y');
    expect(run()).toBe('y x env unset x-\n');
  });

  it('warns of a build argument that nothing uses', () => {
    const { log } = build('FROM base\nARG A', '--build-arg', 'A=1', '--build-arg', 'B=2');
    expect(log.filter(({ level }) => level === 'warning').map(({ msg }) => msg)).toEqual([
      'one or more build-args were not consumed: B',
    ]);
  });

  it('runs and copies heredocs', () => {
    built(
      [
        'FROM base',
        'ENV WHO=you',
        'RUN <<EOF',
        'echo one >/a',
        'echo "$WHO" >>/a',
        'EOF',
        'RUN <<-"EOF" cat >/b && echo end >>/b',
        '\ttext $WHO',
        '\tEOF',
        'RUN <<EOF',
        '#!/bin/busybox sh',
        'echo script >/c',
        'EOF',
        'COPY <<one <<"two" /texts/',
        'hello $WHO',
        'one',
        'hello $WHO',
        'two',
      ].join('\n'),
    );
    expect(show('cat /a /b /c /texts/one /texts/two')).toBe(
      'one\nyou\ntext $WHO\nend\nscript\nhello you\nhello $WHO\n',
    );
  });

  it('leaves out what .dockerignore names', () => {
    put({
      '.dockerignore': '# comment\n*.log\n**/tmp\ndocs/*\n!docs/keep.md\nDockerfile\n',
      'a.log': 'x',
      'a.txt': 'x',
      'sub/b.log': 'x',
      'sub/tmp/file': 'x',
      'docs/keep.md': 'x',
      'docs/drop.md': 'x',
    });
    built('FROM base\nCOPY . /ctx/');
    expect(show('cd /ctx; for f in * */* .dockerignore; do test -f "$f" && echo "$f"; done; true')).toBe(
      'a.txt\ndocs/keep.md\nsub/b.log\n.dockerignore\n',
    );
    expect(fails('FROM base\nCOPY a.log /')).toMatchObject({ code: 'build.no-file', line: 2 });
  });

  it('copies patterns, links, and directories over existing ones', () => {
    put({
      'x1.conf': '1',
      'x2.conf': '2',
      'y.conf': 'y',
      'etc/passwd': 'root:x:0:0:root:/:/bin/sh\n',
      'etc/new/f': 'f',
    });
    chmodSync(join(context, 'etc/new'), 0o700);
    symlinkSync('x1.conf', join(context, 'link'));
    symlinkSync('../x1.conf', join(context, 'etc/inner'));
    lchownSync(join(context, 'y.conf'), 7, 7);
    built(
      'FROM base\nWORKDIR /w\nCOPY x?.conf y.conf confs/\nCOPY link here\nCOPY --chown=www y.conf /owned/y\nCOPY etc /etc',
    );
    expect(
      show('cd /w; cat confs/x1.conf confs/x2.conf here; cat /etc/new/f; test -e /etc/group && echo kept'),
    ).toBe('121fkept\n');
    expect(show("stat -c '%a %u:%g %n' /w/confs/y.conf /etc/new /owned /owned/y /etc/inner")).toBe(
      '644 0:0 /w/confs/y.conf\n700 0:0 /etc/new\n755 33:33 /owned\n644 33:33 /owned/y\n777 0:0 /etc/inner\n',
    );
  });

  it('makes directories with the mode 0755, and those of WORKDIR for the user of USER', () => {
    put({ 'secret/inner/f': 'f' });
    for (const path of ['secret', 'secret/inner']) chmodSync(join(context, path), 0o700);
    built(
      [
        'FROM base AS first',
        'RUN mkdir -m 1777 /shared && chown 7:7 /shared',
        'FROM base',
        'COPY --from=first /shared /shared',
        'COPY --chmod=640 secret /new/secret',
        'COPY secret /etc',
        'WORKDIR /before',
        'USER www',
        'WORKDIR /a/b',
        'USER 44',
        'WORKDIR c',
        'USER root',
        'WORKDIR /before',
      ].join('\n'),
    );
    expect(
      show("stat -c '%a %u:%g %n' /shared /new /new/secret /new/secret/inner /etc /before /a /a/b /a/b/c"),
    ).toBe(
      [
        '755 0:0 /shared',
        '755 0:0 /new',
        '755 0:0 /new/secret',
        '640 0:0 /new/secret/inner',
        '755 0:0 /etc',
        '755 0:0 /before',
        '755 33:33 /a',
        '755 33:33 /a/b',
        '755 44:44 /a/b/c',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['FROM base\nCOPY f /file\n  WORKDIR /file', 3, 3],
    ['FROM base\nCOPY f /file\nWORKDIR /file/below', 3, 1],
    ['FROM base\nCOPY f /file\nCOPY f /file/', 3, 1],
    ['FROM base\nCOPY f /file\nUSER missing\nWORKDIR /new', 4, 1],
  ])('names the line of a directory that cannot be made: %j', (dockerfile, line, column) => {
    put({ f: 'f' });
    const place = { code: 'build.syntax', document: 'Dockerfile', line, column };
    const { msg, ...failure } = fails(dockerfile);
    expect(failure).toMatchObject(place);
    expect(msg).toMatch(/it exists and is not a directory|unable to find user missing/);
  });

  it('writes the id for scripts: --iidfile, and alone with --quiet', () => {
    const file = join(machine.box.dir, 'id');
    expect(built('FROM base\nRUN echo output', '--iidfile', file, '--quiet')).toBe(`${image().Id}\n`);
    expect(readFileSync(file, 'utf8')).toBe(image().Id);
    fails('FROM base\nRUN false', '--iidfile', file);
    expect(existsSync(file)).toBe(false);
  });

  it('unpacks archives with ADD, and copies them with COPY', () => {
    put({ 'in/dir/file': 'content' });
    chmodSync(join(context, 'in/dir/file'), 0o4755);
    for (const [option, name] of [
      ['-cf', 'a.tar'],
      ['-czf', 'b.tar.gz'],
    ] as const)
      execFileSync('tar', [
        '--owner=33',
        '--group=29',
        '-C',
        join(context, 'in'),
        option,
        join(context, name),
        '.',
      ]);
    built('FROM base\nADD a.tar /plain/\nADD b.tar.gz /zipped\nCOPY a.tar /kept/\nADD in/dir/file /single');
    expect(show("cat /plain/dir/file; stat -c '%a %u:%g' /zipped/dir/file /kept/a.tar /single")).toBe(
      'content4755 33:29\n644 0:0\n4755 0:0\n',
    );
  });

  it.skipIf(requires('bzip2', 'xz'))('unpacks archives of bzip2 and xz with ADD', () => {
    put({ 'in/file': 'content' });
    for (const [option, name] of [
      ['-cjf', 'a.tar.bz2'],
      ['-cJf', 'b.txz'],
    ] as const)
      execFileSync('tar', ['-C', join(context, 'in'), option, join(context, name), '.']);
    built('FROM base\nADD a.tar.bz2 /one\nADD b.txz /other');
    expect(show('cat /one/file /other/file')).toBe('contentcontent');
  });

  it('executes the triggers of the base image', () => {
    put({ f: 'trigger' });
    built('FROM base\nONBUILD COPY f /f\nONBUILD RUN cat /f >/g');
    expect(machine.oci('image', 'tag', 'made', 'parent').status).toBe(0);
    expect(built('FROM parent\nCMD ["cat", "/g"]')).toContain('# Executing 2 build triggers');
    expect(run()).toBe('trigger');
    expect(image().Config.OnBuild).toBeUndefined();
  });

  it('names the line of a step that fails, with its neighbours', () => {
    const { stderr, msg, ...rest } = fails('FROM base\n\n  RUN echo said && \\\n  exit 7\nCMD x');
    expect(rest).toMatchObject({
      code: 'build.step',
      document: 'Dockerfile',
      line: 3,
      column: 3,
      value: '7',
    });
    expect(msg).toContain("the command '/bin/sh -c echo said &&   exit 7' returned a non-zero code: 7");
    expect(stderr).toContain(
      '  2 |     \n  3 | >>>   RUN echo said && \\\n  4 |       exit 7\n  5 |     CMD x\n',
    );
    expect(machine.directory('containers')).toEqual([]);
    expect(machine.directory('layers').filter(name => name.startsWith('.'))).toEqual([]);
  });

  it.each([
    ['FROM base\nRUN --mount=type=secret,id=x true', 'build.unsupported', 2],
    ['FROM base\nADD https://example.org/a /a', 'build.unsupported', 2],
    ['FROM --platform=linux/riscv64 base', 'build.unsupported', 1],
    ['FROM base\nCOPY --parents a /a', 'build.unsupported', 2],
    ['RUN true', 'build.syntax', 1],
    ['FROM base AS', 'build.syntax', 1],
    ['FROM base\nCOPY a b', 'build.no-file', 2],
    ['FROM base\nCOPY Dockerfile Dockerfile /a', 'build.syntax', 2],
    ['FROM base\nCOPY --from=9 a /a', 'build.syntax', 2],
    ['FROM base\n\nRUN ["nope"]', 'container.program-not-found', 3],
    ['FROM base\nUSER missing-user\nRUN true', 'direct.no-user', 3],
    ['FROM base\n# x\nNOPE', 'build.syntax', 3],
  ])('refuses %j with its line', (dockerfile, code, line) => {
    expect(fails(dockerfile)).toMatchObject({ code, line, document: 'Dockerfile' });
  });

  it('reads the Dockerfile from standard input, and from another file', () => {
    put({ 'other/Dockerfile': 'FROM base\nCOPY f /f\nCMD ["cat", "/f"]', f: 'from file' });
    machine.oci('image', 'build', '-q', '-t', 'made', '-f', join(context, 'other/Dockerfile'), context);
    expect(run()).toBe('from file');
    const text = 'FROM base\nCMD ["echo", "from input"]';
    const words = machine.box.command('image', 'build', '-t', 'made', '-');
    const { status } = machine.box.view.exec(['sh', '-c', `printf '%s' "$0" | "$@"`, text, ...words], {
      env: machine.env,
    });
    expect(status).toBe(0);
    expect(run()).toBe('from input\n');
  });

  it('gives equal digests in two builds with SOURCE_DATE_EPOCH', () => {
    machine.variables = { SOURCE_DATE_EPOCH: '1600000000' };
    put({ 'app/f': 'f' });
    const dockerfile =
      'FROM base\nRUN mkdir /d && echo 1 >/d/f && rm /etc/group\nCOPY app /app/\nWORKDIR /new/dir\nCMD ["x"]';
    built(dockerfile);
    const first = image();
    expect(first.Created).toBe('2020-09-13T12:26:40Z');
    utimesSync(join(context, 'app/f'), 1_700_000_000, 1_700_000_000);
    built(dockerfile, '--no-cache');
    const second = image();
    expect([second.Id, second.Manifest]).toEqual([first.Id, first.Manifest]);
    const [layer] = second.Layers.slice(-1);
    const names = execFileSync(
      'tar',
      ['-tvf', join(machine.data, 'images/blobs/sha256', layer.digest.slice(7))],
      {
        encoding: 'utf8',
        env: { TZ: 'UTC', PATH: process.env['PATH'] ?? '' },
      },
    );
    expect(names).toMatch(/^drwxr-xr-x 0\/0 +0 2020-09-13 12:26 new\/\n/);
  });

  it('prints only the id with --quiet, and the output of a step that fails', () => {
    const { stdout } = build('FROM base\nRUN echo hidden', '-q');
    expect(stdout).toBe(`${image().Id}\n`);
    const failed = build('FROM base\nRUN echo reason && exit 3', '-q');
    expect(failed.stdout).toBe('reason\n');
  });
});

describe.skipIf(requires('root'))('an image of a build', () => {
  it('has a tree for each layer that equals its archive', () => {
    put({ 'app/f': 'f' });
    built('FROM base\nRUN rm /etc/group && mkdir -p /a/b && echo x >/a/b/c && ln /a/b/c /a/d\nCOPY app /a/');
    const layers = image().Layers.slice(1) as { digest: string }[];
    const before = layers.map(({ digest }) => listing(digest.slice(7)));
    for (const { digest } of layers)
      execFileSync('rm', ['-r', join(machine.data, 'layers', digest.slice(7))]);
    expect(show('cat /a/d /a/f')).toBe('x\nf');
    expect(layers.map(({ digest }) => listing(digest.slice(7)))).toEqual(before);
  });

  function listing(hex: string): string {
    const tree = join(machine.data, 'layers', hex, 'tree');
    const record = JSON.parse(readFileSync(join(machine.data, 'layers', hex, 'layer.json'), 'utf8'));
    const text = execFileSync('find', ['.', '-mindepth', '1', '-printf', '%p %y %m %U:%G %T@ %n %l\n'], {
      cwd: tree,
      encoding: 'utf8',
    });
    // The time of a whiteout is not in an archive.
    const lines = text.split('\n').map(line => line.replace(/( c 0 0:0 )\S+/, '$1'));
    return [record.diffId, record.size, record.entries, ...lines.sort()].join('\n');
  }
});
