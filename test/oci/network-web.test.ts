// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { machine, networkMachine } from '../helpers/network.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import { until } from '../helpers/sandbox.ts';
import { nginxTree } from '../tools.mjs';

const skipped = !isTsubo || requires('root', 'busybox', 'ip', 'curl', 'ping', 'nginx', 'filesystem:overlay');

const configuration = `
daemon off;
user root;
worker_processes 1;
error_log stderr;
pid /tmp/nginx.pid;
events {}
http {
  access_log off;
  server {
    listen 80;
    listen [::]:80;
    root /www;
    location = /who { return 200 "$remote_addr\\n"; }
  }
}
`;

describe.skipIf(skipped)("Debian's nginx in a root of layers, with a published port", () => {
  const lan = networkMachine();

  /** Three layers: the files of the packages, the site, and what this container writes. */
  const nginx = (bundle: Bundle): void => {
    const site = join(bundle.dir, 'site');
    const files = { 'etc/nginx.conf': configuration, 'www/index.html': 'a jar\n', 'var/lib/nginx/.made': '' };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(site, path)), { recursive: true });
      writeFileSync(join(site, path), text);
    }
    const image = join(bundle.dir, 'image');
    lan.box.view.sh('mv "$1" "$2" && mkdir "$1" "$3/upper" "$3/work"', bundle.rootfs, image, bundle.dir);
    const options = [
      `lowerdir=${site}:${nginxTree}:${image}`,
      `upperdir=${bundle.dir}/upper`,
      `workdir=${bundle.dir}/work`,
    ];
    bundle.config.mounts.unshift({ destination: '/', type: 'overlay', source: 'overlay', options });
    bundle.config.process.args = ['/usr/sbin/nginx', '-c', '/etc/nginx.conf'];
    const capabilities = ['CAP_CHOWN', 'CAP_SETGID', 'CAP_SETUID', 'CAP_NET_BIND_SERVICE'];
    bundle.config.process.capabilities = {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
    };
  };

  test('serves its site to curl, sees the addresses of clients, and ends at SIGQUIT', async () => {
    const { id, bundle } = lan.running(['--publish', '8800:80'], nginx);
    const get = (from: number, url: string) =>
      lan.in(
        from,
        ...['curl', '-sS', '--retry', '20', '--retry-all-errors', '--retry-delay', '1', '-m', '60', url],
      );
    expect(get(lan.neighbour, `http://${machine.ipv4}:8800/`)).toBe('a jar\n');
    expect(get(lan.neighbour, `http://[${machine.ipv6}]:8800/who`)).toBe('2001:db8::9\n');
    expect(get(lan.neighbour, `http://${machine.ipv4}:8800/who`)).toBe('192.0.2.9\n');
    expect(get(lan.pid, 'http://127.0.0.1:8800/')).toBe('a jar\n');
    expect(get(lan.pid, 'http://[::1]:8800/')).toBe('a jar\n');
    expect(lan.pings(lan.pid, '10.63.0.2')).toBe(true);
    expect(readFileSync(join(bundle.dir, 'upper/tmp/nginx.pid'), 'utf8')).toBe('1\n');
    lan.must('kill', id, 'QUIT');
    await until('the server has ended', () => lan.box.state(id).status === 'stopped');
    lan.must('delete', id);
    expect(lan.taken()).toEqual([]);
  });
});
