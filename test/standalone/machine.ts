// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cache, unpackPackages } from '../../native/build/debian.mjs';
import { staticBusybox } from '../tools.mjs';

/** The kernel and busybox of Debian for arm64, downloaded once. */
async function packages(): Promise<string> {
  const directory = join(cache, 'arm64-machine');
  if (!existsSync(join(directory, 'boot'))) {
    mkdirSync(cache, { recursive: true });
    // The kernel for virtual machines: all required drivers are built in, and it has half the size.
    const wanted = ['linux-image-cloud-arm64!', 'busybox-static'];
    await unpackPackages({ packages: wanted, architecture: 'arm64', into: directory });
  }
  return directory;
}

/**
 * A whole arm64 machine, emulated by QEMU and in memory: its disk is the initial file system, its console is written to
 * a file.
 */
export class Machine {
  private readonly directory = mkdtempSync(join(tmpdir(), 'jar-machine-'));
  private readonly packages: string;

  private constructor(packaged: string) {
    this.packages = packaged;
  }

  /** @throws Failure if the packages cannot be fetched */
  static async prepare(): Promise<Machine> {
    return new Machine(await packages());
  }

  close(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Path of busybox for this machine. */
  get busybox(): string {
    return ['bin/busybox', 'usr/bin/busybox']
      .map(path => join(this.packages, path))
      .find(path => existsSync(path)) as string;
  }

  /**
   * Boots with these files (content or a file to copy), runs `script` with the shell of busybox as root, and powers off.
   *
   * @returns the console output; undefined after a timeout
   */
  async run(
    files: Readonly<Record<string, string | { readonly copyOf: string }>>,
    script: string,
    timeoutMs: number,
  ): Promise<string | undefined> {
    const tree = join(this.directory, 'tree');
    const all = { ...files, '/bin/busybox': { copyOf: this.busybox }, '/init': init, '/script': script };
    for (const [path, content] of Object.entries(all)) {
      const file = join(tree, path);
      mkdirSync(join(file, '..'), { recursive: true });
      if (typeof content === 'string') writeFileSync(file, content);
      else cpSync(content.copyOf, file);
      chmodSync(file, 0o755);
    }
    const archive = join(this.directory, 'initrd');
    execFileSync(
      '/bin/sh',
      ['-c', 'cd "$1" && find . | "$3" cpio -o -H newc >"$2"', 'sh', tree, archive, staticBusybox() ?? ''],
      {
        stdio: ['ignore', 'ignore', 'ignore'],
      },
    );
    return this.boot(archive, timeoutMs);
  }

  private async boot(archive: string, timeoutMs: number): Promise<string | undefined> {
    const [name = ''] = readdirSync(join(this.packages, 'boot')).filter(file => file.startsWith('vmlinuz-'));
    const log = join(this.directory, 'console');
    const options = {
      machine: 'virt',
      accel: 'tcg,thread=multi',
      cpu: 'cortex-a57',
      smp: '2',
      m: '512M',
      display: 'none',
      nic: 'none',
      serial: `file:${log}`,
      kernel: join(this.packages, 'boot', name),
      initrd: archive,
      append: 'console=ttyAMA0 quiet panic=-1 cgroup_no_v1=all',
    };
    const args = Object.entries(options).flatMap(([option, value]) => [`-${option}`, value]);
    const messages = openSync(join(this.directory, 'qemu'), 'w');
    const machine = spawn('qemu-system-aarch64', ['-nodefaults', '-no-user-config', '-no-reboot', ...args], {
      stdio: ['ignore', messages, messages],
    });
    closeSync(messages);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      machine.kill('SIGKILL');
    }, timeoutMs);
    await new Promise((resolve, reject) => {
      machine.once('error', reject);
      machine.once('close', resolve);
    }).finally(() => clearTimeout(timer));
    if (timedOut) return undefined;
    const printed = existsSync(log) ? readFileSync(log, 'utf8') : '';
    return `${printed}${readFileSync(join(this.directory, 'qemu'), 'utf8')}`.replaceAll('\r', '');
  }
}

/** The first program. pivot_root cannot leave the initial file system, therefore all files move to another one. */
const init = `#!/bin/busybox sh
busybox mkdir -p /proc /sys /dev /disk
busybox mount -t tmpfs -o mode=755 tmpfs /disk
for name in /*; do
  case $name in /disk | /proc | /sys | /dev) ;; *) busybox cp -a "$name" /disk ;; esac
done
busybox mkdir -p /disk/proc /disk/sys /disk/dev /disk/run /disk/tmp
busybox mount -t proc proc /disk/proc
busybox mount -t sysfs sysfs /disk/sys
busybox mount -t devtmpfs dev /disk/dev
busybox mount -t cgroup2 cgroup2 /disk/sys/fs/cgroup
busybox mkdir -p /disk/dev/pts
busybox mount -t devpts devpts /disk/dev/pts
exec busybox switch_root /disk /bin/busybox sh -c '/bin/busybox sh /script; /bin/busybox poweroff -f'
`;
