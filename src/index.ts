// SPDX-License-Identifier: Apache-2.0

/** The public library: containers in this process, with the errors of the command line. */
export { type ErrorFields, isRuntimeError, RuntimeError } from './errors/error.ts';
export type { Log } from './lifecycle/runtime.ts';
export type { ContainerExecOptions, ExecutedProcess } from './node/exec-options.ts';
export {
  Container,
  type CreateContainerOptions,
  createContainer,
  getContainer,
  type LibraryOptions,
  listContainers,
} from './node/library.ts';
export type * from './oci/config.ts';
export type { StateOutput, Status } from './oci/state.ts';
export type * from './oci/stats.ts';
