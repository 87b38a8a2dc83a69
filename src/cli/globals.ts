// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { makeDirectories } from '../host/files.ts';
import { joinPath, resolvePath } from '../host/paths.ts';
import { inUserNamespace } from '../host/privilege.ts';
import type { LogFormat } from './log.ts';

/** Options that are accepted before or after every command. */
export function defineGlobals(program: Command): void {
  program
    .option('--debug', 'also log each action, and write warnings to a log file too')
    .option('--log <file>', 'append the log to this file (default: standard error)')
    .option('--log-format <format>', 'format of the log: text or json (default: text)')
    .option('--root <dir>', 'directory for the state of all containers (default: /run/tsubo)')
    .option(
      '--rootless <mode>',
      'true: a container without limits needs no cgroup; false: it does; auto: root needs one (default: auto)',
    )
    .option('--systemd-cgroup', 'let systemd make the cgroup; cgroupsPath is then slice:prefix:name')
    .option('-v, --version', 'print the version');
}

/** @throws RuntimeError `usage.bad-value` */
export function logFormat(globals: ReadonlyMap<string, string | true>): LogFormat {
  const format = globals.get('log-format') ?? '';
  if (format === 'text' || format === 'json') return format;
  if (format === '') return 'text';
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid log-format: ${format}`,
    value: String(format),
    hint: 'use text or json',
  });
}

/**
 * Returns `--rootless`, with the words of Go's bool; undefined for `auto`.
 *
 * @throws RuntimeError `usage.bad-value`
 */
export function rootlessMode(globals: ReadonlyMap<string, string | true>): boolean | undefined {
  const value = globals.get('rootless') ?? 'auto';
  if (value === 'auto' || value === '') return undefined;
  if (value === true || /^(1|t|T|true|TRUE|True)$/.test(value)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false;
  throw new RuntimeError({
    code: 'usage.bad-value',
    message: `invalid rootless value ${JSON.stringify(value)}`,
    value,
    hint: 'use auto, true or false',
  });
}

/**
 * Returns `--root`. Default: `/run/tsubo`; for a user other than root, and for root in a user namespace,
 * `$XDG_RUNTIME_DIR/tsubo`. Unlike runc, it does not use USER: Podman sets it for `create` and not for `start`. A
 * relative XDG_RUNTIME_DIR is ignored, because the two commands have different working directories.
 *
 * @throws RuntimeError `usage.bad-value`
 */
export function rootDirectory(binding: Binding, globals: ReadonlyMap<string, string | true>): string {
  const given = globals.get('root');
  if (typeof given === 'string' && given !== '') {
    const root = resolvePath(() => binding.getcwd(), given);
    if (root !== '/') return root;
    throw new RuntimeError({
      code: 'usage.bad-value',
      message: 'Option --root argument should not be set to /',
      value: given,
    });
  }
  const runtimeDirectory = binding.getenv('XDG_RUNTIME_DIR');
  if (!runtimeDirectory?.startsWith('/') || !isUser(binding)) return '/run/tsubo';
  const root = joinPath(runtimeDirectory, 'tsubo');
  // The sticky bit protects the directory from programs that remove temporary files.
  onHost(`unable to make the root directory ${root}`, () => makeDirectories(binding, root, 0o1700), {
    hint: 'the directory in XDG_RUNTIME_DIR must be writable; use another one with --root',
  });
  return root;
}

/** Returns true for a user other than root, and for root in a user namespace. */
function isUser(binding: Binding): boolean {
  return binding.identity().euid !== 0 || inUserNamespace(binding);
}
