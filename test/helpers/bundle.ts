// SPDX-License-Identifier: Apache-2.0
import {
  chownSync,
  copyFileSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { defaultConfig, type TestConfig, type TestMount } from './config.ts';

/** Programs of a rootfs, as links to busybox. */
const applets = [
  ...['cat', 'chmod', 'echo', 'false', 'grep', 'head', 'id', 'kill', 'ls', 'mkdir', 'mount', 'printf'],
  ...['readlink', 'rm', 'sh', 'sleep', 'stat', 'sync', 'test', 'touch', 'true', 'umount', 'unshare', 'wc'],
];

/** One directory with config.json and a small root file system. */
export class Bundle {
  /** Unique on the machine. */
  readonly id: string;
  readonly dir: string;
  config: TestConfig;

  private readonly programs: Programs;

  constructor(id: string, dir: string, programs: Programs) {
    this.id = id;
    this.dir = dir;
    this.programs = programs;
    this.config = defaultConfig();
    programs.install(this.rootfs);
  }

  /** Restores the initial root: a container may have left mount targets there. */
  renew(): void {
    rmSync(this.rootfs, { recursive: true });
    this.programs.install(this.rootfs);
  }

  get rootfs(): string {
    return join(this.dir, 'rootfs');
  }

  /** The path on the host of a path in the container, without the mounts of the container. */
  inRoot(path: string): string {
    return join(this.rootfs, path);
  }

  /** Makes a file in the root, and its parents. */
  file(path: string, content: string | Buffer = '', mode = 0o644): void {
    mkdirSync(dirname(this.inRoot(path)), { recursive: true });
    writeFileSync(this.inRoot(path), content, { mode });
  }

  directory(path: string): void {
    mkdirSync(this.inRoot(path), { recursive: true });
  }

  symlink(path: string, target: string): void {
    mkdirSync(dirname(this.inRoot(path)), { recursive: true });
    symlinkSync(target, this.inRoot(path));
  }

  /** Sets a busybox shell script as the program. */
  shell(script: string): void {
    this.config.process.args = ['/bin/sh', '-c', script];
  }

  /** Changes the mount at `destination`. */
  mount(destination: string): { options: string[]; source?: string; type?: string } {
    const found = this.config.mounts.find(mount => mount.destination === destination);
    if (found === undefined) throw new Error(`the default config has no mount at ${destination}`);
    found.options ??= [];
    return found as { options: string[] };
  }

  /** Removes the mount at `destination` and all below it. */
  unmount(destination: string): void {
    this.config.mounts = this.config.mounts.filter(
      mount => mount.destination !== destination && !mount.destination.startsWith(`${destination}/`),
    );
  }

  /** Removes a namespace, or with `path` joins that one instead of a new one. */
  namespace(type: string, path?: string): void {
    const namespaces = this.config.linux.namespaces.filter(namespace => namespace.type !== type);
    if (path !== undefined) namespaces.push({ type, path });
    this.config.linux.namespaces = namespaces;
  }

  /**
   * Adds a new user namespace: id 0 of the container is `first` on the host. Its root owns the directories of the
   * rootfs. The programs are hard links shared with other bundles and keep their owner.
   */
  userNamespace(first = 100_000, size = 65_536): void {
    this.config.linux.namespaces.push({ type: 'user' });
    this.config.linux.uidMappings = [{ containerID: 0, hostID: first, size }];
    this.config.linux.gidMappings = [{ containerID: 0, hostID: first, size }];
    this.chown(first);
  }

  /** Changes the owner of the directories of the rootfs to that user and group. */
  chown(id: number): void {
    chownSync(this.rootfs, id, id);
    // Links are not followed: their target may be on the host.
    for (const entry of readdirSync(this.rootfs)) lchownSync(this.inRoot(entry), id, id);
  }

  /** Writes config.json from the config or another text. */
  write(text: string = JSON.stringify(this.config, undefined, 2)): void {
    writeFileSync(join(this.dir, 'config.json'), text);
  }
}

export function tmpfs(destination: string, ...options: string[]): TestMount {
  return { destination, type: 'tmpfs', source: 'tmpfs', options };
}

export function bind(source: string, destination: string, ...options: string[]): TestMount {
  return { destination, type: 'bind', source, options: ['rbind', ...options] };
}

/** A config with these mounts after the default ones. */
export function having(...mounts: TestMount[]): (bundle: Bundle) => void {
  return bundle => {
    bundle.config.mounts.push(...mounts);
  };
}

/**
 * The programs of a rootfs, copied once. The rootfs of each bundle has hard links to the copies, so a container cannot
 * change the programs of the machine.
 */
export class Programs {
  private readonly dir: string;

  constructor(dir: string, busybox: string, inside: string) {
    this.dir = dir;
    mkdirSync(dir);
    copyFileSync(busybox, join(dir, 'busybox'));
    copyFileSync(inside, join(dir, 'inside'));
  }

  /** Fills an empty directory with a small root file system. */
  install(rootfs: string): void {
    mkdirSync(join(rootfs, 'bin'), { recursive: true });
    for (const name of ['dev', 'etc', 'proc', 'sys', 'tmp', 'usr'])
      mkdirSync(join(rootfs, name), { recursive: true });
    for (const name of ['busybox', 'inside']) linkSync(join(this.dir, name), join(rootfs, 'bin', name));
    for (const name of applets) symlinkSync('busybox', join(rootfs, 'bin', name));
    writeFileSync(
      join(rootfs, 'etc/passwd'),
      'root:x:0:0:root:/root:/bin/sh\nlady:x:1000:1000::/home/lady:/bin/sh\n',
    );
    writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nlady:x:1000:\n');
  }
}
