// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import type { Config } from '../oci/config.ts';
import { string } from '../oci/shape.ts';
import type { Check } from '../validate/context.ts';
import type { Step } from '../wire/steps.ts';
import type { Facility } from './facility.ts';

/** Members of config.json. */
export interface UtsNames {
  /** Host name of the UTS namespace, which must be a new or a joined one. */
  readonly hostname?: string;
  /** NIS domain name of the UTS namespace. */
  readonly domainname?: string;
}

/** Name of the file in /etc with the host name. */
export const nameFile = 'hostname';

/** Returns the name that the container gives itself; empty or undefined: none. */
export function ownName({ hostname }: Config): string | undefined {
  return hostname;
}

/** hostname and domainname. */
export function utsSteps({ hostname, domainname }: Config): Step[] {
  const steps: Step[] = [];
  if (hostname) steps.push({ op: 'setHostname', origin: '/hostname', name: hostname });
  if (domainname) steps.push({ op: 'setDomainname', origin: '/domainname', name: domainname });
  return steps;
}

/** The limit of sethostname(2) and setdomainname(2) in bytes (__NEW_UTS_LEN). */
const longestName = 64;

const checkNames: Check = context => {
  for (const property of ['hostname', 'domainname'] as const) {
    const name = context.config[property];
    if (name === undefined || name === '') continue;
    const fields = {
      code: `config.${property}`,
      pointer: `/${property}`,
      value: name,
      spec: `config.md#${property}`,
    } as const;
    if (!context.hasNamespace('uts')) {
      context.problem({
        ...fields,
        message: `unable to set ${property} without a private UTS namespace`,
        hint: 'add {"type": "uts"} to linux.namespaces',
      });
    }
    if (name.length > longestName) {
      context.problem({ ...fields, message: `the ${property} is longer than ${longestName} bytes` });
    }
  }
};

const steps = {
  setHostname: { name: 'text' },
  setDomainname: { name: 'text' },
} as const;

/** The names of the UTS namespace. */
export const utsFacility: Facility<typeof steps> = {
  steps,
  shapes: { config: { hostname: string, domainname: string } },
  check: checkNames,
  sysctls: {
    'kernel.hostname': key => ({
      code: 'config.sysctl.hostname',
      message: `sysctl "${key}" is not allowed as it conflicts with the OCI "hostname" field`,
      hint: 'set hostname instead',
    }),
  },
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
    setHostname: {
      [errno.EPERM]: 'a host name needs a UTS namespace',
      [errno.EINVAL]: 'use at most 64 bytes',
    },
    setDomainname: {
      [errno.EPERM]: 'a domain name needs a UTS namespace',
      [errno.EINVAL]: 'use at most 64 bytes',
    },
  }),
};
