// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';
import { allowedWordHint } from '../../errors/spelling.ts';
import type { CreateContainerOptions, LibraryOptions, NetworkOptions, RunOptions } from './container.ts';
import type { ConfigOptions } from './define-config.ts';
import type { CheckOptions } from './inspect.ts';
import type { ContainerExecOptions, ContainerSpawnOptions, WaitOptions } from './options.ts';

/** The names of all options of a call: the compiler finds one that is missing here. */
type Names<Options> = { readonly [Name in keyof Required<Options>]: true };

const library: Names<LibraryOptions> = { root: true, systemdCgroup: true, log: true };

const network: Names<NetworkOptions> = { network: true, publish: true, networkConfig: true };

const wait: Names<WaitOptions> = { input: true, timeout: true, signal: true, maxBuffer: true };

const create: Names<CreateContainerOptions> = {
  ...library,
  ...network,
  id: true,
  bundle: true,
  config: true,
  stdio: true,
  signal: true,
  pidFile: true,
  consoleSocket: true,
  pidfdSocket: true,
  preserveFds: true,
  cleanup: true,
  noPivot: true,
  noNewKeyring: true,
};

const run: Names<RunOptions> = { ...create, ...wait };

const spawn: Names<ContainerSpawnOptions> = {
  args: true,
  process: true,
  cwd: true,
  env: true,
  user: true,
  additionalGids: true,
  tty: true,
  size: true,
  selinuxLabel: true,
  apparmorProfile: true,
  capabilities: true,
  noNewPrivileges: true,
  consoleSocket: true,
  pidfdSocket: true,
  pidFile: true,
  preserveFds: true,
  cgroup: true,
  ignorePaused: true,
  stdio: true,
};

const exec: Names<ContainerExecOptions> = { ...spawn, ...wait, detach: true };

const check: Names<CheckOptions> = { ...library, ...network, offline: true };

const define: Names<ConfigOptions> = {
  args: true,
  rootfs: true,
  layers: true,
  writable: true,
  cwd: true,
  env: true,
  user: true,
  capabilities: true,
  hostname: true,
  terminal: true,
  mounts: true,
  memory: true,
  cpus: true,
  pids: true,
};

const calls = {
  createContainer: create,
  run,
  spawn,
  exec,
  kill: { forceAfter: true },
  events: { interval: true },
  delete: { force: true },
  getContainer: library,
  listContainers: library,
  checkBundle: check,
  planBundle: { ...library, ...network },
  defineConfig: define,
} as const;

/**
 * Refuses an option that a call does not have: a misspelt limit would otherwise not apply.
 *
 * @throws RuntimeError `usage.option`
 */
export function checkNames(call: keyof typeof calls, options: unknown): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new RuntimeError({
      code: 'usage.option',
      message: `the options of ${call} must be an object`,
      hint: `give an object with options such as ${Object.keys(calls[call]).slice(0, 3).join(', ')}`,
    });
  }
  const names = Object.keys(calls[call]);
  const unknown = Object.keys(options).find(name => !names.includes(name));
  if (unknown === undefined) return;
  throw new RuntimeError({
    code: 'usage.option',
    message: `${call} has no option ${JSON.stringify(unknown)}`,
    value: unknown,
    hint: allowedWordHint(unknown, names),
  });
}
