// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Manifest {
  readonly scripts: { readonly install: string };
}

export const checkout = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/**
 * The npm package in its published form, installed in a separate project in a directory independent of the checkout.
 * Nothing is fetched: its dependencies are packed from node_modules of the checkout.
 */
export class Installed {
  /** The project that depends on tsubo. */
  readonly project: string;
  /** The package inside it. */
  readonly home: string;
  /** The path of the command `tsubo` in the project. */
  readonly command: string;
  /** Programs in the only directory of PATH: no compiler, no make, no Python. */
  readonly path: string;
  /** The directory for temporary files while the package was made. */
  readonly scratch: string;
  private readonly directory: string;

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'tsubo-package-'));
    this.scratch = join(this.directory, 'scratch');
    this.project = join(this.directory, 'project');
    this.home = join(this.project, 'node_modules/tsubo');
    this.command = join(this.project, 'node_modules/.bin/tsubo');
    this.path = join(this.directory, 'bin');
    mkdirSync(this.path);
    for (const program of ['node', 'sh', 'test', 'env'])
      symlinkSync(which(program), join(this.path, program));

    const packed = join(this.directory, 'packed');
    mkdirSync(packed);
    const staging = this.stage();
    const dependencies = Object.keys(JSON.parse(npm(staging, 'pkg', 'get', 'dependencies')));
    for (const source of [staging, ...dependencies.map(name => join(checkout, 'node_modules', name))]) {
      npm(source, 'pack', '--ignore-scripts', '--pack-destination', packed);
    }
    mkdirSync(this.project);
    writeFileSync(
      join(this.project, 'package.json'),
      '{ "name": "project", "private": true, "type": "module" }\n',
    );
    const tarballs = readdirSync(packed).map(name => join(packed, name));
    this.npm('install', '--ignore-scripts', '--offline', ...tarballs);
  }

  /** Runs npm in the project, without a compiler in PATH. */
  npm(...args: string[]): string {
    return execFileSync(process.execPath, [npmProgram(), ...args], this.options());
  }

  /** Runs a program in the project; its PATH is `path` alone. */
  run(program: string, ...args: string[]): string {
    return execFileSync(program, args, this.options());
  }

  /**
   * Runs the install script of the package. Newer versions of npm ask before they run it, therefore it is called
   * directly.
   */
  runInstallScript(): string {
    const { scripts } = JSON.parse(readFileSync(join(this.home, 'package.json'), 'utf8')) as Manifest;
    const options = this.options();
    const path = `${join(this.project, 'node_modules/.bin')}:${this.path}`;
    return execFileSync('/bin/sh', ['-c', scripts.install], {
      ...options,
      cwd: this.home,
      env: { ...options.env, PATH: path },
    });
  }

  private options(): {
    cwd: string;
    env: Record<string, string>;
    encoding: 'utf8';
    stdio: ['ignore', 'pipe', 'pipe'];
  } {
    return {
      cwd: this.project,
      env: { PATH: this.path, HOME: this.directory, npm_config_cache: join(this.directory, 'cache') },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The input of `npm pack`: the files of the checkout with the prebuilds of this machine. */
  private stage(): string {
    const staging = join(this.directory, 'staging');
    mkdirSync(staging);
    for (const name of [
      'package.json',
      'README.md',
      'CHANGELOG.md',
      'binding.gyp',
      'native',
      'dist',
      'src',
    ]) {
      cpSync(join(checkout, name), join(staging, name), { recursive: true });
    }
    mkdirSync(this.scratch);
    execFileSync(process.execPath, [join(checkout, 'native/build/prebuild.mjs'), staging], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: this.scratch },
    });
    return staging;
  }
}

/** The path of a program with links resolved. */
export function which(program: string): string {
  const found = execFileSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', program], {
    encoding: 'utf8',
  }).trim();
  // `command -v` prints a shell builtin without a path.
  return realpathSync(found.startsWith('/') ? found : join('/usr/bin', found));
}

/** The program of npm: a script that requires only Node. */
function npmProgram(): string {
  return realpathSync(which('npm'));
}

function npm(cwd: string, ...args: string[]): string {
  return execFileSync(process.execPath, [npmProgram(), ...args], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** All files below a directory, as relative paths. */
export function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

/** The rootfs of the hello bundle is that of the checkout; the program receives the path of the bundle. */
export const helloBundle = join(checkout, 'bundle-fixtures/good/hello');

export const compilers = ['g++', 'gcc', 'cc', 'c++', 'clang', 'make', 'python3'];
