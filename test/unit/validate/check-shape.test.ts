// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { checkConfig } from '../../../src/validate/check.ts';
import { configWith } from './config.ts';

describe('names', () => {
  it('match in any case, as in Go', () => {
    const { config } = checkConfig({
      OCIVersion: '1.0.2',
      Root: { Path: 'r', readOnly: true },
      PROCESS: { Args: ['a'], Cwd: '/', user: { UID: 3 } },
      linux: { Namespaces: [{ Type: 'mount' }] },
    });
    expect(config).toEqual({
      ociVersion: '1.0.2',
      root: { path: 'r', readonly: true },
      process: { args: ['a'], cwd: '/', user: { uid: 3, gid: 0 } },
      linux: { namespaces: [{ type: 'mount' }] },
    });
  });

  it.each([
    ['first', { cwd: '/a', CWD: '/b' }],
    ['last', { CWD: '/b', cwd: '/a' }],
  ])('in the exact spelling have precedence, also when %s', (_, names) => {
    const { config } = checkConfig(
      configWith(it => Object.assign(it, { process: { args: ['a'], ...names } })),
    );
    expect(config?.process.cwd).toBe('/a');
  });

  it('of objects in two spellings are merged, and the last value applies', () => {
    const { config, problems } = checkConfig(
      configWith(it =>
        Object.assign(it.linux, {
          resources: {
            cpu: { shares: 100, quota: 5000, period: 10000 },
            CPU: { Cpus: '0', Mems: '0', quota: 6000 },
            Memory: { limit: 1 },
            memory: { Limit: 2, swap: 3 },
          },
        }),
      ),
    );
    expect(problems).toEqual([]);
    expect(config?.linux?.resources).toEqual({
      cpu: { shares: 100, quota: 6000, period: 10000, cpus: '0', mems: '0' },
      memory: { limit: 2, swap: 3 },
    });
  });

  it.each([
    ['/Cwd is ignored because of', { Cwd: '/b', cwd: '/a' }],
    ['/Cwd is ignored because of', { cwd: '/a', Cwd: '/b' }],
    ['/CWD replaces', { Cwd: '/b', CWD: '/a' }],
    ['/User is merged with', { cwd: '/a', User: { uid: 1 }, user: { gid: 2 } }],
    ['/USER is merged with', { cwd: '/a', User: { uid: 1 }, USER: { gid: 2 } }],
    ['/User is ignored because of', { cwd: '/a', User: [], user: { gid: 2 } }],
  ])('in two spellings get one warning: %s', (message, names) => {
    const { config, warnings } = checkConfig(
      configWith(it => Object.assign(it, { process: { args: ['a'], ...names } })),
    );
    expect(config?.process.cwd).toBe('/a');
    const [pointer] = message.split(' ');
    expect(warnings).toEqual([
      expect.objectContaining({
        code: 'config.repeated-property',
        message: `/process${message} the same property in another spelling`,
        pointer: `/process${pointer}`,
      }),
    ]);
  });

  it('in another spelling without a value get no warning', () => {
    const { config, warnings } = checkConfig(configWith(it => Object.assign(it, { Root: null })));
    expect(config?.root).toEqual(checkConfig(configWith()).config?.root);
    expect(warnings).toEqual([]);
  });

  it('that are unknown are ignored with a warning and the correct spelling', () => {
    const { config, warnings } = checkConfig(
      configWith(it => {
        it.process.arg = ['x'];
        it.linux.maskPaths = [];
        it.whatever = 1;
      }),
    );
    expect(config).toEqual(checkConfig(configWith()).config);
    expect(warnings).toMatchObject([
      { code: 'config.unknown-property', pointer: '/process/arg', hint: 'did you mean args?' },
      { code: 'config.unknown-property', pointer: '/linux/maskPaths', hint: 'did you mean maskedPaths?' },
      { code: 'config.unknown-property', pointer: '/whatever', hint: undefined },
    ]);
  });

  it.each(['__proto__', 'constructor', 'toString'])('such as %s are unknown too', name => {
    const document = JSON.parse(
      JSON.stringify(configWith()).replace('{', `{"${name}": {"path": 1},`),
    ) as unknown;
    const { config, warnings } = checkConfig(document);
    expect(warnings).toMatchObject([{ code: 'config.unknown-property', pointer: `/${name}` }]);
    expect(config).toEqual(checkConfig(configWith()).config);
  });

  it('of other platforms are ignored with a warning', () => {
    const { config, warnings } = checkConfig(
      configWith(it => {
        it.windows = { layerFolders: ['c'] };
        it.solaris = {};
        it.process.user = { username: 'me' };
      }),
    );
    expect(config).not.toHaveProperty('windows');
    expect(config?.process.user).toEqual({ uid: 0, gid: 0 });
    expect(warnings).toMatchObject([
      { code: 'config.ignored', pointer: '/process/user/username' },
      { code: 'config.ignored', pointer: '/windows' },
    ]);
  });

  it('in maps are defined by the user', () => {
    const annotations = JSON.parse('{"__proto__": "1", "Cwd": "2", "": "3"}') as object;
    const { problems, warnings } = checkConfig(configWith(it => Object.assign(it, { annotations })));
    expect(warnings).toEqual([]);
    expect(problems).toMatchObject([{ code: 'config.annotations', pointer: '/annotations/' }]);
    delete (annotations as Record<string, string>)[''];
    expect(
      JSON.stringify(checkConfig(configWith(it => Object.assign(it, { annotations }))).config?.annotations),
    ).toBe('{"__proto__":"1","Cwd":"2"}');
  });
});

describe('values', () => {
  it('that are null count as absent', () => {
    const { config, problems } = checkConfig(
      configWith(it => {
        it.hostname = null;
        it.process.env = null;
        it.process.capabilities = null;
        it.linux.seccomp = null;
      }),
    );
    expect(problems).toEqual([]);
    expect(config).toEqual(checkConfig(configWith()).config);
  });

  it('cannot be null in a list', () => {
    const { problems } = checkConfig(configWith(it => it.process.args.push(null)));
    expect(problems).toMatchObject([{ code: 'config.type', pointer: '/process/args/1' }]);
  });

  it('preserve numbers beyond 2^53', () => {
    const rlimits = [{ type: 'RLIMIT_CORE', soft: 0, hard: 18446744073709551615n }];
    expect(
      checkConfig(configWith(it => Object.assign(it.process, { rlimits }))).config?.process.rlimits,
    ).toEqual(rlimits);
  });

  it('distinguish absent from empty', () => {
    const empty = checkConfig(
      configWith(it => Object.assign(it.process, { capabilities: {}, env: [] })),
    ).config;
    expect(empty?.process.capabilities).toEqual({});
    expect(empty?.process.env).toEqual([]);
    expect(checkConfig(configWith()).config?.process).not.toHaveProperty('capabilities');
  });

  it('of a wrong type are all reported at once, and only once', () => {
    const { problems } = checkConfig({
      ociVersion: 1,
      root: [],
      process: { args: 'sh', cwd: {}, env: ['A=1', 2, 'B'] },
      mounts: [{ destination: 3, type: 'tmpfs' }, 'x'],
      linux: { namespaces: {} },
    });
    expect(problems.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
      'config.type /ociVersion',
      'config.type /root',
      'config.type /process/args',
      'config.type /process/cwd',
      'config.type /process/env/1',
      'config.type /mounts/0/destination',
      'config.type /mounts/1',
      'config.type /linux/namespaces',
      'config.process.env /process/env/2',
    ]);
  });

  it.each([
    [[], 'a list'],
    ['x', 'the string "x"'],
    [3, '3'],
    [true, 'true'],
  ])('that are not an object are refused as a document: %j', (document, found) => {
    expect(checkConfig(document).problems[0]).toMatchObject({
      code: 'config.type',
      pointer: '',
      message: `config.json must be an object, not ${found}`,
    });
    expect(checkConfig(document).problems).toHaveLength(1);
  });

  it.each([
    ['uid', 4294967294, true],
    ['uid', 4294967295, false],
    ['uid', -1, false],
    ['umask', 0o777, true],
    ['umask', 0o1000, false],
  ])('of %s are checked against its range: %i', (name, value, isRight) => {
    const { problems } = checkConfig(
      configWith(it => Object.assign(it.process, { user: { [name]: value } })),
    );
    expect(problems.map(({ code, pointer }) => ({ code, pointer }))).toEqual(
      isRight ? [] : [{ code: 'config.range', pointer: `/process/user/${name}` }],
    );
  });

  it('with a NUL byte are refused, also in names', () => {
    const { problems } = checkConfig(
      configWith(it => {
        it.process.args = ['a', 'b\0'];
        it.annotations = { 'a\0': '' };
      }),
    );
    expect(problems).toMatchObject([
      { code: 'config.nul', pointer: '/process/args/1' },
      { code: 'config.nul', pointer: '/annotations/a\0' },
    ]);
  });
});

describe('properties that the specification added later', () => {
  it.each([
    ['hooks', { prestart: [], poststop: null }],
    [
      'linux',
      { resources: { devices: [], memory: {}, unified: {} }, seccomp: {}, netDevices: {}, mountLabel: '' },
    ],
    [
      'process',
      { args: ['a'], cwd: '/', terminal: false, apparmorProfile: '', consoleSize: { height: 1, width: 2 } },
    ],
  ])('of %s without effect are accepted', (name, value) => {
    const { problems } = checkConfig(configWith(it => Object.assign(it, { [name]: value })));
    expect(problems.filter(({ code }) => code === 'config.unsupported')).toEqual([]);
  });

  it('are checked like all others', () => {
    const { problems } = checkConfig(
      configWith(it =>
        Object.assign(it.linux, {
          seccomp: { defaultAction: 'SCMP_ACT_ALOW', syscalls: [{}], listenerPath: 7 },
        }),
      ),
    );
    expect(problems).toMatchObject([
      { code: 'config.value', pointer: '/linux/seccomp/defaultAction', hint: 'did you mean SCMP_ACT_ALLOW?' },
      { code: 'config.required', pointer: '/linux/seccomp/syscalls/0/names' },
      { code: 'config.required', pointer: '/linux/seccomp/syscalls/0/action' },
      { code: 'config.type', pointer: '/linux/seccomp/listenerPath' },
    ]);
  });
});

describe('a value of the wrong type yields an error with the expected form:', () => {
  const process = { args: ['a'], cwd: '/' };

  it.each<[string, object, string | undefined]>([
    ['a command line', { process: { ...process, args: 'sleep  10' } }, 'write ["sleep", "10"]'],
    ['one word', { process: { ...process, args: 'sh' } }, 'write ["sh"]'],
    ['many words', { process: { ...process, args: 'a b c d e f' } }, 'write ["a", "b", "c", "d", "e", ...]'],
    [
      'the environment as an object',
      { process: { ...process, env: { A: 'b', C: 'd' } } },
      'write ["A=b", "C=d"]',
    ],
    ['one variable', { process: { ...process, env: 'A=b c' } }, 'write ["A=b c"]'],
    [
      'options of mount(8)',
      { mounts: [{ destination: '/a', type: 'tmpfs', options: 'ro,nosuid' }] },
      'write ["ro", "nosuid"]',
    ],
    ['one mount', { mounts: { destination: '/a' } }, 'put it in [ ]'],
    [
      'a size',
      { linux: { resources: { memory: { limit: '512M' } } } },
      'write the number of bytes: 536870912',
    ],
    [
      'a size with a fraction',
      { linux: { resources: { memory: { limit: '1.5 GiB' } } } },
      'write the number of bytes: 1610612736',
    ],
    ['a number in quotes', { linux: { resources: { memory: { limit: '512' } } } }, 'remove the quotes'],
    [
      'root by name',
      { process: { ...process, user: { uid: 'root' } } },
      'names are not looked up: root is 0',
    ],
    [
      'a group by name',
      { process: { ...process, user: { additionalGids: ['wheel'] } } },
      'names are not looked up: write the number',
    ],
    ['anything else', { linux: { resources: { pids: { limit: 'many' } } } }, undefined],
  ])('%s', (_, change, hint) => {
    const { problems } = checkConfig(configWith(it => Object.assign(it, change)));
    expect(problems).toHaveLength(1);
    expect(problems[0]?.code).toBe('config.type');
    expect(problems[0]?.hint).toBe(hint);
  });
});
