// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import {
  capabilitiesOf,
  parseBytes,
  parseCpus,
  parseDevice,
  parseEnv,
  parseEnvFile,
  parseHost,
  parseMemory,
  parseMount,
  parseNetworks,
  parsePairs,
  parseSecurity,
  parseTmpfs,
  parseUlimit,
  parseVolume,
} from '../../../src/direct/request.ts';
import { thrown } from '../../helpers/fake-machine.ts';

const here = () => '/work/dir';
const own = (name: string) => (name === 'HOME' ? '/root' : undefined);

describe('a volume', () => {
  it.each([
    [
      '/a:/b',
      { type: 'bind', source: '/a', destination: '/b', readOnly: false, options: [], makeSource: true },
    ],
    [
      './a:/b:ro',
      { type: 'bind', source: '/work/dir/a', destination: '/b', readOnly: true, makeSource: true },
    ],
    ['..:/b/', { type: 'bind', source: '/work', destination: '/b', makeSource: true }],
    ['/a:/b:rslave,ro', { type: 'bind', readOnly: true, options: ['rslave'] }],
    ['data:/b', { type: 'volume', source: 'data', destination: '/b', copy: true }],
    ['data:/b:nocopy,z', { type: 'volume', source: 'data', destination: '/b', copy: false, options: [] }],
    ['/b', { type: 'volume', destination: '/b', copy: true }],
  ])('%s', (value, request) => {
    expect(parseVolume(value, here)).toMatchObject(request);
    expect('source' in parseVolume(value, here)).toBe('source' in request || value.startsWith('/a'));
  });

  it.each([
    ['', 'it is not of the form SOURCE:DESTINATION:OPTIONS'],
    ['/a:/b:ro:x', 'it is not of the form SOURCE:DESTINATION:OPTIONS'],
    ['/a:b', 'the path in the container must be absolute'],
    ['/a:/', "the destination can't be '/'"],
    ['/a:/b/..', "the destination can't be '/'"],
    ['/a:/b:rw,exec', 'unknown option "exec"'],
    ['a/b:/c', '"a/b" is neither a path nor the name of a volume'],
  ])('%j is refused', (value, problem) => {
    expect(thrown(() => parseVolume(value, here))).toMatchObject({
      code: 'usage.bad-value',
      message: `invalid value ${JSON.stringify(value)} for --volume: ${problem}`,
    });
  });
});

describe('a mount', () => {
  it.each([
    [
      'type=bind,source=/a,target=/b,readonly',
      { type: 'bind', source: '/a', readOnly: true, makeSource: false },
    ],
    ['type=bind,src=x,dst=/b,bind-propagation=rshared', { source: '/work/dir/x', options: ['rshared'] }],
    ['source=data,target=/b', { type: 'volume', source: 'data', copy: true }],
    ['type=volume,target=/b,volume-nocopy', { type: 'volume', destination: '/b', copy: false }],
    [
      'type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770',
      { type: 'tmpfs', options: ['size=1048576', 'mode=1770'] },
    ],
  ])('%s', (value, request) => {
    expect(parseMount(value, here)).toMatchObject(request);
  });

  it.each([
    ['type=nfs,target=/b', 'unknown type "nfs"'],
    ['type=bind,target=/b', 'a bind mount needs a source'],
    ['type=tmpfs,source=/a,target=/b', 'a tmpfs has no source'],
    ['source=/a,target=/b', 'invalid volume name "/a"'],
    ['source=a,target=b', 'the path in the container must be absolute'],
    ['source=a,target=/b,size=3', 'unexpected key "size"'],
  ])('%j is refused', (value, problem) => {
    expect(thrown(() => parseMount(value, here))).toMatchObject({
      message: `invalid value ${JSON.stringify(value)} for --mount: ${problem}`,
    });
  });

  it('is a tmpfs with its options', () => {
    expect(parseTmpfs('/run:rw,size=64k,mode=755')).toMatchObject({
      type: 'tmpfs',
      destination: '/run',
      readOnly: false,
      options: ['size=64k', 'mode=755'],
    });
    expect(parseTmpfs('/run')).toMatchObject({ destination: '/run', options: [] });
  });
});

describe('numbers', () => {
  it.each([
    ['64', 64],
    ['1b', 1],
    ['1k', 1024],
    ['1.5m', 1_572_864],
    ['2G', 2 ** 31],
    ['1gb', 2 ** 30],
    ['1GiB', 2 ** 30],
  ])('%s are bytes', (text, bytes) => {
    expect(parseBytes('--memory', text)).toBe(bytes);
  });

  it.each(['', 'm', '-1', '1x', '1 000', '99999999t'])('%j are not a number of bytes', text => {
    expect(thrown(() => parseBytes('--memory', text))['code']).toBe('usage.bad-value');
  });

  it('of memory have a minimum', () => {
    expect(parseMemory('--memory', '6m')).toBe(6 << 20);
    expect(thrown(() => parseMemory('--memory', '6143k'))['message']).toBe(
      'invalid value "6143k" for --memory: the minimum memory limit is 6MB',
    );
  });

  it('of processors become a quota', () => {
    expect(parseCpus('1.5')).toBe(150_000);
    expect(parseCpus('0.5')).toBe(50_000);
    for (const wrong of ['', '0', 'x', '-1', '1,5']) {
      expect(thrown(() => parseCpus(wrong))['code']).toBe('usage.bad-value');
    }
  });
});

describe('the environment', () => {
  it('takes values of the caller for names alone', () => {
    expect(parseEnv('--env', ['A=1', 'B=', 'HOME', 'NONE', 'C=x=y'], own)).toEqual([
      'A=1',
      'B=',
      'HOME=/root',
      'NONE',
      'C=x=y',
    ]);
  });

  it('is read from a file without comments and empty lines', () => {
    const text = '# comment\n\nA=1 # no comment\r\n  B="quoted"\nHOME\nNONE\n';
    expect(parseEnvFile(text, 'f', own)).toEqual(['A=1 # no comment', 'B="quoted"', 'HOME=/root']);
  });

  it.each(['', '=x'])('refuses %j', value => {
    expect(thrown(() => parseEnv('--env', [value], own))['message']).toContain(
      'the name of the variable is empty',
    );
  });

  it('refuses a name with a blank in a file', () => {
    expect(thrown(() => parseEnvFile('A B=1', 'f', own))['message']).toContain(
      'variable "A B" of f contains whitespace',
    );
  });

  it('of labels has values that may be empty', () => {
    expect(parsePairs('--label', ['a=1', 'b', 'c=x=y'])).toEqual({ a: '1', b: '', c: 'x=y' });
    expect(thrown(() => parsePairs('--label', ['=1']))['message']).toContain('the key is empty');
  });
});

describe('capabilities', () => {
  const all = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'];
  const defaults = ['CAP_CHOWN', 'CAP_KILL', 'CAP_MKNOD'];
  it.each([
    [[], [], ['CAP_CHOWN', 'CAP_KILL']],
    [['net_admin'], [], ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN']],
    [['CAP_NET_ADMIN'], ['kill'], ['CAP_CHOWN', 'CAP_NET_ADMIN']],
    [['ALL'], [], all],
    [['ALL'], ['SYS_ADMIN'], ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_ADMIN']],
    [[], ['ALL'], []],
    [['KILL'], ['all'], ['CAP_KILL']],
  ])('added %j, dropped %j', (add, drop, result) => {
    expect(capabilitiesOf(defaults, add, drop, all)).toEqual(result);
  });

  it('with an unknown name are refused, with the nearest', () => {
    expect(thrown(() => capabilitiesOf(defaults, ['NET_ADMN'], [], all))).toMatchObject({
      code: 'usage.bad-value',
      message: 'invalid value "NET_ADMN" for --cap-add: unknown capability',
      hint: 'did you mean NET_ADMIN?',
    });
  });
});

describe('limits of processes', () => {
  it.each([
    ['nofile=1024:2048', { type: 'RLIMIT_NOFILE', soft: 1024, hard: 2048 }],
    ['core=0', { type: 'RLIMIT_CORE', soft: 0, hard: 0 }],
    ['memlock=-1', { type: 'RLIMIT_MEMLOCK', soft: 2n ** 64n - 1n, hard: 2n ** 64n - 1n }],
  ])('%s', (value, limit) => {
    expect(parseUlimit(value)).toEqual(limit);
  });

  it.each([
    ['nofile', 'it is not of the form NAME=SOFT:HARD'],
    ['nofiles=3', 'unknown limit "nofiles"'],
    ['nofile=3:2', 'the soft limit is above the hard limit'],
  ])('%j is refused', (value, problem) => {
    expect(thrown(() => parseUlimit(value))['message']).toBe(
      `invalid value "${value}" for --ulimit: ${problem}`,
    );
  });
});

describe('devices and security options', () => {
  it.each([
    ['/dev/fuse', { source: '/dev/fuse', path: '/dev/fuse', access: 'rwm' }],
    ['/dev/fuse:r', { source: '/dev/fuse', path: '/dev/fuse', access: 'r' }],
    ['/dev/sda:/dev/xvda', { source: '/dev/sda', path: '/dev/xvda', access: 'rwm' }],
    ['/dev/sda:/dev/xvda:rw', { source: '/dev/sda', path: '/dev/xvda', access: 'rw' }],
  ])('%s', (value, device) => {
    expect(parseDevice(value)).toEqual(device);
  });

  it.each(['fuse', '/dev/a:b:c:d', '/dev/a:/b:x', '/dev/a:b'])('%j is not a device', value => {
    expect(thrown(() => parseDevice(value))['code']).toBe('usage.bad-value');
  });

  it('are read in both spellings', () => {
    expect(parseSecurity(['no-new-privileges', 'seccomp=unconfined', 'apparmor:x', 'label=disable'])).toEqual(
      {
        seccomp: 'unconfined',
        apparmor: 'x',
        noNewPrivileges: true,
        unmasked: false,
      },
    );
    expect(parseSecurity(['no-new-privileges=false', 'systempaths=unconfined'])).toEqual({
      noNewPrivileges: false,
      unmasked: true,
    });
    expect(thrown(() => parseSecurity(['label=type:web_t']))['message']).toContain('no SELinux label');
    expect(thrown(() => parseSecurity(['secomp=x']))['message']).toContain('unknown option "secomp"');
  });
});

describe('networks', () => {
  it.each([
    [[], {}, { networks: ['default'] }],
    [['bridge'], {}, { networks: ['default'] }],
    [['none'], {}, 'none'],
    [['host'], {}, 'host'],
    [['web', 'db:alias=x'], {}, { networks: ['web', 'db:alias=x'] }],
    [['container:x'], {}, { container: 'x' }],
    [[], { ip: '10.0.0.9' }, { networks: ['default:ip=10.0.0.9'] }],
    [['web:alias=x'], { mac: '02:00:00:00:00:01' }, { networks: ['web:alias=x,mac=02:00:00:00:00:01'] }],
  ])('%j with %j', (values, keys, choice) => {
    expect(parseNetworks(values, keys)).toEqual(choice);
  });

  it.each([
    [['host', 'web'], {}],
    [['none'], { ip: '10.0.0.9' }],
    [['container:'], {}],
    [['container:x', 'web'], {}],
    [['container:x'], { ip: '10.0.0.9' }],
  ])('%j with %j is refused', (values, keys) => {
    expect(thrown(() => parseNetworks(values, keys))['code']).toBe('usage.bad-value');
  });

  it('have hosts in both spellings', () => {
    expect(parseHost('db:10.0.0.5')).toBe('10.0.0.5\tdb');
    expect(parseHost('db=[fd00::1]')).toBe('fd00::1\tdb');
    expect(thrown(() => parseHost('db'))['message']).toContain('it is not of the form NAME:ADDRESS');
  });
});
