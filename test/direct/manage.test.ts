// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';

const machine = directMachine();
beforeEach(() => void machine.image('base'));
const sleeping = (name: string, ...options: readonly string[]) =>
  machine.detached('--name', name, ...options, 'base', 'sleep', '1000');

describe.skipIf(requires('root', 'ip', 'nft'))('a container', () => {
  it('gets another name, and the old one is free', () => {
    const id = sleeping('web', '--network', 'none');
    machine.done('rename', 'web', 'old');
    expect(machine.inspect('old').Id).toBe(id);
    expect(machine.directory('names')).toEqual(['old']);
    machine.done('create', '--name', 'web', 'base');
    expect(machine.fails(1, 'rename', 'old', 'web')).toMatchObject({
      code: 'direct.name-taken',
      value: 'web',
    });
    expect(machine.fails(1, 'rename', 'old', '/x')).toMatchObject({ code: 'direct.bad-name' });
    expect(machine.inspect('old').Id).toBe(id);
  });

  it('shows its processes', () => {
    sleeping('web', '--network', 'none');
    expect(machine.done('top', 'web', '-o', 'pid,comm,args')).toMatch(
      /^ *PID COMMAND +COMMAND\n *\d+ sleep +sleep 1000\n$/,
    );
    machine.done('create', '--name', 'new', 'base');
    expect(machine.fails(1, 'top', 'new')).toMatchObject({ code: 'direct.not-running' });
  });

  it('shows its published ports while it runs', () => {
    sleeping('web', '-p', '127.0.0.1:8800:80', '-p', '8801-8802:90-91/udp');
    expect(machine.done('port', 'web').split('\n').filter(Boolean)).toEqual([
      '80/tcp -> 127.0.0.1:8800',
      ...['90/udp -> 0.0.0.0:8801', '90/udp -> [::]:8801', '91/udp -> 0.0.0.0:8802', '91/udp -> [::]:8802'],
    ]);
    expect(machine.done('port', 'web', '80')).toBe('127.0.0.1:8800\n');
    expect(machine.fails(1, 'port', 'web', '81').msg).toContain('no public port "81/tcp" published for web');
    machine.done('stop', '-t', '0', 'web');
    expect(machine.done('port', 'web')).toBe('');
  });
});

describe.skipIf(requires('root'))('prune', () => {
  it('removes the containers that the filters select', () => {
    for (const [name, label] of [
      ['one', 'kind=job'],
      ['two', 'kind=other'],
      ['three', 'else='],
    ] as const)
      machine.done('create', '--name', name, '--label', label, 'base');
    const removed = (...options: readonly string[]) => {
      machine.done('prune', ...options);
      return machine.directory('names');
    };
    expect(removed('--filter', 'until=1h')).toEqual(['one', 'three', 'two']);
    expect(removed('--filter', 'label=kind', '--filter', 'label=kind=job')).toEqual(['three', 'two']);
    expect(removed('--filter', 'label!=kind')).toEqual(['two']);
    expect(removed('--force', '--filter', 'until=2100-01-01')).toEqual([]);
    for (const wrong of ['until=soon', 'name=x', 'label'])
      expect(machine.fails(1, 'prune', '--filter', wrong)).toMatchObject({ code: 'usage.bad-value' });
  });

  it('removes the images that the filters select', () => {
    machine.image('plain', { config: { Labels: { keep: 'yes' } } });
    machine.done('create', '--name', 'user', 'base');
    const isThere = (name: string) => machine.oci('image', 'inspect', name).status === 0;
    expect(machine.oci('image', 'prune').stdout).toBe('');
    expect(machine.oci('image', 'prune', '--all', '--filter', 'label!=keep').stdout).toBe('');
    expect(isThere('plain')).toBe(true);
    expect(machine.oci('image', 'prune', '-af', '--filter', 'label=keep=yes').stdout).toMatch(
      /^Untagged: plain:latest\nDeleted: sha256:/,
    );
    expect([isThere('plain'), isThere('base')]).toEqual([false, true]);
  });
});

describe.skipIf(requires('root'))('a container whose first start failed', () => {
  it.each([
    [['/missing'], 127, 127],
    [['/etc/passwd'], 126, 126],
    [['-w', '/etc/passwd', 'base', 'true'], 125, 128],
  ] as const)('is created, with the exit status of Docker: %j', (words, status, shown) => {
    const command = words.length > 1 ? words : ['base', ...words];
    machine.fails(status, 'run', '-d', '--name', 'web', '--network', 'none', ...command);
    const { State } = machine.inspect('web') as unknown as Readonly<Record<string, object>>;
    expect(State).toMatchObject({ Status: 'created', ExitCode: shown, Error: expect.stringMatching(/./) });
    expect(machine.done('ls', '-a', '--format', 'json')).toContain('"Status":"Created"');
  });
});

const limitsOf = (name: string) => {
  const path = join(machine.data, 'containers', machine.inspect(name).Id, 'config.json');
  return JSON.parse(readFileSync(path, 'utf8')).linux.resources;
};

describe.skipIf(requires('root'))('limits of a container', () => {
  it('change for the next start', () => {
    machine.done('create', '--name', 'web', '--memory', '64m', 'base');
    machine.done('update', '--pids-limit', '70', '--memory-reservation', '32m', '--cpu-shares', '512', 'web');
    expect(limitsOf('web')).toMatchObject({
      pids: { limit: 70 },
      cpu: { shares: 512 },
      memory: { limit: 64 << 20, reservation: 32 << 20 },
    });
  });

  it('are required by update', () => {
    sleeping('web', '--network', 'none');
    expect(machine.fails(1, 'update', 'web')).toMatchObject({ code: 'usage.arguments' });
  });

  it('are shown with the use', () => {
    const id = sleeping('web', '--network', 'none');
    const row = JSON.parse(machine.done('stats', '--no-stream', '--format', 'json', 'web'));
    expect(row).toMatchObject({ ID: id.slice(0, 12), Name: 'web', PIDs: '1' });
    expect(row.CPUPerc).toMatch(/^\d+\.\d\d%$/);
    const [head = '', line = ''] = machine.done('stats', '--no-stream').split('\n');
    expect(head).toMatch(/^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +PIDS$/);
    expect(line).toMatch(new RegExp(`^${id.slice(0, 12)} +web `));
  });
});

describe.skipIf(requires('root'))('system', () => {
  const usage = () => JSON.parse(machine.oci('system', 'df', '--format', 'json').stdout);

  it('counts files of images, containers, volumes and the cache of builds, and frees them', () => {
    const context = join(machine.box.dir, 'df');
    mkdirSync(context, { recursive: true });
    writeFileSync(
      join(context, 'Dockerfile'),
      'FROM base AS one\nRUN echo 1 >/one\nFROM base\nCOPY --from=one /one /two\n',
    );
    machine.oci('image', 'build', '--network', 'none', '-t', 'made', context);
    machine.done(
      'run',
      '--name',
      'job',
      '--network',
      'none',
      '-v',
      '/data',
      'base',
      'sh',
      '-c',
      'echo 12345 >/data/f; echo 123 >/g',
    );
    const before = usage();
    expect(before.images).toMatchObject({ total: 2, active: 1 });
    expect(before.containers).toMatchObject({ total: 1, active: 0, size: 4, reclaimable: 4 });
    expect(before.volumes).toEqual({ total: 1, active: 1, size: 6, reclaimable: 0 });
    expect(before.buildCache.total).toBe(2);
    // The archive and the tree of the stage that is in no image.
    expect(before.buildCache.size).toBe(2 * 2048);
    const table = machine.oci('system', 'df').stdout.split('\n');
    expect(table[0]).toMatch(/^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE$/);
    expect(table[2]).toMatch(/^Containers +1 +0 +4B +4B \(100%\)$/);
    const { stdout, status } = machine.oci('system', 'prune', '--volumes');
    expect(status).toBe(0);
    expect(stdout).toMatch(/\nTotal reclaimed space: 4\.11kB\n$/);
    expect(usage()).toMatchObject({
      images: { total: 2, active: 0 },
      containers: { total: 0 },
      volumes: { total: 0 },
      buildCache: { total: 0, size: 0 },
    });
    expect(existsSync(join(machine.data, 'build'))).toBe(false);
    machine.oci('system', 'prune', '--all');
    expect(usage().images).toEqual({ total: 0, active: 0, size: 0, reclaimable: 0 });
    expect(readdirSync(join(machine.data, 'layers'))).toEqual([]);
  });

  it('info shows numbers and directories', () => {
    sleeping('web', '--network', 'none');
    const info = JSON.parse(machine.oci('system', 'info', '--format', 'json').stdout);
    expect(info).toMatchObject({
      Containers: 1,
      ContainersRunning: 1,
      Images: 1,
      RootDir: machine.data,
      Rootless: false,
    });
    expect(machine.oci('system', 'info').stdout).toContain('\nContainers Running: 1\n');
  });
});
