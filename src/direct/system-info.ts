// SPDX-License-Identifier: Apache-2.0

/** The document of `system info`, with Docker's members. */
export interface SystemInfo {
  readonly Containers: number;
  readonly ContainersRunning: number;
  readonly ContainersPaused: number;
  readonly ContainersStopped: number;
  readonly Images: number;
  readonly ServerVersion: string;
  /** The directory of images, containers and volumes. */
  readonly RootDir: string;
  /** The directory for the state of containers. */
  readonly StateDir: string;
  readonly Driver: string;
  readonly Rootless: boolean;
  readonly KernelVersion: string;
  readonly OSType: string;
  readonly Architecture: string;
}
