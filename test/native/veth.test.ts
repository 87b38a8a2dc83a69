// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../helpers/requires.ts';

const addon = join(import.meta.dirname, '../../build/Release/tsubo.node');

describe.skipIf(requires('root', 'ip'))('the binding', () => {
  /** Runs the script in a network namespace that has the bridge `first` with its port `taken`, and the bridge `second`. */
  const inNamespace = (script: string): unknown => {
    const setup = `
      const { execFileSync } = require('node:child_process');
      const ip = words => execFileSync('ip', words.split(' '), { encoding: 'utf8' });
      const port = name => {
        const { master, linkinfo } = JSON.parse(ip('-d -j link show ' + name))[0];
        const { hairpin, isolated } = linkinfo.info_slave_data;
        return { master, hairpin, isolated };
      };
      const binding = require(${JSON.stringify(addon)});
      for (const name of ['first', 'second']) ip('link add ' + name + ' type bridge');
      ip('link add taken type veth peer name other');
      ip('link set taken master first');`;
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['-n', process.execPath, '-e', `${setup}\n${script}`],
      { encoding: 'utf8', timeout: 60_000 },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return JSON.parse(stdout);
  };
  test('does not change a device that has the name of a new veth pair, and chooses another name', () => {
    const made = inNamespace(`
      const name = binding.makeVeth({
        bridge: 'second', name: 'taken', pid: process.pid, peer: 'eth0', hairpin: true, isolated: true,
      });
      console.log(JSON.stringify({ name, taken: port('taken'), made: port(name) }));`);
    expect(made).toEqual({
      name: 'takenb',
      taken: { master: 'first', hairpin: false, isolated: false },
      made: { master: 'second', hairpin: true, isolated: true },
    });
  });
});
