// SPDX-License-Identifier: Apache-2.0

export type { DiskUsage } from './build/disk-usage.ts';
export type { Row as ListedContainer } from './direct/describe.ts';
export type { InspectedContainer } from './direct/inspect.ts';
export type { SystemInfo } from './direct/system-info.ts';
export type { InspectedVolume } from './direct/volumes.ts';
/** The public library: containers of this process, with the errors of the command line. */
export type { ErrorCode } from './errors/codes.ts';
export { type ErrorFields, isRuntimeError, RuntimeError } from './errors/error.ts';
export type { ImageStep, InspectedImage, ListedImage } from './image/documents.ts';
export type { CheckpointOptions } from './lifecycle/checkpoint.ts';
export type { AddedMount } from './lifecycle/hot-mounts.ts';
export type { NetworkView } from './lifecycle/network/manage.ts';
export type { Log } from './lifecycle/runtime.ts';
export { type BuildEvent, type BuildOptions, buildImage } from './node/library/build.ts';
export type { CommandOptions } from './node/library/command.ts';
export {
  Container,
  type CreateContainerOptions,
  createContainer,
  getContainer,
  type LibraryOptions,
  list,
  listContainers,
  type NetworkOptions,
  type RestoreContainerOptions,
  type RunOptions,
  restoreContainer,
  run,
} from './node/library/container.ts';
export { type ConfigOptions, defineConfig } from './node/library/define-config.ts';
export type { ExitStatus } from './node/library/exit.ts';
export * as containers from './node/library/image-containers.ts';
export { ImageContainer, type RunResult } from './node/library/image-containers.ts';
export type {
  CommitOptions,
  FileChange,
  ImageContainerOptions,
  LimitOptions,
  ListContainersOptions,
  LogLine,
  LogsOptions,
  ProcessTable,
  RunImageOptions,
  StopOptions,
} from './node/library/image-options.ts';
export type {
  PullOptions,
  PushOptions,
  RemovedImages,
  RemoveImageOptions,
  TransferProgress,
} from './node/library/images.ts';
export * as images from './node/library/images.ts';
export {
  type BundlePlan,
  type CheckOptions,
  checkBundle,
  features,
  type PlannedStep,
  planBundle,
} from './node/library/inspect.ts';
export { type ContainerMount, ContainerMounts } from './node/library/mounts.ts';
export type { CreateNetworkOptions } from './node/library/networks.ts';
export * as networks from './node/library/networks.ts';
export type {
  ContainerExecOptions,
  ContainerSpawnOptions,
  ProcessResult,
  WaitOptions,
} from './node/library/options.ts';
export { ContainerProcess } from './node/library/process.ts';
export type { StandardStreams, Stdio, StdioOption } from './node/library/stdio.ts';
export * as system from './node/library/system.ts';
export type {
  CreateVolumeOptions,
  ListVolumesOptions,
  PruneVolumesOptions,
  RemoveVolumeOptions,
} from './node/library/volumes.ts';
export * as volumes from './node/library/volumes.ts';
export type * from './oci/config.ts';
export type { Features } from './oci/features.ts';
export type { StateOutput, Status } from './oci/state.ts';
export type * from './oci/stats.ts';
export type { CheckReport } from './validate/report.ts';
