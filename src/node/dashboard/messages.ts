// SPDX-License-Identifier: Apache-2.0

/** The messages between server and page. */

/** An error as the page shows it: the lines that the command line prints for it. */
export interface ShownError {
  readonly code: string;
  readonly message: string;
  /** The lines after the message: place, hint, system call, value. */
  readonly details: readonly { readonly label: string; readonly text: string }[];
}

export interface ContainerRow {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly command: string;
  readonly state: 'created' | 'running' | 'paused' | 'exited' | 'dead';
  /** `Up 3 seconds`, as `container ls` prints it. */
  readonly status: string;
  readonly created: string;
  readonly ports: string;
  readonly networks: readonly string[];
  readonly pid: number;
}

export interface ImageRow {
  readonly id: string;
  /** Empty for an image without a name. */
  readonly names: readonly string[];
  readonly created: string;
  /** Bytes. */
  readonly size: number;
  readonly layers: number;
  readonly platform: string;
  /** Names of the containers that use it. */
  readonly users: readonly string[];
}

export interface NetworkDrawing {
  readonly name: string;
  readonly bridge: string;
  readonly state: 'up' | 'absent' | 'conflict';
  readonly ranges: readonly { readonly subnet: string; readonly gateway: string }[];
  readonly internal: boolean;
  readonly isolated: boolean;
  readonly containers: readonly {
    readonly id: string;
    readonly name: string;
    readonly addresses: readonly string[];
    /** In the form of `--publish`. */
    readonly ports: readonly string[];
  }[];
}

export interface Snapshot {
  readonly version: string;
  readonly host: string;
  readonly rootless: boolean;
  readonly containers: readonly ContainerRow[];
  readonly images: readonly ImageRow[];
  readonly networks: readonly NetworkDrawing[];
  /** Failures of reading one of them; the others are shown. */
  readonly problems: readonly ShownError[];
}

/** Messages of the server on the connection for the state. */
export type LiveMessage =
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'failure'; readonly error: ShownError };

/** Messages of the server on the connection for a log. */
export type LogMessage =
  | { readonly kind: 'text'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly kind: 'end' }
  | { readonly kind: 'failure'; readonly error: ShownError };

/** Text messages of the server on the connection for a shell; output of the program is binary. */
export type ShellMessage =
  | { readonly kind: 'started' }
  | { readonly kind: 'end'; readonly status: number }
  | { readonly kind: 'failure'; readonly error: ShownError };

/** Text messages of the page on the connection for a shell; its input is binary. */
export interface ResizeMessage {
  readonly columns: number;
  readonly rows: number;
}

/** The words of the path /api/containers/ID/WORD. */
export const actionWords = ['start', 'stop', 'restart', 'pause', 'unpause', 'remove'] as const;
export type ActionWord = (typeof actionWords)[number];
