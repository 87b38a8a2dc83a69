// SPDX-License-Identifier: Apache-2.0
import type { PublishedPorts } from './publish.ts';
import type { NetworkRequest } from './request.ts';
import type { DnsSettings } from './resolv-conf.ts';

/** The networks, ports and name servers that a container requests. */
export interface Attachment {
  readonly networks: readonly NetworkRequest[];
  /** Ports of the host that lead to the container; without `networks`, in the default network. */
  readonly ports: readonly PublishedPorts[];
  /** Replaces the parts of the host's resolv.conf that it contains. */
  readonly dns?: DnsSettings;
}

/** The option that names a file with an attachment. */
export const attachmentFlag = '--network-config';

/** The annotation of config.json that contains an attachment as JSON. */
export const attachmentAnnotation = 'tsubo.attach.v1';

/** Later versions of the annotation have this prefix, too. */
export const attachmentPrefix = 'tsubo.attach.';
