// SPDX-License-Identifier: Apache-2.0
import { parseNumber } from '../../direct/request.ts';
import { type ErrorFields, RuntimeError } from '../../errors/error.ts';
import { onHost } from '../../errors/system.ts';
import { findNodeProgram } from '../../host/node-program.ts';
import type { CommandModule } from '../command.ts';
import { textOf } from './container/options.ts';

/** The argument of the program (src/node/dashboard), as JSON. */
export interface DashboardRequest {
  /** TCP port; 0 for any free port. */
  readonly port: number;
  /** The command line up to the name of a command: the program runs such commands. */
  readonly command: readonly string[];
  readonly root: string;
  readonly systemdCgroup: boolean;
}

const program = 'dashboard.cjs';
const highestPort = 65_535;

export const dashboard: CommandModule = {
  name: 'dashboard',
  summary: 'show containers, images and networks on a page for the browser of this machine',
  example: ['tsubo dashboard', 'tsubo dashboard --port 8900'],
  failurePrefix: 'dashboard failed: ',
  define(command) {
    command.option('--port <port>', 'port of 127.0.0.1 (default: a free one)');
  },
  run({ runtime }, _args, options) {
    const { binding, root, systemdCgroup = false, rootless } = runtime;
    const port = parseNumber('--port', textOf(options, 'port') ?? '0', 0);
    if (port > highestPort) {
      throw new RuntimeError({
        code: 'usage.bad-value',
        message: `invalid value "${port}" for --port`,
        value: String(port),
        hint: `give a number up to ${highestPort}`,
      });
    }
    const found = findNodeProgram(binding, program);
    if (typeof found === 'string') {
      throw new RuntimeError({
        code: 'dashboard.no-node',
        message: `the dashboard needs Node, and ${found}`,
        hint: 'install Node 20 or later, and the npm package of tsubo',
      });
    }
    const request: DashboardRequest = {
      port,
      root,
      systemdCgroup,
      command: [
        ...binding.ownCommand(),
        `--root=${root}`,
        ...(systemdCgroup ? ['--systemd-cgroup'] : []),
        ...(rootless === undefined ? [] : [`--rootless=${rootless}`]),
      ],
    };
    const args = [found.node, found.script, JSON.stringify(request)];
    const end = onHost(`unable to run ${found.node}`, () => binding.runHelper({ path: found.node, args }));
    const error = errorIn(end.result);
    if (error !== undefined) throw new RuntimeError(error);
    if (end.code === 0) return 0;
    throw new RuntimeError({
      code: 'dashboard.ended',
      message: `${found.script} ended with ${end.code === undefined ? `signal ${end.signal}` : `status ${end.code}`}`,
      path: found.script,
      hint: 'its messages are above; Node must be 20 or later',
    });
  },
};

/** Parses the error that the program has written; undefined if it has written none. */
function errorIn(text: string): ErrorFields | undefined {
  try {
    return (JSON.parse(text) as { readonly error?: ErrorFields }).error;
  } catch {
    return undefined;
  }
}
