// SPDX-License-Identifier: Apache-2.0
import { parseArgs } from 'node:util';
import { Failure } from '../../native/build/stage.mjs';
import { suites } from './kernel.mjs';

const usage = `usage: npm run test:vm -- [OPTION...] [TEST FILE...]
  --all              all of test/oci (default: what needs such a machine)
  --exec COMMAND     runs this instead, with bash in the checkout's copy
  --kernel SUITE     Debian's kernel of ${suites.join(', ')} (default sid)
  --systemd          PID 1 is systemd (default: a shell script that makes the mounts)
  --selinux          SELinux in place of AppArmor, enforcing, with the policy of guest/policy.cil
  --network          the tests of networks, published ports and union roots
  -t, --name PATTERN only tests with such a name
  --host HOST        node or standalone (default)
  --timeout SECONDS  for all of it (default 900); then the machine is killed and the status is 124
  --cpus N           default 2
  --memory SIZE      default 2G
  --console FILE     keeps what the kernel prints
  --optional         succeeds, with the files counted as skipped, if no machine is available`;

/** @param {readonly string[]} args */
export function parse(args) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        all: { type: 'boolean', default: false },
        exec: { type: 'string' },
        kernel: { type: 'string', default: 'sid' },
        systemd: { type: 'boolean', default: false },
        selinux: { type: 'boolean', default: false },
        network: { type: 'boolean', default: false },
        name: { type: 'string', short: 't' },
        host: { type: 'string', default: 'standalone' },
        timeout: { type: 'string', default: '900' },
        cpus: { type: 'string', default: '2' },
        memory: { type: 'string', default: '2G' },
        console: { type: 'string' },
        optional: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) throw new Error(usage);
    if (!suites.includes(values.kernel)) throw new Error(`--kernel must be one of ${suites.join(', ')}`);
    if (!['node', 'standalone'].includes(values.host)) throw new Error('--host must be node or standalone');
    for (const name of /** @type {const} */ (['timeout', 'cpus'])) {
      if (!/^[1-9]\d*$/.test(values[name])) throw new Error(`--${name} must be a whole number above 0`);
    }
    if (values.selinux && values.systemd)
      throw new Error('--selinux cannot be combined with --systemd: systemd loads a policy of its own');
    return { ...values, timeout: Number(values.timeout), cpus: Number(values.cpus), files: positionals };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Failure(message.startsWith('usage') ? message : `${message}\n${usage}`);
  }
}
