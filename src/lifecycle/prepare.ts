// SPDX-License-Identifier: Apache-2.0
import { type Bundle, readBundle } from '../bundle/read.ts';
import { resolveRootfs } from '../bundle/rootfs.ts';
import { RuntimeError } from '../errors/error.ts';
import type { HostFacts } from '../host/facts.ts';
import { entryPath } from '../host/paths.ts';
import { readFacts } from '../host/read-facts.ts';
import type { Config } from '../oci/config.ts';
import { exactJson } from '../plan/exact-json.ts';
import { makePlan } from '../plan/make-plan.ts';
import { notifyOrigin, withNotifySocket } from '../plan/notify.ts';
import type { Plan } from '../plan/plan.ts';
import { requireConfig } from '../validate/check.ts';
import { limitFindings } from '../validate/findings.ts';
import { checkOnHost, warnOnHost } from '../validate/host-checks.ts';
import {
  type AttachmentOptions,
  type RequestedAttachment,
  requestedAttachment,
  withAttachmentLocation,
} from './attachment.ts';
import { devicesOr, withDevices } from './cdi.ts';
import { warnOfLeftOut, withFileOrigins, withNetworkFiles } from './network/files.ts';
import { serviceManager } from './notify.ts';
import { listenFds } from './passed-fds.ts';
import type { Runtime } from './runtime.ts';
import { configOrOption, type Sources, withSourceLocation } from './source-location.ts';
import { planNetworks } from './user-network.ts';
import type { Warning } from './warnings.ts';

export interface PrepareOptions extends AttachmentOptions {
  readonly id: string;
  /** The bundle directory; relative to the working directory. */
  readonly bundle: string;
  /** See CreateOptions. */
  readonly noPivot?: boolean;
  readonly noNewKeyring?: boolean;
  readonly preserveFds?: number;
  /** Absolute; see PlanOptions. */
  readonly pidFile?: string | undefined;
  readonly pidfdSocket?: string | undefined;
  /** The init executes the program without waiting for `start`, and `create` returns after the exec. Default false. */
  readonly startNow?: boolean;
  /** CDI devices of the container: `vendor.com/class=name`. Default: none. */
  readonly devices?: readonly string[];
}

/** The result of all checks, before anything is changed. */
export interface Prepared {
  readonly bundle: Bundle;
  readonly config: Config;
  readonly rootfs: string;
  readonly facts: HostFacts;
  readonly plan: Plan;
  readonly attachment: RequestedAttachment;
  /** The text of config.json; with CDI devices, that of the changed config. */
  readonly configText: string;
  /** The documents and options that pointers of failures refer to. */
  readonly sources: Sources;
  /** Requests that will not be applied as written. Pass them to `warnOf` once nothing can refuse the config. */
  readonly warnings: readonly Warning[];
}

/** Reads, checks and plans: changes nothing and needs no privilege. Failures contain their line in config.json. */
export function prepare(runtime: Runtime, options: PrepareOptions): Prepared {
  const { binding } = runtime;
  const bundle = readBundle(binding, options.bundle);
  const own = configOrOption(bundle.text);
  const edited = withSourceLocation(own, () => withDevices(binding, bundle.document, options.devices));
  const sources = edited === undefined ? own : devicesOr(edited, own);
  return withSourceLocation(sources, () => {
    const noPivot = options.noPivot ?? false;
    const { config, warnings } = requireConfig(edited?.document ?? bundle.document, {
      noPivot,
      processOptional: options.startNow !== true,
    });
    const rootfs = resolveRootfs(binding, bundle.path, config);
    const problems = limitFindings(checkOnHost(binding, config));
    if (problems[0] !== undefined) throw new RuntimeError({ ...problems[0], problems });
    const facts = readFacts(binding);
    const attachment = requestedAttachment(binding, config, bundle.text, options);
    return withAttachmentLocation(attachment, () => {
      const { networks, ports, dns } = attachment;
      const stateDirectory = entryPath(runtime.root, options.id);
      const { config: named, leftOut } =
        networks.length === 0
          ? { config, leftOut: [] }
          : withNetworkFiles(binding, config, { rootfs, bundle: bundle.path, stateDirectory });
      const notifies = serviceManager(binding) !== undefined;
      const planned = notifies ? withNotifySocket(named, stateDirectory) : named;
      const made = makePlan(planned, facts, {
        id: options.id,
        bundle: bundle.path,
        noPivot,
        noNewKeyring: options.noNewKeyring ?? false,
        listenFds: listenFds(binding),
        preserveFds: options.preserveFds ?? 0,
        pidFile: options.pidFile,
        pidfdSocket: options.pidfdSocket,
        startNow: options.startNow ?? false,
        systemdCgroup: runtime.systemdCgroup ?? false,
        ...(notifies && { notifies }),
        ...(ports.length > 0 && { ports }),
        ...(dns !== undefined && { dns }),
        ...(networks.length > 0 && {
          ...planNetworks(runtime, facts, networks),
        }),
      });
      const placed = named === config ? made : withFileOrigins(made, config, named, attachment.option);
      const plan = planned === named ? placed : withFileOrigins(placed, named, planned, notifyOrigin);
      const all = [
        ...warnings,
        ...warnOnHost(binding, config),
        ...attachment.warnings,
        ...warnOfLeftOut(leftOut, attachment.option),
        ...plan.warnings,
      ];
      const configText = edited === undefined ? bundle.text : exactJson(edited.document);
      return { bundle, config: planned, rootfs, facts, plan, attachment, configText, sources, warnings: all };
    });
  });
}
