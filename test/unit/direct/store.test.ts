// SPDX-License-Identifier: Apache-2.0
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type DirectContainer, parseContainer } from '../../../src/direct/container.ts';
import { randomName } from '../../../src/direct/names.ts';
import { removeDirect } from '../../../src/direct/remove.ts';
import {
  type DirectStore,
  findContainer,
  findId,
  listContainers,
  type NewContainer,
  newContainer,
  removeFiles,
  sweep,
  withContainerLock,
} from '../../../src/direct/store.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import { type FakeMachine, machineForEachTest, thrown } from '../../helpers/fake-machine.ts';

let store: DirectStore;
let runtime: Runtime;
machineForEachTest((machine: FakeMachine) => {
  runtime = machine.runtime;
  store = { binding: machine.binding, directory: join(machine.directory, 'data') };
});

const containerOf = ({ id, name }: Pick<NewContainer, 'id' | 'name'>): DirectContainer => ({
  version: 1,
  id,
  name,
  image: 'busybox',
  imageId: `sha256:${'0'.repeat(64)}`,
  layers: [],
  created: '2026-01-01T00:00:00Z',
  command: ['sh'],
  entrypoint: [],
  hostname: id.slice(0, 12),
  user: '',
  labels: {},
  networks: [],
  ports: [],
  exposed: [],
  cdiDevices: [],
  mounts: [],
  terminal: false,
  openStdin: false,
  remove: false,
  stopSignal: 15,
  stopTimeout: 10,
  privileged: false,
  readOnly: false,
  init: false,
});

const make = (name?: string, more: Partial<DirectContainer> = {}): DirectContainer => {
  const made = newContainer(store, name);
  const container = { ...containerOf(made), ...more };
  made.finish(container);
  return container;
};
const names = () => readdirSync(join(store.directory, 'names'));
const directories = () => readdirSync(join(store.directory, 'containers'));

describe('a container that another command removes', () => {
  it('before the removal: nothing is left to do', () => {
    const { id, name } = make();
    removeFiles(store, id, name);
    removeDirect(runtime, store, id, { force: true, volumes: true });
    expect(directories()).toEqual([]);
  });

  it('while a command waits for its lock: it does not exist for that command', () => {
    const { id, name } = make('web');
    const binding = {
      ...store.binding,
      lock(fd: number, timeoutMs: number): boolean {
        removeFiles(store, id, name);
        return store.binding.lock(fd, timeoutMs);
      },
    };
    expect(thrown(() => withContainerLock({ ...store, binding }, id, () => 'work'))).toMatchObject({
      code: 'direct.no-container',
      value: id,
    });
  });
});

describe('a new container', () => {
  it('has a random id, a name of two words, and a link from the name to the id', () => {
    const { id, name } = make();
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(name).toMatch(/^[a-z]+_[a-z]+$/);
    expect(readlinkSync(join(store.directory, 'names', name))).toBe(id);
    expect(listContainers(store).containers.map(container => container.id)).toEqual([id]);
  });

  it('has another id if a sweep removes its directory before the lock', () => {
    let swept = 0;
    const binding = {
      ...store.binding,
      lock(fd: number, timeoutMs: number): boolean {
        if (swept++ === 0) sweep(store);
        return store.binding.lock(fd, timeoutMs);
      },
    };
    const made = newContainer({ ...store, binding }, 'web');
    expect(swept).toBe(2);
    expect(directories()).toEqual([made.id]);
  });

  it('waits while a sweep that has found its directory unlocked removes it, and has another id then', () => {
    const removed: string[] = [];
    const sweeping = {
      ...store.binding,
      removeTree(path: string): void {
        // The lock is held: the other command cannot continue with a directory that is about to be removed.
        const fd = store.binding.open(path, 0, 0);
        expect(store.binding.lock(fd, 0)).toBe(false);
        store.binding.close(fd);
        removed.push(path);
        store.binding.removeTree(path);
      },
    };
    const id = 'b'.repeat(64);
    mkdirSync(join(store.directory, 'containers', id, 'upper'), { recursive: true });
    sweep({ ...store, binding: sweeping });
    expect(removed).toEqual([join(store.directory, 'containers', id)]);
    expect(directories()).toEqual([]);
  });

  it('has another id if another process keeps the lock of its directory', () => {
    let calls = 0;
    const binding = {
      ...store.binding,
      lock: (fd: number, timeoutMs: number) => calls++ > 0 && store.binding.lock(fd, timeoutMs),
    };
    const made = newContainer({ ...store, binding }, 'web');
    expect(calls).toBe(2);
    expect(directories()).toContain(made.id);
  });

  it('is refused under a taken name, and leaves nothing behind', () => {
    const { id } = make('web');
    expect(thrown(() => newContainer(store, 'web'))).toMatchObject({
      code: 'direct.name-taken',
      message: `the container name "/web" is already in use by container "${id}"`,
      value: 'web',
      hint: `choose another name, or remove that container: tsubo container rm --force ${id.slice(0, 12)}`,
    });
    expect(directories()).toEqual([id]);
  });

  it.each([
    ['a file', (path: string) => writeFileSync(path, 'x')],
    ['a link to something else', (path: string) => symlinkSync('elsewhere', path)],
  ])('is refused if its place has %s, which stays', (_, make) => {
    const names = join(store.directory, 'names');
    mkdirSync(names, { recursive: true });
    const path = join(names, 'web');
    make(path);
    expect(thrown(() => newContainer(store, 'web'))).toMatchObject({
      code: 'direct.name-taken',
      message: `the container name "/web" is already in use: ${path} is not a link to a container`,
      path,
    });
    sweep(store);
    expect(readdirSync(names)).toEqual(['web']);
    expect(readdirSync(join(store.directory, 'containers'))).toEqual([]);
  });

  it('is refused under a name that another command is giving to a container', () => {
    const making = newContainer(store, 'web');
    expect(thrown(() => newContainer(store, 'web'))).toMatchObject({ code: 'direct.name-taken' });
    making.finish(containerOf(making));
    expect(findId(store, 'web')).toBe(making.id);
  });

  it('gets the name of a create that was killed, and removes its directory', () => {
    const id = 'a'.repeat(64);
    mkdirSync(join(store.directory, 'containers', id, 'upper'), { recursive: true });
    mkdirSync(join(store.directory, 'names'));
    symlinkSync(id, join(store.directory, 'names/web'));
    const made = make('web');
    expect(directories()).toEqual([made.id]);
    expect(findId(store, 'web')).toBe(made.id);
  });

  it('gets a name whose container has gone', () => {
    const { id } = make('web');
    rmSync(join(store.directory, 'containers', id), { recursive: true });
    expect(findId(store, make('web').id.slice(0, 10))).not.toBe(id);
  });

  it.each(['', 'a', '-a', 'a/b', '.ab', 'a b', `a${'b'.repeat(128)}`])(
    'is refused under the name %j',
    name => {
      expect(thrown(() => newContainer(store, name))).toMatchObject({ code: 'direct.bad-name', value: name });
      expect(existsSync(store.directory)).toBe(false);
    },
  );

  it('is gone after it was abandoned, and so is its name', () => {
    newContainer(store, 'web').abandon();
    expect(names()).toEqual([]);
    expect(directories()).toEqual([]);
  });
});

describe('a container is found', () => {
  it('by its id, its name with or without a slash, and the beginning of its id', () => {
    const { id } = make('web');
    for (const word of [id, 'web', '/web', id.slice(0, 12), id.slice(0, 8)])
      expect(findId(store, word)).toBe(id);
  });

  it('by its name, even if another id begins with the same digits', () => {
    const { id } = make();
    const name = id.slice(0, 12);
    const other = make(name);
    expect(findId(store, name)).toBe(other.id);
  });

  it('by no prefix that two ids have, and both are named', () => {
    for (const digit of ['1', '2']) {
      const id = `abc${digit.repeat(61)}`;
      mkdirSync(join(store.directory, 'containers', id), { recursive: true });
      writeFileSync(join(store.directory, 'containers', id, 'container.json'), '{}');
    }
    expect(thrown(() => findId(store, 'abc'))).toMatchObject({
      code: 'direct.ambiguous',
      message: 'the id prefix "abc" is ambiguous: 2 containers begin with it',
      hint: 'write more digits: abc111111111, abc222222222',
    });
  });

  it.each(['nothing', 'abc', '', '..', '../x'])('never by %j, if there is none', word => {
    make('web');
    expect(thrown(() => findContainer(store, word))).toMatchObject({
      code: 'direct.no-container',
      message: `No such container: ${word}`,
    });
  });
});

describe('the list of containers', () => {
  it('begins with the newest', () => {
    const old = make('old', { created: '2026-01-01T00:00:00Z' });
    const young = make('young', { created: '2026-01-02T00:00:00Z' });
    expect(listContainers(store).containers).toEqual([young, old]);
  });

  it('names a damaged record and shows the others', () => {
    const good = make('good');
    const bad = make('bad');
    const path = join(store.directory, 'containers', bad.id, 'container.json');
    writeFileSync(path, JSON.stringify({ ...bad, ports: [80] }));
    const { containers, damaged } = listContainers(store);
    expect(containers).toEqual([good]);
    expect(damaged).toMatchObject([
      { code: 'state.damaged', path, message: `the file ${path} is damaged: ports has a wrong type` },
    ]);
  });

  it('shows the others if a directory or a record of a later version is in the place of container.json', () => {
    const good = make('good');
    const [odd, later] = [make('odd'), make('later')].map(({ id }) =>
      join(store.directory, 'containers', id, 'container.json'),
    ) as [string, string];
    rmSync(odd);
    mkdirSync(odd);
    writeFileSync(later, '{"version":2,"layers":"in another form"}');
    const { containers, damaged } = listContainers(store);
    expect(containers).toEqual([good]);
    expect(damaged.map(({ code, path }) => `${code} ${path}`).sort()).toEqual(
      [`state.damaged ${odd}`, `state.newer-version ${later}`].sort(),
    );
    for (const { value = '' } of damaged) removeFiles(store, value, undefined);
    expect(directories()).toEqual([good.id]);
    expect(names()).toEqual(['good']);
  });

  it('is empty before the first container', () => {
    expect(listContainers(store)).toEqual({ containers: [], damaged: [] });
  });
});

describe('a record', () => {
  const mount = { type: 'bind', destination: '/d', readOnly: false, options: [], source: '/s' };
  it.each<[string, object]>([
    ['mounts has a wrong type', { mounts: [{ ...mount, source: 5 }] }],
    ['mounts has a wrong type', { mounts: [{ ...mount, source: undefined }] }],
    ['mounts has a wrong type', { mounts: [{ ...mount, type: 'volume', name: 5 }] }],
    ['mounts has a wrong type', { mounts: [{ ...mount, anonymous: 'x' }] }],
    ['layers has an entry that is not a name of a layer', { layers: ['../../etc'] }],
    ['name is not a name of a container', { name: '../x' }],
    ['stopSignal is not a number of a signal', { stopSignal: 65 }],
    ['stopSignal is not a number of a signal', { stopSignal: 0 }],
  ])('is damaged: %s in %j', (problem, change) => {
    const container = make('web');
    expect(parseContainer(JSON.stringify({ ...container, mounts: [mount] }), container.id)).toEqual({
      ...container,
      mounts: [mount],
    });
    expect(parseContainer(JSON.stringify({ ...container, ...change }), container.id)).toBe(problem);
  });
});

describe('removal', () => {
  it('removes directory and name', () => {
    const { id, name } = make('web');
    removeFiles(store, id, name);
    expect(names()).toEqual([]);
    expect(directories()).toEqual([]);
  });

  it('removes directory and name of a container whose record is damaged', () => {
    const kept = make('kept');
    const { id } = make('web');
    writeFileSync(join(store.directory, 'containers', id, 'container.json'), '{');
    removeFiles(store, id, undefined);
    expect(names()).toEqual(['kept']);
    expect(directories()).toEqual([kept.id]);
  });

  it('keeps a name that another container has since', () => {
    const { id } = make('web');
    rmSync(join(store.directory, 'names/web'));
    const next = make('web');
    removeFiles(store, id, 'web');
    expect(findId(store, 'web')).toBe(next.id);
  });

  it('is completed by a sweep, which leaves other containers alone', () => {
    const kept = make('kept');
    const making = newContainer(store, 'making');
    const { id } = make('gone');
    rmSync(join(store.directory, 'containers', id, 'container.json'));
    sweep(store);
    expect(directories().sort()).toEqual([kept.id, making.id].sort());
    expect(names()).toEqual(['kept', 'making']);
  });
});

describe('random names', () => {
  it('are all valid, and consecutive numbers give different ones', () => {
    const made = Array.from({ length: 512 }, (_, at) => randomName(Uint8Array.of(0, at >> 8, at & 255)));
    for (const name of made) expect(name).toMatch(/^[a-z]+_[a-z]+$/);
    expect(new Set(made).size).toBe(512);
  });
});
