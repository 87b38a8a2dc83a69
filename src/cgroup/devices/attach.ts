// SPDX-License-Identifier: Apache-2.0
import { errno } from '../../errors/errno.ts';
import type { ErrorFields, RuntimeError } from '../../errors/error.ts';
import { hostFailure, isSystemError, onHost } from '../../errors/system.ts';
import type { Binding } from '../../host/binding.d.ts';
import { isMachineRoot } from '../../host/privilege.ts';
import { O } from '../../kernel/files.ts';
import { deviceProgram } from './program.ts';
import type { DeviceRule } from './rules.ts';

/** A device program that the kernel has loaded. */
export interface DeviceFilter {
  /** Applies the rules to every process in and below the cgroup. */
  attach(cgroup: string): void;
  /** Closes the program; cgroups that it is attached to keep it. */
  close(): void;
}

/** Receives a message for each rule that cannot be enforced. */
interface Warnings {
  warn(message: string): void;
}

const nothing: DeviceFilter = { attach: () => {}, close: () => {} };

/**
 * Loads the program for the rules in advance: only the attachment remains when the rules must take effect.
 *
 * bpf(2) fails with EPERM for a runtime that is not root, or is root only in a user namespace. Such a runtime gets a
 * warning and no filter: it cannot create device nodes of the host either.
 *
 * @param options.replace - replace a program that the runtime attached to the cgroup before, in one step. Default
 *   false
 * @throws RuntimeError `host.syscall` with the pointer `origin`
 */
export function loadDeviceFilter(
  binding: Binding,
  log: Warnings,
  rules: readonly DeviceRule[],
  origin: string,
  options: { readonly replace?: boolean } = {},
): DeviceFilter {
  const about: Partial<ErrorFields> = { pointer: origin, spec: 'config-linux.md#allowed-device-list' };
  let program: number;
  try {
    program = binding.loadDeviceProgram({ program: deviceProgram(rules) });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const failure = refusal(error, 'unable to load the device rules', about);
    if (error.errno !== errno.EPERM || isMachineRoot(binding)) throw failure;
    log.warn(`${failure.message}: the devices of the container are not limited`);
    return nothing;
  }
  return {
    attach: cgroup => {
      const fd = onHost(
        `unable to open ${cgroup}`,
        () => binding.open(cgroup, O.O_RDONLY | O.O_CLOEXEC, 0),
        about,
      );
      try {
        binding.attachDeviceProgram(fd, program, options.replace ?? false);
      } catch (error) {
        if (!isSystemError(error)) throw error;
        throw refusal(error, `unable to attach the device rules to ${cgroup}`, about);
      } finally {
        binding.close(fd);
      }
    },
    close: () => binding.close(program),
  };
}

function refusal(
  error: Parameters<typeof hostFailure>[0],
  attempt: string,
  about: Partial<ErrorFields>,
): RuntimeError {
  return hostFailure(error, attempt, {
    ...about,
    path: undefined,
    // The last line of the verifier's log.
    value: error.path,
    hint: hints()[error.errno],
  });
}

function hints(): Readonly<Record<number, string>> {
  return {
    [errno.EPERM]:
      'the runtime needs CAP_SYS_ADMIN, or CAP_BPF and CAP_NET_ADMIN; before Linux 5.11 also RLIMIT_MEMLOCK; a device program of a parent cgroup may also forbid programs below it',
    [errno.E2BIG]: 'the rules exceed the size of a program, or the cgroup has the maximum number of programs',
    [errno.EINVAL]: 'this kernel has no device programs (CONFIG_CGROUP_BPF)',
    [errno.ENOSYS]: 'this kernel has no bpf(2)',
  };
}
