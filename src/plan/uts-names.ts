// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import type { Config } from '../oci/config.ts';
import type { Step } from '../wire/steps.ts';
import type { Facility } from './facility.ts';

/** hostname and domainname. */
export function utsSteps({ hostname, domainname }: Config): Step[] {
  const steps: Step[] = [];
  if (hostname) steps.push({ op: 'setHostname', origin: '/hostname', name: hostname });
  if (domainname) steps.push({ op: 'setDomainname', origin: '/domainname', name: domainname });
  return steps;
}

const steps = {
  setHostname: { name: 'text' },
  setDomainname: { name: 'text' },
} as const;

/** The names of the UTS namespace. */
export const utsFacility: Facility<typeof steps> = {
  steps,
  explain: {
    setHostname: ({ name }, { text }) => ({
      code: 'container.hostname',
      message: `sethostname: ${text}`,
      value: name,
    }),
    setDomainname: ({ name }, { text }) => ({
      code: 'container.hostname',
      message: `setdomainname: ${text}`,
      value: name,
    }),
  },
  hints: () => ({
    setHostname: { [errno.EPERM]: 'a host name needs a UTS namespace', [errno.EINVAL]: 'at most 64 bytes' },
    setDomainname: {
      [errno.EPERM]: 'a domain name needs a UTS namespace',
      [errno.EINVAL]: 'at most 64 bytes',
    },
  }),
};
