// SPDX-License-Identifier: Apache-2.0
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll } from 'vitest';
import type { Bundle } from './bundle.ts';
import { type Runtime, runtime } from './runtime.ts';
import type { Sandbox } from './sandbox.ts';
import { movedCheckout } from './view.ts';

/** A fictitious user, and the first of a thousand subordinate ids of that user. */
export const user = 12_345;
export const firstSubordinateId = 400_000;

const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
export const moved = runtime.command.map(word =>
  word.startsWith(repository) ? movedCheckout + word.slice(repository.length) : word,
);
export const becomeUser = [
  'setpriv',
  `--reuid=${user}`,
  `--regid=${user}`,
  '--clear-groups',
  '--inh-caps=-all',
  '--',
];

export function asUser(...before: string[]): Runtime {
  return { ...runtime, command: [...becomeUser, ...before, ...moved] };
}

/** Removes what a user may not use from the default config: groups and file systems of others, cgroups. */
export function unprivileged(made: Bundle): void {
  made.userNamespace(user, 1);
  made.mount('/dev/pts').options = ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'];
  made.unmount('/sys');
  made.config.mounts.push({
    destination: '/sys',
    type: 'none',
    source: '/sys',
    options: ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'],
  });
}

export function prepareUser(box: Sandbox): void {
  beforeAll(() => {
    chownSync(box.dir, user, user);
    mkdirSync(box.root);
    chownSync(box.root, user, user);
    const file = (name: string, text: string): void => {
      const path = join(box.dir, name);
      writeFileSync(path, text);
      box.view.sh(`touch /etc/${name} && mount --bind "$1" /etc/${name}`, path);
    };
    box.view.sh(`mount --bind "$1" ${movedCheckout}`, repository);
    installIdMapHelpers(box);
    file('passwd', `${readFileSync('/etc/passwd', 'utf8')}jar:x:${user}:${user}::/:/bin/sh\n`);
    file('subuid', `jar:${firstSubordinateId}:1000\n`);
    file('subgid', `jar:${firstSubordinateId}:1000\n`);
  });
}

/**
 * newuidmap and newgidmap need the rights of root, which fetched copies lack. In the view they are replaced by copies
 * with the set-user-id bit, on a file system that ends with the view.
 */
function installIdMapHelpers(box: Sandbox): void {
  const script = `
    fetched=${movedCheckout}/build/tools/bin
    test -e $fetched/newuidmap || exit 0
    mount -t tmpfs -o mode=755 tmpfs /media
    cp -P $fetched/* /media
    for name in newuidmap newgidmap; do
      rm /media/$name; cp $fetched/$name /media/$name; chmod 4755 /media/$name
    done
    mount --move /media $fetched`;
  box.view.sh(script);
}
