// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { commands, standaloneFor } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

const arm64 = standaloneFor('arm64');

describe.skipIf(requires('standalone', 'standalone:arm64', 'root', 'busybox', 'qemu-aarch64-static'))(
  'the arm64 executable under user-mode emulation',
  () => {
    const box = sandbox('unified', {
      name: 'tsubo',
      version: '',
      command: ['qemu-aarch64-static', '-0', 'tsubo', arm64],
    });

    const same = (...args: string[]) => {
      const emulated = box.oci(args);
      const native = box.view.exec([commands.standalone[0], '--root', box.root, ...args]);
      const plain = (text: string) => text.replace(/time="[^"]*"/, '');
      expect({ status: emulated.status, stdout: emulated.stdout, stderr: plain(emulated.stderr) }).toEqual({
        status: native.status,
        stdout: native.stdout,
        stderr: plain(native.stderr),
      });
      return emulated;
    };

    test('prints its version', () => {
      expect(same('--version')).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/^tsubo version /),
      });
    });

    test('writes the default config.json', () => {
      const [one, other] = [box.mkdir('spec'), box.mkdir('spec')];
      box.must(['spec', '--bundle', one]);
      box.view.exec([commands.standalone[0], 'spec', '--bundle', other]);
      expect(readFileSync(join(one, 'config.json'), 'utf8')).toBe(
        readFileSync(join(other, 'config.json'), 'utf8'),
      );
    });

    test('prints a plan', () => {
      const bundle = box.bundle();
      expect(same('plan', '--format', 'json', bundle.dir)).toMatchObject({ status: 0, stderr: '' });
      expect(same('plan', bundle.dir).status).toBe(0);
    });

    test('reports an unknown container', () => {
      expect(same('state', 'nope').status).toBe(1);
    });

    // Full emulation can: test/standalone/arm64-vm.test.ts.
    test('creates a container, or leaves no traces if the emulation cannot', context => {
      const bundle = box.bundle();
      const before = box.traces();
      const done = box.oci(['create', '--bundle', bundle.dir, bundle.id]);
      if (done.status !== 0) {
        expect(done.stderr).toMatch(/function not implemented|invalid argument/);
        expect(box.traces()).toEqual(before);
        const refusal = /msg="?(.*?)"?\n/.exec(done.stderr)?.[1] ?? done.stderr;
        context.skip(`user-mode emulation refuses it: ${refusal}`);
      }
      expect(box.state(bundle.id).status).toBe('created');
    });
  },
);
