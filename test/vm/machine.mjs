// SPDX-License-Identifier: Apache-2.0
// QEMU without hardware acceleration, as a child process. Its ports are sockets; its disks are deleted after use.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure, Unavailable } from '../../native/build/stage.mjs';

const program = 'qemu-system-x86_64';

/**
 * @typedef {object} Boot
 * @property {string} kernel
 * @property {Buffer} initramfs
 * @property {readonly string[]} disks ext4 images; writes of the machine are discarded
 * @property {string} parameters of the kernel, in addition to the standard ones
 * @property {number} cpus
 * @property {string} memory `2G`
 * @property {number} timeoutS for the whole run, in seconds
 * @property {(name: 'output' | 'errors', chunk: Buffer) => void} onOutput
 * @property {string} [console] file for the messages of the kernel
 */

/**
 * The result of a run: the lines of the control port, or the reason for their absence.
 * @typedef {object} Outcome
 * @property {readonly string[]} control
 * @property {'ended' | 'timeout' | 'interrupted'} end
 * @property {string} messages the output of QEMU and the last messages of the kernel
 */

const ports = /** @type {const} */ (['output', 'errors', 'control']);

/**
 * Boots the machine and waits until it powers off.
 * @param {Boot} boot
 * @returns {Promise<Outcome>}
 * @throws Unavailable without QEMU
 */
export async function boot(boot) {
  const directory = mkdtempSync(join(tmpdir(), 'tsubo-vm-'));
  /** @type {Buffer[]} */
  const control = [];
  const servers = await Promise.all(
    ports.map(name =>
      listen(join(directory, name), chunk => {
        if (name === 'control') control.push(chunk);
        else boot.onOutput(name, chunk);
      }),
    ),
  );
  try {
    const log = boot.console ?? join(directory, 'console');
    writeFileSync(join(directory, 'initramfs'), boot.initramfs);
    const { end, printed } = await runQemu(argumentsFor(boot, directory, log), directory, boot.timeoutS);
    await Promise.all(servers.map(({ drained }) => drained()));
    const last = readFileSync(log, { encoding: 'latin1', flag: 'a+' })
      .replaceAll('\r', '')
      .trim()
      .split('\n');
    return {
      control: Buffer.concat(control)
        .toString()
        .split('\n')
        .filter(line => line !== ''),
      end,
      messages: [printed, ...last.slice(-15)].join('\n').trim(),
    };
  } finally {
    for (const { server } of servers) server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * @param {Boot} boot
 * @param {string} directory
 * @param {string} log
 */
function argumentsFor(boot, directory, log) {
  const options = {
    machine: 'q35',
    // One thread for all processors: with several, a kernel that patches itself (static keys) may execute half an
    // instruction.
    accel: 'tcg,thread=single,tb-size=512',
    // Features that QEMU 7.2 emulates incorrectly; programs then do not use them.
    cpu: 'max,-cx16,-avx,-avx2,-f16c,-fma,-sha-ni,-vaes,-vpclmulqdq',
    smp: String(boot.cpus),
    m: boot.memory,
    display: 'none',
    nic: 'none',
    serial: `file:${log}`,
    kernel: boot.kernel,
    initrd: join(directory, 'initramfs'),
    // Without the check of the timer: on a busy host, old kernels miss its ticks and panic.
    append: `console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr random.trust_cpu=on no_timer_check ${boot.parameters}`,
  };
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot'],
    ...Object.entries(options).flatMap(([option, value]) => [`-${option}`, value]),
    ...boot.disks.flatMap((disk, index) => [
      ...['-drive', `if=none,id=disk${index},file=${disk},format=raw,cache=unsafe,aio=threads,snapshot=on`],
      ...['-device', `virtio-blk-pci,drive=disk${index}`],
    ]),
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci,max_ports=8'],
    ...ports.flatMap((name, index) => [
      ...['-chardev', `socket,id=${name},path=${join(directory, name)},server=off`],
      ...['-device', `virtserialport,chardev=${name},name=${name},nr=${index + 1}`],
    ]),
  ];
}

/**
 * @param {string} path
 * @param {(chunk: Buffer) => void} onData
 */
async function listen(path, onData) {
  /** @type {Promise<void> | undefined} */
  let closed;
  const server = createServer(socket => {
    socket.on('data', onData);
    closed = new Promise(resolve => {
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    });
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(undefined));
  });
  return { server, drained: async () => closed };
}

/**
 * @param {readonly string[]} args
 * @param {string} directory for writes of the machine to its disks
 * @param {number} timeoutS
 * @returns {Promise<{ end: Outcome['end'], printed: string }>}
 */
async function runQemu(args, directory, timeoutS) {
  // QEMU ends with this process, also after SIGKILL.
  const command = ['--pdeathsig', 'KILL', program, ...args];
  const qemu = spawn('setpriv', command, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: directory },
  });
  /** @type {Outcome['end']} */
  let end = 'ended';
  /** @param {Outcome['end']} why */
  const stop = why => {
    end = why;
    qemu.kill('SIGKILL');
  };
  const timer = setTimeout(() => stop('timeout'), timeoutS * 1000);
  const interrupt = () => stop('interrupted');
  const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
  for (const signal of signals) process.on(signal, interrupt);
  /** @type {Buffer[]} */
  const printed = [];
  for (const stream of [qemu.stdout, qemu.stderr]) stream.on('data', chunk => printed.push(chunk));
  try {
    const code = await new Promise((resolve, reject) => {
      qemu.once('error', error => reject(new Failure(`cannot run setpriv: ${error.message}`)));
      qemu.once('close', resolve);
    });
    if (code === 127) throw new Unavailable(`${program} is not installed (Debian: qemu-system-x86)`);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) process.off(signal, interrupt);
  }
  return { end, printed: Buffer.concat(printed).toString() };
}
