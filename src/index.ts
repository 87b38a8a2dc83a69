// SPDX-License-Identifier: Apache-2.0

/** The public library: containers of this process, with the errors of the command line. */
export type { ErrorCode } from './errors/codes.ts';
export { type ErrorFields, isRuntimeError, RuntimeError } from './errors/error.ts';
export type { Log } from './lifecycle/runtime.ts';
export {
  Container,
  type CreateContainerOptions,
  createContainer,
  getContainer,
  type LibraryOptions,
  list,
  listContainers,
  type NetworkOptions,
  type RunOptions,
  run,
} from './node/library/container.ts';
export { type ConfigOptions, defineConfig } from './node/library/define-config.ts';
export type { ExitStatus } from './node/library/exit.ts';
export {
  type BundlePlan,
  type CheckOptions,
  checkBundle,
  features,
  type PlannedStep,
  planBundle,
} from './node/library/inspect.ts';
export type {
  ContainerExecOptions,
  ContainerSpawnOptions,
  ProcessResult,
  WaitOptions,
} from './node/library/options.ts';
export { ContainerProcess } from './node/library/process.ts';
export type { StandardStreams, Stdio, StdioOption } from './node/library/stdio.ts';
export type * from './oci/config.ts';
export type { Features } from './oci/features.ts';
export type { StateOutput, Status } from './oci/state.ts';
export type * from './oci/stats.ts';
export type { CheckReport } from './validate/report.ts';
