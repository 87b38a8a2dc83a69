// SPDX-License-Identifier: Apache-2.0
import { cpSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { checkout, compilers, filesIn, helloBundle, Installed } from './tarball.ts';

describe.skipIf(requires('npm', 'g++'))('the npm package', () => {
  let installed: Installed;
  beforeAll(() => {
    installed = new Installed();
  }, 300_000);
  afterAll(() => installed?.remove());

  test('carries the addon and the static executable, and no TypeScript sources', () => {
    const files = filesIn(installed.home);
    expect(files).toContain(`prebuilds/linux-${process.arch}/tsubo.glibc.node`);
    expect(files).toContain(`prebuilds/linux-${process.arch}/tsubo-init`);
    expect(files).toContain('dist/tsubo.cjs');
    expect(files).toContain('dist/types/index.d.ts');
    expect(files.filter(path => path.endsWith('.ts') && !path.endsWith('.d.ts'))).toEqual([]);
    expect(files.filter(path => /^(src|test|\.ci|bundle-fixtures)\//.test(path))).toEqual([]);
    expect(statSync(join(installed.home, 'dist/tsubo.cjs')).mode & 0o111).toBe(0o111);
  });

  test('is installed without a compiler in reach where the prebuilt addon fits, and only there', () => {
    for (const program of compilers) {
      expect(() => installed.run('/bin/sh', '-c', `command -v ${program}`)).toThrow();
    }
    const before = filesIn(installed.home);
    installed.runInstallScript();
    expect(filesIn(installed.home)).toEqual(before);

    const prebuilds = join(installed.home, 'prebuilds');
    renameSync(prebuilds, `${prebuilds}.away`);
    expect(() => installed.runInstallScript()).toThrow(/node-gyp/);
    renameSync(`${prebuilds}.away`, prebuilds);
  });

  test('offers its command', () => {
    expect(installed.run('node_modules/.bin/tsubo', '--version')).toMatch(/\bversion \d+\.\d+\.\d+/);
  });

  test('gives a TypeScript program its types', () => {
    const example = join(installed.project, 'library.ts');
    cpSync(join(checkout, 'test/types/library.ts'), example);
    const options = {
      module: 'nodenext',
      target: 'es2022',
      lib: ['es2022'],
      types: [],
      strict: true,
      noEmit: true,
    };
    const config = {
      compilerOptions: { ...options, exactOptionalPropertyTypes: true },
      files: ['library.ts'],
    };
    writeFileSync(join(installed.project, 'tsconfig.json'), JSON.stringify(config));
    // throws with the compiler's words when something does not fit
    installed.run(process.execPath, join(checkout, 'node_modules/typescript/bin/tsc'), '-p', '.');
  });

  describe.skipIf(requires('root'))('as root', () => {
    test('runs the hello container', () => {
      const id = `package-${process.pid}`;
      const printed = installed.run('node_modules/.bin/tsubo', 'run', '--bundle', helloBundle, id);
      expect(printed).toMatch(/^ +process id +1\b/m);
      expect(printed).toMatch(/^ +host name +tsubo-hello\b/m);
    });

    test('runs it in a program that imports the library', () => {
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
  });
});
