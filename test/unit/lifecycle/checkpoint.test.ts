// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeMessage, Fields } from '../../../src/criu/protobuf.ts';
import { utf8 } from '../../../src/host/utf8.ts';
import { checkpointContainer } from '../../../src/lifecycle/checkpoint.ts';
import { createContainer } from '../../../src/lifecycle/create.ts';
import { restoreContainer } from '../../../src/lifecycle/restore.ts';
import type { Runtime } from '../../../src/lifecycle/runtime.ts';
import { containerState } from '../../../src/lifecycle/state.ts';
import { type FakeMachine, machineForEachTest, thrown, writeBundle } from '../../helpers/fake-machine.ts';

let machine: FakeMachine;
let runtime: Runtime;
let bundle: string;
let image: string;
machineForEachTest(made => {
  machine = made;
  bundle = writeBundle(join(machine.directory, 'bundle'));
  image = join(machine.directory, 'image');
  const programs = join(machine.directory, 'programs');
  mkdirSync(programs);
  writeFileSync(join(programs, 'criu'), '');
  const { binding } = machine;
  const missing = (): never => {
    throw Object.assign(new Error('openat2'), { syscall: 'openat2', errno: 2 });
  };
  runtime = {
    ...machine.runtime,
    binding: {
      ...binding,
      getenv: name => (name === 'PATH' ? programs : binding.getenv(name)),
      openInRoot: (_root, _path, flags) => (flags === 0o2000100 ? 2_200_000 : missing()),
      copyTree: () => {},
      startPeer: request => {
        const peer = binding.startPeer(request);
        // criu exits as soon as the conversation ends.
        const process = machine.processes.get(peer.pid);
        if (process !== undefined) process.state = 'Z';
        return peer;
      },
    },
  };
});

const schema = {
  type: 1,
  success: 2,
  restore: [4, { pid: 1 }],
  notify: [5, { script: 1, pid: 2 }],
  errno: 7,
} as const;
const answer = (message: Parameters<typeof encodeMessage>[0]): void => {
  machine.answers.push(encodeMessage(message, schema, utf8));
};
const request = (): Fields | undefined => new Fields(machine.requests[0] ?? new Uint8Array()).message(2);
const run = () => createContainer(runtime, { id: 'c', bundle, startNow: true }).init.pid;

describe('checkpoint', () => {
  it('sends the pid of the init, and writes the names of its streams', () => {
    const pid = run();
    machine.procFiles.set(`/proc/${pid}/fd/0`, 'pipe:[7]');
    machine.procFiles.set(`/proc/${pid}/fd/1`, '/x');
    machine.procFiles.set(`/proc/${pid}/fd/2`, '/x');
    answer({ type: 1, success: true });
    checkpointContainer(runtime, 'c', { imagePath: image, leaveRunning: true, tcpEstablished: true });
    expect([request()?.number(2), request()?.boolean(3), request()?.boolean(5)]).toEqual([pid, true, true]);
    expect(readFileSync(join(image, 'descriptors.json'), 'utf8')).toBe('["pipe:[7]","/x","/x"]');
    expect(containerState(runtime, 'c').status).toBe('running');
    expect(machine.openLocks).toBe(0);
  });

  it('keeps the container if criu fails', () => {
    run();
    answer({ type: 1, success: false, errno: 16 });
    expect(
      thrown(() => checkpointContainer(runtime, 'c', { imagePath: image, preDump: true })),
    ).toMatchObject({
      code: 'checkpoint.failed',
      path: join(image, 'dump.log'),
    });
    expect(containerState(runtime, 'c').status).toBe('running');
  });

  it('refuses a parent that is absolute or missing', () => {
    run();
    const refused = (parentPath: string) =>
      thrown(() => checkpointContainer(runtime, 'c', { imagePath: image, parentPath }));
    expect(refused('/x')).toMatchObject({ message: '--parent-path must be relative' });
    expect(refused('../x')['message']).toContain('invalid --parent-path');
  });
});

describe('restore', () => {
  const options = () => ({ id: 'r', bundle, imagePath: image, detach: true });
  const withImage = (): void => {
    mkdirSync(image);
    writeFileSync(join(image, 'inventory.img'), '');
    writeFileSync(join(image, 'descriptors.json'), '["pipe:[7]","null","null"]');
  };

  it('records the restored process, and passes the pipes of the runtime', () => {
    withImage();
    const { pid } = machine.addProcess({ cgroup: join(machine.cgroups, 'r') });
    answer({ type: 6, success: true, notify: { script: 'setup-namespaces', pid } });
    answer({ type: 6, success: true, notify: { script: 'post-restore', pid } });
    answer({ type: 2, success: true, restore: { pid } });
    expect(restoreContainer(runtime, { ...options(), pidFile: join(machine.directory, 'pid') })).toBe(0);
    expect(containerState(runtime, 'r')).toMatchObject({ pid, status: 'running' });
    expect(readFileSync(join(machine.directory, 'pid'), 'utf8')).toBe(String(pid));
    const inherited = request()?.message(27);
    expect([inherited?.text(1), inherited?.number(2)]).toEqual(['pipe:[7]', 0]);
    expect(request()?.boolean(26)).toBe(true);
  });

  it('leaves nothing if criu fails', () => {
    withImage();
    const { pid } = machine.addProcess();
    answer({ type: 6, success: true, notify: { script: 'setup-namespaces', pid } });
    answer({ type: 2, success: false, errno: 22 });
    expect(thrown(() => restoreContainer(runtime, options()))).toMatchObject({ code: 'checkpoint.failed' });
    expect(existsSync(join(machine.cgroups, 'r'))).toBe(false);
    expect(readdirSync(machine.root)).toEqual([]);
    expect(machine.openLocks).toBe(0);
  });

  it('refuses a directory without an image, and one of a --pre-dump', () => {
    expect(thrown(() => restoreContainer(runtime, options()))['code']).toBe('checkpoint.bad-image');
    mkdirSync(image);
    writeFileSync(join(image, 'inventory.img'), '');
    expect(thrown(() => restoreContainer(runtime, options()))['message']).toContain(
      'descriptors.json is missing',
    );
  });
});
