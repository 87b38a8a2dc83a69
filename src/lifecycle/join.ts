// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';
import { onHost } from '../errors/system.ts';
import type { Binding } from '../host/binding.d.ts';
import { openFlags } from '../host/files.ts';
import { type NamespaceType, namespaceFiles, namespaceFlags } from '../oci/namespaces.ts';
import type { HostStep } from '../plan/plan.ts';

/** `f_type` of the file system that namespaces live in. */
const NSFS_MAGIC = 0x6e736673;

type OpenNamespace = Extract<HostStep, { op: 'openNamespace' }>;

/**
 * Opens a namespace to join, and makes sure of its kind here, where the wrong one can be named: setns(2) says only
 * EINVAL.
 *
 * @throws RuntimeError `config.namespace.not-a-namespace`, `config.namespace.wrong-type`, `host.syscall`
 */
export function openNamespace(binding: Binding, step: OpenNamespace): number {
  const { path, origin } = step;
  const wanted = typeOf(step.kind);
  const fields = { pointer: origin, path, spec: 'config-linux.md#namespaces' };
  const fd = onHost(
    `unable to open the ${wanted} namespace ${path}`,
    () => binding.open(path, openFlags.readOnly | openFlags.closeOnExec, 0),
    fields,
  );
  try {
    if (binding.filesystemType(`/proc/self/fd/${fd}`) !== NSFS_MAGIC) {
      throw new RuntimeError({
        code: 'config.namespace.not-a-namespace',
        message: `${path} is not a namespace`,
        hint: `name a file such as /proc/PID/ns/${namespaceFiles[wanted]}, or one that it is bound to`,
        ...fields,
      });
    }
    const found = fileNameOf(binding, fd);
    if (found !== undefined && found !== namespaceFiles[wanted]) {
      throw new RuntimeError({
        code: 'config.namespace.wrong-type',
        message: `${path} is a namespace of kind ${found}, not ${namespaceFiles[wanted]} (type ${wanted})`,
        value: found,
        hint: 'the path or the type is the wrong one',
        ...fields,
      });
    }
    return fd;
  } catch (error) {
    binding.close(fd);
    throw error;
  }
}

function typeOf(kind: number): NamespaceType {
  for (const [type, flag] of Object.entries(namespaceFlags)) {
    if (flag === kind) return type as NamespaceType;
  }
  throw new RuntimeError({ code: 'internal', message: `no namespace of kind ${kind}` });
}

/**
 * The kernel's word for the kind: `net`, `mnt`. The link of an open /proc/PID/ns file says it (`net:[4026531840]`);
 * that of a file it is bound to says only the path, but mountinfo knows what is mounted there.
 */
function fileNameOf(binding: Binding, fd: number): string | undefined {
  const own = kindIn(binding.readlink(`/proc/self/fd/${fd}`));
  if (own !== undefined) return own;
  const mountId = /^mnt_id:\s*(\d+)$/m.exec(binding.readText(`/proc/self/fdinfo/${fd}`))?.[1];
  for (const line of binding.readText('/proc/self/mountinfo').split('\n')) {
    const [id, , , root] = line.split(' ');
    if (id === mountId && root !== undefined) return kindIn(root);
  }
  return undefined;
}

function kindIn(link: string): string | undefined {
  // pid_for_children and time_for_children print as the kind they are for.
  return /^(\w+):\[\d+\]$/.exec(link)?.[1]?.replace('_for_children', '');
}
