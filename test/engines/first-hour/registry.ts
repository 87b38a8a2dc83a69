// SPDX-License-Identifier: Apache-2.0
import { strict as assert } from 'node:assert';
import { waitFor } from '../flow.ts';
import type { Machine } from '../machine.ts';
import { makeRootfs, rootfsTar } from '../rootfs.ts';

export const address = '127.0.0.1:5000';

/** The modules of Debian's apache2 that the configuration loads. */
const modules = ['mpm_event', 'authz_core', 'dir'];

const apacheConfig = `
ServerRoot /usr/lib/apache2
${modules.map(name => `LoadModule ${name}_module modules/mod_${name}.so`).join('\n')}
Listen 80
ServerName localhost
PidFile /tmp/apache2.pid
DocumentRoot /www
User web
Group web
ErrorLog /dev/stderr
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
CustomLog /dev/stdout common
`;

/**
 * Packs an image with one layer, equal bytes each time, and copies it into the registry.
 * Arguments: registry, name, directory of the layer, configuration as JSON, architecture.
 */
const push = `
  set -e
  work=/tmp/push-$2
  mkdir $work
  tar -C "$3" --sort=name --mtime=@1700000000 -cf $work/layer.tar .
  sum=$(sha256sum $work/layer.tar | cut -d ' ' -f 1)
  cat >$work/config.json <<END
{"architecture":"$5","os":"linux","created":"2023-11-14T22:13:20Z","config":$4,
"rootfs":{"type":"layers","diff_ids":["sha256:$sum"]},
"history":[{"created":"2023-11-14T22:13:20Z","created_by":"a layer"}]}
END
  echo '[{"Config":"config.json","RepoTags":["'$2':latest"],"Layers":["layer.tar"]}]' >$work/manifest.json
  tar -C $work -cf $work.tar .
  skopeo copy --quiet --dest-tls-verify=false docker-archive:$work.tar "docker://$1/library/$2:latest"
  rm -r $work $work.tar`;

/** Makes the trees of the images: busybox as alpine, a program that prints a greeting, apache2 as httpd. */
const makeTrees = `
  set -e
  mkdir /tmp/alpine /tmp/hello-world /tmp/httpd
  tar -C /tmp/alpine -xf ${rootfsTar}
  cp /bin/busybox /tmp/hello-world/cat
  printf '\\nHello from a container!\\nThis text shows that the installation works.\\n\\n' >/tmp/hello-world/hello
  tar -C /tmp/httpd -xf ${rootfsTar}
  cd /tmp/httpd
  mkdir -p etc/apache2 usr/lib/apache2/modules usr/sbin
  cp /tmp/apache2.conf etc/apache2/
  cp /usr/sbin/apache2 usr/sbin/
  for name in ${modules.join(' ')}; do cp /usr/lib/apache2/modules/mod_$name.so usr/lib/apache2/modules/; done
  echo '<html><body><h1>It works!</h1></body></html>' >www/index.html
  # pthread_exit loads it at run time.
  mkdir -p usr/lib
  cp -L "$(find /lib/ /usr/lib/ -name libgcc_s.so.1 | head -n 1)" usr/lib/
  for file in usr/sbin/apache2 usr/lib/apache2/modules/*; do
    LD_TRACE_LOADED_OBJECTS=1 /lib*/ld-linux*.so.* /$file
  done | grep -o '/[^ ]*\\.so[^ ]*' | sort -u | while read -r library; do
    mkdir -p ".$(dirname "$library")"
    cp -L "$library" ".$library"
  done`;

const images: readonly (readonly [string, object])[] = [
  ['hello-world', { Cmd: ['/cat', '/hello'] }],
  ['alpine', { Cmd: ['/bin/sh'], Env: ['PATH=/bin:/sbin:/usr/bin:/usr/sbin'] }],
  [
    'httpd',
    {
      Cmd: ['apache2', '-f', '/etc/apache2/apache2.conf', '-D', 'FOREGROUND'],
      Env: ['PATH=/bin:/usr/sbin'],
      ExposedPorts: { '80/tcp': {} },
      StopSignal: 'SIGWINCH',
    },
  ],
];

/** Starts a registry that has the images of the first hour below `library/`, with equal digests each time. */
export async function startRegistry(machine: Machine): Promise<void> {
  const storage = { filesystem: { rootdirectory: '/var/lib/registry' } };
  const settings = { version: 0.1, log: { level: 'error' }, storage, http: { addr: address } };
  machine.write('/etc/registry.yml', JSON.stringify(settings));
  machine.write('/etc/containers/policy.json', '{"default":[{"type":"insecureAcceptAnything"}]}');
  machine.spawn(['sh', '-c', 'exec docker-registry serve /etc/registry.yml >>/var/log/registry.log 2>&1']);
  await waitFor('the registry', () =>
    machine.run(['curl', '--silent', '--fail', `http://${address}/v2/`]).status === 0 ? true : undefined,
  );
  makeRootfs(machine);
  machine.write('/tmp/apache2.conf', apacheConfig);
  must(machine, makeTrees);
  const architecture = process.arch === 'x64' ? 'amd64' : 'arm64';
  for (const [name, config] of images) {
    must(machine, push, address, name, `/tmp/${name}`, JSON.stringify(config), architecture);
  }
}

function must(machine: Machine, script: string, ...args: readonly string[]): void {
  const { status, stderr } = machine.run(['sh', '-c', script, 'sh', ...args]);
  assert.equal(status, 0, stderr);
}
