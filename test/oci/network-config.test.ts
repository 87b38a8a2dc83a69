// SPDX-License-Identifier: Apache-2.0
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle } from '../helpers/bundle.ts';
import { engineConfigs, fillPlaceholders, makeSources } from '../helpers/engine-config.ts';
import { addressesOf, machine, networkMachine } from '../helpers/network.ts';
import { requires } from '../helpers/requires.ts';
import { isTsubo } from '../helpers/runtime.ts';
import type { LogRecord } from '../helpers/sandbox.ts';

const skipped = !isTsubo || requires('root', 'busybox', 'ip', 'nc', 'ps');
const annotation = 'tsubo.attach.v1';

describe.skipIf(skipped)('the networks of a container in a file', () => {
  const lan = networkMachine();
  const configFile = (document: unknown): string => {
    const file = lan.box.fresh('network.json');
    writeFileSync(file, typeof document === 'string' ? document : `${JSON.stringify(document, null, 2)}\n`);
    return file;
  };
  const refused = (document: unknown): LogRecord & { readonly document?: string } =>
    lan.refuses(['--network-config', configFile(document)]).record;

  test('are attached with addresses, names, ports and name servers', async () => {
    lan.must('network', 'create', '--subnet', '10.20.0.0/24', '--no-ipv6', 'web');
    const file = configFile({
      networks: [
        {
          name: 'web',
          interface: 'lan0',
          addresses: ['10.20.0.9'],
          mac: '02:11:22:33:44:55',
          aliases: ['www'],
        },
        { name: 'default' },
      ],
      ports: [{ hostPort: 8800, containerPort: 80, hostAddress: machine.ipv4 }],
      dns: { servers: ['192.0.2.53'], search: ['example.org'], options: ['ndots:2'] },
    });
    const { pid, id } = lan.running(['--network-config', file]);
    const link = lan.link(pid, 'lan0');
    expect([addressesOf(link), link.address]).toEqual([['10.20.0.9/24'], '02:11:22:33:44:55']);
    expect(addressesOf(lan.link(pid, 'eth0'))[0]).toBe('10.63.0.2/22');
    const read = (name: string) => lan.must('exec', id, 'cat', `/etc/${name}`);
    expect(read('resolv.conf')).toMatch(
      /^nameserver 192\.0\.2\.53\nsearch example\.org\noptions ndots:2\n(?!.*nameserver)/s,
    );
    expect(read('hosts')).toMatch(/^10\.20\.0\.9\t.* www$/m);
    await lan.serve(pid, 80);
    expect(lan.ask(lan.neighbour, machine.ipv4, 8800)).toBe('192.0.2.9');
    expect(lan.ask(lan.pid, '127.0.0.1', 8800)).toBeUndefined();
  });

  test('are the default network if the file has only ports', () => {
    const { pid } = lan.running([
      '--network-config',
      configFile({ ports: [{ hostPort: 8800, containerPort: 80 }] }),
    ]);
    expect(addressesOf(lan.link(pid, 'eth0'))[0]).toBe('10.63.0.2/22');
  });

  test('are none with an empty file, for which the container keeps its loopback interface', () => {
    const { pid } = lan.running(['--network-config', configFile({})]);
    expect(lan.ip('-o link', pid).trim().split('\n')).toHaveLength(1);
  });

  test('are in the plan with their places in the file', () => {
    const file = configFile({ networks: [{ name: 'default' }], ports: [{ hostPort: 1, containerPort: 1 }] });
    const plan = lan.must('plan', '--network-config', file, lan.bundle().dir);
    expect(plan).toMatch(/makeVeth .* --network-config \/networks\/0$/m);
    expect(plan).toMatch(/publishPorts 1:1\/tcp +--network-config \/ports\/0$/m);
  });

  test('are refused with the line in the file', () => {
    expect(refused({ networks: [{ name: 'default' }, { name: 'wbe' }] })).toMatchObject({
      code: 'network.unknown',
      pointer: '/networks/1',
      line: 6,
      column: 5,
    });
    expect(refused({ networks: [{ name: 'default', addresses: ['10.9.0.1'] }] })).toMatchObject({
      code: 'network.address',
      pointer: '/networks/0',
      line: 3,
    });
    const bad = refused({
      networks: [{ name: 'a b' }],
      ports: [{ hostPort: 1, containerPort: 1, cuont: 2 }],
    });
    expect(bad).toMatchObject({ code: 'config.attachment', pointer: '/ports/0/cuont', line: 11 });
    expect(bad['document']).toMatch(/network\.json/);
    expect(bad['hint']).toBe('did you mean count?');
    expect(refused('{ "networks": ')).toMatchObject({ code: 'bundle.config-syntax', line: 1 });
  });

  test('are refused with the place of a port that another container has', () => {
    const ports = [{ hostPort: 8800, containerPort: 80 }];
    const { id } = lan.running(['--network-config', configFile({ ports })]);
    const record = refused({ ports: [{ hostPort: 8801, containerPort: 80 }, ...ports] });
    expect(record).toMatchObject({ code: 'network.port-taken', pointer: '/ports/1' });
    expect(record.msg).toContain(`port 8800/tcp of 0.0.0.0 is in use by container ${id}`);
  });

  test('are refused beside the options, and if the file does not exist', () => {
    const twice = lan.refuses(['--network-config', configFile({}), '--network', 'default']).record;
    expect(twice).toMatchObject({ code: 'usage.network' });
    expect(twice.msg).toContain('networks are requested twice: by --network-config and by --network');
    const missing = lan.refuses(['--network-config', '/missing.json']).record;
    expect(missing).toMatchObject({
      code: 'host.syscall',
      document: '--network-config',
      errnoName: 'ENOENT',
    });
  });

  describe('or in an annotation', () => {
    const annotated =
      (document: unknown, name = annotation) =>
      (bundle: Bundle): void => {
        const value = typeof document === 'string' ? document : JSON.stringify(document);
        bundle.config.annotations = { [name]: value };
      };
    /** A command on a machine with this text in /etc/tsubo/tsubo.json. */
    const withSettings = (text: string, mode = 0o644): string[] => {
      const etc = lan.box.mkdir(`etc-${mode}-${text.length}`);
      mkdirSync(join(etc, 'tsubo'), { recursive: true });
      const file = join(etc, 'tsubo/tsubo.json');
      writeFileSync(file, text);
      chmodSync(file, mode);
      const mount = 'mount -t overlay overlay -o "lowerdir=$0:/etc" /etc && exec "$@"';
      return ['unshare', '-m', 'sh', '-c', mount, etc];
    };
    const create = (wrapper: readonly string[], modify: (bundle: Bundle) => void, ...flags: string[]) => {
      const bundle = lan.bundle(modify);
      const done = lan.ociBy(wrapper, 'create', '--bundle', bundle.dir, ...flags, bundle.id);
      return { ...done, id: bundle.id, error: done.log.find(({ level }) => level === 'error') };
    };
    const allowed = JSON.stringify({ allowAnnotations: [annotation] });
    const request = { networks: [{ name: 'default' }], ports: [{ hostPort: 8800, containerPort: 80 }] };

    test('are refused without the permission of the administrator', () => {
      expect(existsSync('/etc/tsubo/tsubo.json')).toBe(false);
      for (const wrapper of [[], withSettings('{}'), withSettings('{"allowAnnotations": ["other"]}')]) {
        const { status, error } = create(wrapper, annotated(request));
        expect(status).toBe(1);
        expect(error).toMatchObject({ code: 'network.not-allowed', pointer: `/annotations/${annotation}` });
        expect(error?.['line']).toBeGreaterThan(1);
        expect(error?.['hint']).toContain(`{"allowAnnotations": ["${annotation}"]}`);
      }
      expect(lan.taken()).toEqual([]);
    });

    test('are refused if another user could have given the permission, or if it is misspelled', () => {
      const writable = create(withSettings(allowed, 0o666), annotated(request));
      expect(writable.error).toMatchObject({ code: 'state.untrusted', path: '/etc/tsubo/tsubo.json' });
      const misspelled = create(withSettings('{"allowAnotations": []}'), annotated(request));
      expect(misspelled.error).toMatchObject({
        code: 'config.unknown-property',
        document: '/etc/tsubo/tsubo.json',
        hint: 'did you mean allowAnnotations?',
      });
    });

    test('are refused in a later version of the annotation', () => {
      const { error } = create(withSettings(allowed), annotated(request, 'tsubo.attach.v2'));
      expect(error).toMatchObject({ code: 'config.unsupported', pointer: '/annotations/tsubo.attach.v2' });
    });

    test('are attached to a container with the config of Docker for --network none', async () => {
      const configs = engineConfigs(join(import.meta.dirname, 'engine-configs'));
      const docker = configs.find(({ names }) => names.includes('docker'))?.text ?? '';
      const sources = join(lan.box.mkdir('docker'), 'sources');
      const text = fillPlaceholders(docker, {
        sources,
        pod: process.pid,
        cgroupsPath: `/${lan.box.name}-docker`,
      });
      makeSources(text, sources);
      const { status, id } = create(withSettings(allowed), bundle => {
        const { args } = bundle.config.process;
        bundle.config = JSON.parse(text);
        bundle.config.process.args = args;
        annotated(request)(bundle);
      });
      expect(status).toBe(0);
      lan.must('start', id);
      const { pid } = lan.box.state(id);
      expect(addressesOf(lan.link(pid, 'eth0'))[0]).toBe('10.63.0.2/22');
      // Docker mounts its own file.
      expect(lan.must('exec', id, 'cat', '/etc/resolv.conf')).toMatch(/^the file \d+\.file\n$/);
      await lan.serve(pid, 80);
      expect(lan.ask(lan.neighbour, machine.ipv4, 8800)).toBe('192.0.2.9');
    });

    test('are refused with their place in the annotation, and beside options', () => {
      const wrapper = withSettings(allowed);
      const unknown = create(wrapper, annotated({ networks: [{ name: 'wbe' }] })).error;
      expect(unknown).toMatchObject({ code: 'network.unknown', pointer: `/annotations/${annotation}` });
      expect(unknown?.msg).toContain('/networks/0 of the annotation: network wbe does not exist');
      const bad = create(wrapper, annotated({ ports: [{ hostPort: 0, containerPort: 80 }] })).error;
      expect(bad).toMatchObject({ code: 'config.range', pointer: `/annotations/${annotation}` });
      expect(bad?.msg).toContain('/ports/0/hostPort of the annotation: ');
      const syntax = create(wrapper, annotated('{')).error;
      expect(syntax).toMatchObject({ code: 'bundle.config-syntax', pointer: `/annotations/${annotation}` });
      expect(syntax?.msg).toContain(`the annotation ${annotation}`);
      const twice = create(wrapper, annotated(request), '--network', 'default').error;
      expect(twice?.msg).toContain(`requested twice: by --network and by the annotation ${annotation}`);
    });
  });
});
