// SPDX-License-Identifier: Apache-2.0
import type { InitRecord } from '../record.ts';

/** The networks of a container, in its record. */
export interface NetworkRecord {
  readonly attachments: readonly AttachmentRecord[];
  /** Published ports, in the form of `--publish`. Absent if there are none. */
  readonly ports?: readonly string[];
  /** The process that holds the ports; absent until they are published. */
  readonly keeper?: InitRecord;
}

export interface AttachmentRecord {
  /** Name of the network. */
  readonly name: string;
  /** Bridge of the network. */
  readonly bridge: string;
  /** Name of the interface in the container. */
  readonly interface: string;
  /** Taken in the store of the networks: one IPv4 address, and one IPv6 address if the network has IPv6. */
  readonly addresses: readonly string[];
  /** The host's end of the pair; absent until the pair is made. */
  readonly link?: string;
}
