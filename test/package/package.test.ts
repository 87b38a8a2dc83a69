// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missing, requires } from '../helpers/requires.ts';
import { checkout, compilers, filesIn, helloBundle, Installed, which } from './tarball.ts';

describe.skipIf(requires('npm', 'g++', 'standalone'))('the npm package', () => {
  let installed: Installed;
  beforeAll(() => {
    installed = new Installed();
  }, 300_000);
  afterAll(() => installed?.remove());

  test('contains addon and executable for each architecture, and no TypeScript sources', () => {
    const files = filesIn(installed.home);
    const architectures = missing('aarch64-linux-gnu-g++') === undefined ? ['arm64', 'x64'] : [process.arch];
    expect(files.filter(path => path.startsWith('prebuilds/'))).toEqual(
      architectures.flatMap(arch => [
        `prebuilds/linux-${arch}/tsubo`,
        `prebuilds/linux-${arch}/tsubo.glibc.node`,
      ]),
    );
    expect(files).toEqual(
      expect.arrayContaining(['dist/cli.js', 'dist/install.cjs', 'dist/tsubo', 'dist/tsubo.cjs']),
    );
    expect(files.filter(path => path.startsWith('dist/dashboard')).sort()).toEqual([
      'dist/dashboard.cjs',
      ...['icon.svg', 'index.html', 'page.css', 'page.js'].map(name => `dist/dashboard/${name}`),
    ]);
    expect(files).toContain('dist/types/index.d.ts');
    expect(files.filter(path => path.endsWith('.ts') && !path.endsWith('.d.ts'))).toEqual([]);
    expect(files.filter(path => /^(src|test|native\/build|bundle-fixtures)\//.test(path))).toEqual([]);
    for (const path of ['dist/tsubo', 'dist/tsubo.cjs', `prebuilds/linux-${process.arch}/tsubo`]) {
      expect(statSync(join(installed.home, path)).mode & 0o111).toBe(0o111);
    }
  });

  test('contains the licences of everything that is linked into it', () => {
    const text = (name: string): string => readFileSync(join(installed.home, 'dist', name), 'utf8');
    expect(text('LICENSE')).toMatch(/Apache License\s+Version 2\.0, January 2004/);
    const notices = text('THIRD-PARTY-NOTICES');
    for (const name of [
      '@xterm/addon-fit',
      '@xterm/xterm',
      'commander',
      'QuickJS-NG',
      'musl',
      'node-addon-api',
      'ws',
    ]) {
      expect(notices).toMatch(new RegExp(`^${name}\\b`, 'm'));
    }
    expect(notices).toContain('Fabrice Bellard');
    expect(notices).toContain('Rich Felker');
  });

  test('contains only the declarations that its entry references', () => {
    const types = join(installed.home, 'dist/types');
    const referenced = new Set(['index.d.ts']);
    for (const path of referenced) {
      for (const [, target = ''] of readFileSync(join(types, path), 'utf8').matchAll(
        /['"](\.{1,2}\/[^'"]+)['"]/g,
      )) {
        referenced.add(join(dirname(path), target.replace(/(?<!\.d)\.ts$/, '.d.ts')));
      }
    }
    expect([...referenced]).toContain('oci/config.d.ts');
    expect(filesIn(types).sort()).toEqual([...referenced].sort());
    expect([...referenced].filter(path => /^(cli|standalone)\//.test(path))).toEqual([]);
  });

  test('leaves no temporary files when it is made', () => {
    expect(readdirSync(installed.scratch)).toEqual([]);
  });

  test('is not published without an executable for each architecture', () => {
    const path = join(installed.project, 'few-programs');
    mkdirSync(path);
    symlinkSync(which('node'), join(path, 'node'));
    // A checkout without changes and tags. The machine may lack git.
    writeFileSync(join(path, 'git'), '#!/bin/sh\n', { mode: 0o755 });
    const { status, stderr } = spawnSync(process.execPath, [join(checkout, 'native/build/publishable.mjs')], {
      env: { PATH: path, CXX: 'g++' },
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('the package would be without arm64');
    expect(stderr).toContain('the package would be without x64');
  });

  describe('in its unpacked form', () => {
    const version = /^tsubo version \d+\.\d+\.\d+\n/;
    const call = (command: string, env: Record<string, string>) =>
      spawnSync(command, ['--version'], { env, encoding: 'utf8' });

    test('starts the executable directly, without programs in PATH', () => {
      expect(call(installed.command, { PATH: '/nonexistent' })).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(version),
      });
      expect(call(installed.command, {}).stdout).toMatch(version);
    });

    test('resolves links of others to its directory', () => {
      const link = join(installed.project, 'runtime');
      symlinkSync(installed.command, link);
      expect(call(link, {}).stdout).toMatch(version);
      expect(call(join(installed.home, 'dist/tsubo'), {}).stdout).toMatch(version);
    });

    test('starts the program for Node without an executable for the machine', () => {
      const executable = join(installed.home, `prebuilds/linux-${process.arch}/tsubo`);
      renameSync(executable, `${executable}.away`);
      try {
        expect(call(installed.command, { PATH: installed.path }).stdout).toMatch(version);
        expect(call(installed.command, { PATH: '/nonexistent' }).status).toBe(127);
      } finally {
        renameSync(`${executable}.away`, executable);
      }
    });
  });

  test('is installed without a compiler if the prebuilt addon is compatible, and only then', () => {
    for (const program of compilers) {
      expect(() => installed.run('/bin/sh', '-c', `command -v ${program}`)).toThrow();
    }
    const before = filesIn(installed.home);
    installed.runInstallScript();
    expect(filesIn(installed.home)).toEqual(before);
    // From now on the command is the executable itself.
    const executable = join(installed.home, `prebuilds/linux-${process.arch}/tsubo`);
    expect(realpathSync(installed.command)).toBe(realpathSync(join(installed.home, 'dist/tsubo')));
    expect(readFileSync(installed.command).equals(readFileSync(executable))).toBe(true);

    const prebuilds = join(installed.home, 'prebuilds');
    renameSync(prebuilds, `${prebuilds}.away`);
    expect(() => installed.runInstallScript()).toThrow(/node-gyp/);
    renameSync(`${prebuilds}.away`, prebuilds);
  });

  test('provides its command', () => {
    expect(installed.run(installed.command, '--version')).toMatch(/\bversion \d+\.\d+\.\d+/);
    const program = join(installed.home, 'dist/tsubo.cjs');
    expect(installed.run(process.execPath, program, '--version')).toMatch(/\bversion \d+\.\d+\.\d+/);
  });

  test.each([
    ['nodenext', 'module'],
    ['nodenext', 'commonjs'],
    ['node16', 'module'],
    ['node16', 'commonjs'],
    ['bundler', 'module'],
  ] as const)(
    'provides its types to a TypeScript program under %s in a package of type %s',
    (resolution, type) => {
      const project = join(installed.project, `types-${resolution}-${type}`);
      mkdirSync(project);
      writeFileSync(join(project, 'package.json'), JSON.stringify({ type }));
      const files = ['library.ts', 'streams.ts'];
      for (const name of files) cpSync(join(checkout, 'test/types', name), join(project, name));
      const config = {
        compilerOptions: {
          module: resolution === 'bundler' ? 'esnext' : resolution,
          moduleResolution: resolution,
          target: 'es2022',
          lib: ['es2022'],
          typeRoots: [join(checkout, 'node_modules/@types')],
          types: ['node'],
          strict: true,
          exactOptionalPropertyTypes: true,
          noEmit: true,
        },
        files,
      };
      writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
      // Throws with the output of the compiler if a type does not match.
      installed.run(process.execPath, join(checkout, 'node_modules/typescript/bin/tsc'), '-p', project);
    },
  );

  describe.skipIf(requires('root'))('as root', () => {
    test('runs the hello container', () => {
      const id = `package-${process.pid}`;
      const printed = installed.run(installed.command, 'run', '--bundle', helloBundle, id);
      expect(printed).toMatch(/^ +process id +1\b/m);
      expect(printed).toMatch(/^ +host name +tsubo-hello\b/m);
    });

    test('runs it from a program that imports the library', () => {
      const program = join(installed.project, 'program.mjs');
      cpSync(join(checkout, 'test/package/program.mjs'), program);
      const printed = installed.run(process.execPath, program, helloBundle, `library-${process.pid}`);
      expect(JSON.parse(printed)).toEqual({
        created: 'created',
        again: 'state.exists',
        listed: true,
        deleted: 'state.not-found',
      });
    });

    test('runs it from a program that requires the library', () => {
      const program = join(installed.project, 'program.cjs');
      writeFileSync(
        program,
        `const { run } = require('tsubo');
        run({ bundle: process.argv[2] }).then(({ status, stdout }) => console.log(JSON.stringify([status, stdout])));`,
      );
      // Older versions of Node cannot require a module.
      const [status, stdout] = JSON.parse(
        installed.run(process.execPath, '--no-experimental-require-module', program, helloBundle),
      );
      expect(status).toBe(0);
      expect(stdout).toMatch(/^ +process id +1\b/m);
    });
  });
});
