// SPDX-License-Identifier: Apache-2.0
// npm run test:vm [-- OPTIONS] [TEST FILE...]: tests in an emulated machine, see README.md here.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../../native/build/build.mjs';
import { withTools } from '../../native/build/programs.mjs';
import { Failure, run, say, script, stage, top, Unavailable } from '../../native/build/stage.mjs';
import { standalone } from '../../native/build/standalone.mjs';
import { fetchTools } from '../tools.mjs';
import { makeImage } from './images.mjs';
import { archive, modulesToLoad } from './initramfs.mjs';
import { busyboxProgram, kernelOf } from './kernel.mjs';
import { boot } from './machine.mjs';
import { parse } from './options.mjs';
import { rootDisk } from './root.mjs';
import { filesFor } from './selection.mjs';
import { units } from './units.mjs';

/** The parts of the checkout that the machine contains. */
const shared = [
  ...['bundle-fixtures', 'dist', 'native', 'src', 'test', 'package.json', 'vitest.config.ts'],
  ...['tsconfig.json', 'tsconfig.test.json'],
  ...['build/Release/tsubo.node', 'build/standalone/x64/tsubo', 'build/test'],
];

const systemdParameters = [
  ...['systemd.unit=vm.target', 'systemd.show_status=0'],
  ...['systemd.log_target=kmsg', 'systemd.log_level=warning'],
];

/** The C++ programs of tests: the machine has no compiler. */
async function helperPrograms() {
  const sources = readdirSync(join(top, 'test/helpers')).filter(
    // test/oci does not use these, and this machine may have no libseccomp to link the oracle with.
    name => name.endsWith('.cc') && !['oracle.cc', 'heap.cc'].includes(name),
  );
  for (const name of sources.map(source => source.slice(0, -3))) {
    await stage({
      name,
      saying: `compiling test/helpers/${name}.cc`,
      into: 'build/test',
      inputs: [`test/helpers/${name}.cc`],
      outputs: [`build/test/${name}`],
      make: async () => {
        const program = join(top, 'build/test', name);
        mkdirSync(join(top, 'build/test'), { recursive: true });
        const flags = ['-std=c++20', '-O1', '-static'];
        await run('g++', [...flags, '-o', program, join(top, `test/helpers/${name}.cc`)]);
      },
    });
  }
}

/** @returns {Promise<string>} the disk with the checkout, made for each run */
async function projectDisk() {
  const work = mkdtempSync(join(top, 'build/vm/project-'));
  const tree = join(work, 'tree');
  for (const name of shared) {
    if (!existsSync(join(top, name))) continue;
    cpSync(join(top, name), join(tree, name), {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
    });
  }
  symlinkSync('/opt/node_modules', join(tree, 'node_modules'));
  await makeImage(join(work, 'project.ext4'), tree, { spareMiB: 256 });
  rmSync(tree, { recursive: true });
  return join(work, 'project.ext4');
}

/** @param {string} word */
const quoted = word => `'${word.replaceAll("'", "'\\''")}'`;

/** @param {ReturnType<typeof parse>} options */
function filesOf(options) {
  return options.all ? ['test/oci'] : options.files.length > 0 ? options.files : filesFor(options);
}

/** @param {ReturnType<typeof parse>} options */
function commandOf(options) {
  if (options.exec !== undefined) return `${options.exec}\n`;
  const words = [
    'node',
    'node_modules/vitest/vitest.mjs',
    'run',
    '--configLoader',
    'runner',
    ...filesOf(options),
  ];
  if (options.name !== undefined) words.push('--testNamePattern', options.name);
  const passed = Object.entries(process.env).filter(
    ([name, value]) => /^TSUBO_(RUNTIME|HOST)$/.test(name) && value,
  );
  const environment = {
    TSUBO_HOST: options.host,
    TSUBO_TEST_SUMMARY: '/run/vm/summary',
    TSUBO_SKIPPED: 'names',
    NO_COLOR: '1',
  };
  const settings = Object.entries({ ...environment, ...Object.fromEntries(passed) });
  return [
    ...settings.map(([name, value]) => `export ${name}=${quoted(value ?? '')}`),
    `exec ${words.map(quoted).join(' ')}`,
    '',
  ].join('\n');
}

/**
 * @param {ReturnType<typeof parse>} options
 * @throws Unavailable without the processor or a download
 */
async function downloads(options) {
  if (process.arch !== 'x64')
    throw new Unavailable('the emulated machine is x86_64, and requires an x86_64 host');
  try {
    return {
      kernel: await kernelOf(options.kernel),
      busybox: await busyboxProgram(),
      root: await rootDisk(),
    };
  } catch (error) {
    if (error instanceof Failure) throw new Unavailable(error.message);
    throw error;
  }
}

/**
 * @param {ReturnType<typeof parse>} options
 * @returns {Promise<number>} the exit status
 */
async function inMachine(options) {
  process.env['PATH'] = withTools();
  await build(['packages', 'native', 'bundle']);
  await fetchTools('vm');
  if (options.host === 'standalone') await standalone('x64');
  await helperPrograms();
  const { kernel, busybox, root } = await downloads(options);
  const project = await projectDisk();
  try {
    say(`booting Linux ${kernel.version}, PID 1 is ${options.systemd ? 'systemd' : 'a shell script'}`);
    const begin = performance.now();
    const outcome = await boot({
      kernel: kernel.image,
      initramfs: initramfs(kernel, busybox, options),
      disks: [root, project, kernel.disk],
      parameters: [
        ...(options.systemd ? systemdParameters : []),
        ...(options.selinux ? ['security=selinux', 'selinux=1', 'enforcing=1'] : []),
      ].join(' '),
      cpus: options.cpus,
      memory: options.memory,
      timeoutS: options.timeout,
      ...(options.console !== undefined && { console: options.console }),
      onOutput: (name, chunk) => (name === 'output' ? process.stdout : process.stderr).write(chunk),
    });
    return report(outcome, options, (performance.now() - begin) / 1000);
  } finally {
    rmSync(join(project, '..'), { recursive: true, force: true });
  }
}

/**
 * @param {import('./kernel.mjs').Kernel} kernel
 * @param {string} busybox
 * @param {ReturnType<typeof parse>} options
 */
function initramfs(kernel, busybox, options) {
  const guest = join(top, 'test/vm/guest');
  const modules = modulesToLoad(kernel.modules);
  const names = modules.map((_, index) => `${String(index).padStart(2, '0')}.ko`);
  const init = options.systemd ? 'systemd' : 'tiny';
  return archive({
    init: { copyOf: join(guest, 'init.sh') },
    'vm/busybox': { copyOf: busybox },
    'vm/run': { copyOf: join(guest, 'run.sh') },
    'vm/command': commandOf(options),
    'vm/settings': `VERSION=${kernel.version} INIT=${init} NAME=tsubo-vm\n`,
    'vm/modules/order': names.map(name => `${name}\n`).join(''),
    ...Object.fromEntries(modules.map((file, index) => [`vm/modules/${names[index]}`, { copyOf: file }])),
    ...Object.fromEntries(Object.entries(units).map(([name, text]) => [`vm/units/${name}`, text])),
  });
}

/**
 * @param {import('./machine.mjs').Outcome} outcome
 * @param {ReturnType<typeof parse>} options
 * @param {number} seconds
 * @returns {number} the exit status
 */
function report({ control, end, messages }, options, seconds) {
  /** @param {string} word */
  const value = word => control.find(line => line.startsWith(`${word} `))?.slice(word.length + 1);
  const status = value('status');
  if (end === 'interrupted') return 130;
  if (end === 'timeout') {
    say(`the machine was killed after ${options.timeout} s (--timeout)`);
    return 124;
  }
  if (status === undefined) {
    say(`the machine powered off without a result:\n${messages}`);
    return 125;
  }
  say(`booted in ${value('begin')} s of its clock, off after ${seconds.toFixed(1)} s`);
  if (options.exec !== undefined) return Number(status);
  const summary = value('summary');
  if (summary === undefined) say('vitest ended before it could count the tests');
  const { passed, failed, skipped } =
    summary === undefined ? { passed: 0, failed: 1, skipped: 0 } : JSON.parse(summary);
  say('in the machine:');
  count({ passed, failed, skipped });
  return Number(status) !== 0 ? Number(status) : failed > 0 || passed === 0 ? 1 : 0;
}

/** @param {{ passed?: number, failed?: number, skipped?: number }} counts */
function count({ passed = 0, failed = 0, skipped = 0 }) {
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
}

await script(async () => {
  const options = parse(process.argv.slice(2));
  try {
    return await inMachine(options);
  } catch (error) {
    if (!(error instanceof Unavailable && options.optional)) throw error;
    const files = filesOf(options);
    say(`no machine, ${files.join(' ')} skipped: ${error.message}`);
    count({ skipped: files.length });
    return 0;
  }
});
