// SPDX-License-Identifier: Apache-2.0
import { openSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';
import { runtime, skipWhere } from '../helpers/runtime.ts';
import { sandbox } from '../helpers/sandbox.ts';

describe.skipIf(requires('root', 'busybox'))('the executable of a created container', () => {
  const box = sandbox();

  test('is a memory file, not the installed runtime, and is not writable (CVE-2019-5736)', context => {
    skipWhere(context, 'runc', 'runs its init as a clone of its own executable');
    skipWhere(context, 'crun', 'runs its init as a clone of its own executable');
    const bundle = box.created();
    const exe = `/proc/${box.state(bundle.id).pid}/exe`;
    expect(readlinkSync(exe)).toBe('/memfd:tsubo-init (deleted)');
    expect(() => openSync(exe, 'r+')).toThrow(/ETXTBSY|EPERM/);
    const maps = readFileSync(`/proc/${box.state(bundle.id).pid}/maps`, 'utf8');
    expect(maps).not.toContain(realpathSync(runtime.command[0] as string));
  });
});
