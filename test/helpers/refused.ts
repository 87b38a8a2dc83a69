// SPDX-License-Identifier: Apache-2.0

/** The error that a binding throws. */
export function refused(syscall: string, errno: number, path?: string): Error {
  return Object.assign(new Error(syscall), { syscall, errno, ...(path && { path }) });
}
