// SPDX-License-Identifier: Apache-2.0
import { errno } from '../errors/errno.ts';
import type { Report } from '../host/binding.d.ts';
import type { Operation, Step } from '../wire/steps.ts';

const nestedHint = 'the runtime needs CAP_SYS_ADMIN and a machine (or outer container) that lets it mount';

/** The likely cause by operation and error number; `mount/fsopen` is for one call of an operation. */
const hints = (): Readonly<Record<string, Readonly<Record<number, string>>>> => ({
  'mount/fsopen': { [errno.ENODEV]: 'this kernel has no such file system: /proc/filesystems lists them' },
  'mount/fsconfig': {
    [errno.EINVAL]: 'the file system does not take an option like this; its own words stand before',
    [errno.EPERM]: nestedHint,
    [errno.EBUSY]: 'the device or directory is in use by another mount',
    [errno.ENOENT]: 'a directory or device that the options name does not exist',
  },
  mount: {
    [errno.EPERM]: nestedHint,
    [errno.EROFS]: 'the mount point is missing and cannot be made on a read-only file system',
    [errno.ENOTDIR]: 'something on the way to the mount point is a file',
    [errno.EMFILE]:
      'a read-only tmpfs needs a descriptor until all mounts are made: raise the limit of open files (ulimit -n) of the runtime',
    [errno.ELOOP]: 'a symbolic link on the way to the mount point leads nowhere',
  },
  'bind/open_tree': {
    [errno.ENOENT]: 'the source does not exist on the host; a relative one counts from the bundle',
    [errno.EINVAL]:
      'the source lies on a mount that is unbindable, or in a user namespace has mounts below that must stay: use rbind',
    [errno.EPERM]: nestedHint,
  },
  'bind/move_mount': {
    [errno.ENOTDIR]: 'source and destination must both be directories or both be files',
  },
  'mount/move_mount': { [errno.ENOTDIR]: 'the destination is a file, and must be a directory' },
  'bind/mount_setattr': {
    [errno.EPERM]: 'the source is mounted with options that are locked here: do not clear them',
    [errno.EINVAL]: 'this kernel does not know one of the options',
  },
  'bind/mount_setattr(MOUNT_ATTR_IDMAP)': {
    [errno.EINVAL]:
      'the file system of the source cannot show other owners on this kernel, or shows other owners already',
    [errno.EPERM]: 'only who is root over the file system of the source may show other owners',
    [errno.ENOSYS]: 'id-mapped mounts need Linux 5.12',
    [errno.EBUSY]: 'a file in it is open for writing',
  },
  bind: {
    [errno.EROFS]: 'the mount point is missing and cannot be made on a read-only file system',
    [errno.ENOTDIR]: 'something on the way to the mount point is a file',
  },
  changeMount: {
    [errno.EINVAL]: 'this kernel does not know one of the options',
    [errno.ENOSYS]: 'recursive mount options need Linux 5.12',
    [errno.EPERM]: 'the mount has options that are locked here: do not clear them',
    [errno.EBUSY]: 'a file in it is open for writing',
  },
  labelMount: {
    [errno.EOPNOTSUPP]: 'the policy gives this file system a context that cannot be changed (genfscon)',
    [errno.EINVAL]: 'the policy does not know this context',
    [errno.EACCES]: 'the policy does not allow the runtime this change',
  },
  openRoot: {
    [errno.ENOENT]: 'root.path counts from the bundle; the directory must be there before create',
    [errno.ENOTDIR]: 'root.path must be a directory, and not a symbolic link to one',
    [errno.ELOOP]: 'root.path must be a directory, and not a symbolic link to one',
    [errno.EACCES]:
      'the root of the user namespace may not enter it: its owner or mode must let the mapped user in',
  },
  'mountRoot/fsopen': { [errno.ENODEV]: 'this kernel has no overlay file system' },
  'mountRoot/openat2': {
    [errno.ENOENT]: 'root.path must be a directory also when a mount is the root, which covers it',
    [errno.ENOTDIR]: 'root.path must be a directory, and not a symbolic link to one',
    [errno.ELOOP]: 'root.path must be a directory, and not a symbolic link to one',
  },
  'mountRoot/mount_setattr(MOUNT_ATTR_IDMAP)': {
    [errno.EINVAL]: 'the file system of the layer cannot show other owners on this kernel',
    [errno.ENOSYS]: 'layers of a container with a user namespace need Linux 6.15',
    [errno.EPERM]: 'only who is root over the file system of the layer may show other owners',
  },
  'mountRoot/faccessat2': {
    [errno.EACCES]:
      'upperdir must belong to the root of the user namespace, or let it in: chown it to the mapped id',
  },
  mountRoot: {
    [errno.ENOENT]: 'a layer must exist before create; a relative path counts from the bundle',
    [errno.ENOTDIR]: 'a layer must be a directory',
    [errno.EINVAL]:
      'upperdir and workdir must be two directories of one mount, and no overlay or network file system; dmesg has the reason',
    [errno.ELOOP]: 'the same directory is two layers, or one layer contains another',
    [errno.EBUSY]: 'upperdir or workdir is in use by another overlay',
    [errno.EROFS]: 'upperdir is on a read-only file system: leave it and workdir out for a read-only root',
    [errno.EPERM]: nestedHint,
    [errno.EMFILE]: 'each layer needs a descriptor: raise the limit of open files (ulimit -n) of the runtime',
    [errno.E2BIG]: 'Linux before 6.8 takes at most 4095 bytes of options: remove some',
  },
  pivotRoot: { [errno.EINVAL]: 'where / is a ramfs (an initrd) it cannot be pivoted: use --no-pivot' },
  makeDevice: {
    [errno.EPERM]: 'device nodes need CAP_MKNOD and a device cgroup that allows mknod',
    [errno.EEXIST]: 'something else has that name in the root file system',
    [errno.EROFS]: 'mount a tmpfs on /dev, or make the node in the root file system beforehand',
  },
  bindDevice: {
    [errno.ENOENT]: 'in a user namespace no node can be made: the host needs one of that path to be bound',
    [errno.ENODEV]: "in a user namespace no node can be made, and the host's of that path is another device",
    [errno.EACCES]:
      'the file to bind on cannot be made: /dev belongs to a user without a mapping; mount a tmpfs there',
    [errno.EROFS]: 'mount a tmpfs on /dev, or make the file in the root file system beforehand',
    [errno.ELOOP]: 'a symbolic link has that name in the root file system',
  },
  maskPath: {
    [errno.ENODEV]:
      'neither the container nor the host has the null device (1:3) at /dev/null, which covers files',
    [errno.EBUSY]: 'a symbolic link leads to the root: mask directories in it, or use readonlyPaths',
  },
  joinNamespace: {
    [errno.EINVAL]: 'the file is a namespace of another type than the config says',
    [errno.EPERM]: 'joining a namespace needs CAP_SYS_ADMIN in the user namespace that owns it',
  },
  setSysctl: {
    [errno.ENOENT]: 'this kernel has no such sysctl, or its module is not loaded',
    [errno.EXDEV]:
      'a mount covers it in the /proc of the host, which is used where the kernel refuses the container a procfs of its own',
    [errno.EINVAL]: 'the kernel does not take this value',
    [errno.EACCES]: 'this sysctl cannot be written in this namespace',
    [errno.EPERM]: 'this sysctl cannot be written in this namespace',
  },
  enterTimeNamespace: {
    [errno.EINVAL]: 'this kernel has no time namespaces',
    [errno.EPERM]: 'time namespaces need CAP_SYS_ADMIN, and their offsets CAP_SYS_TIME',
    [errno.ERANGE]: 'the clock would show less than nothing, or more than 146 years',
  },
  setSecurityAttribute: {
    [errno.ENOENT]: 'no profile of this name is loaded: aa-status lists them',
    [errno.EINVAL]:
      'the security module does not know this profile or context, or it is another one than thought',
    [errno.EACCES]: 'the policy does not allow the runtime this change',
    [errno.EPERM]: 'the policy does not allow the runtime this change',
  },
  setHostname: { [errno.EPERM]: 'a host name needs a UTS namespace', [errno.EINVAL]: 'at most 64 bytes' },
  setDomainname: { [errno.EPERM]: 'a domain name needs a UTS namespace', [errno.EINVAL]: 'at most 64 bytes' },
  joinSessionKeyring: {
    [errno.EDQUOT]: 'raise the sysctls kernel.keys.maxkeys and kernel.keys.maxbytes, or use --no-new-keyring',
  },
  openTerminal: {
    [errno.ENOENT]: 'the container has no terminals: mount a devpts on /dev/pts',
    [errno.ENODEV]: 'that is not the ptmx of a devpts: mount one on /dev/pts',
    [errno.ENOSPC]: 'all terminals are taken: see the devpts option max and the sysctl kernel.pty.max',
    [errno.EACCES]: 'the ptmx needs its mode: mount the devpts with ptmxmode=0666',
    [errno.EROFS]: '/dev/console is missing and cannot be made on a read-only file system',
    [errno.ELOOP]: '/dev/console must be a file and not a symbolic link',
    [errno.EINVAL]: 'the user of the container has no number in its user namespace',
  },
  setRlimit: {
    [errno.EPERM]:
      'the hard limit cannot be raised without CAP_SYS_RESOURCE: ask for no more than the runtime has itself',
    [errno.EINVAL]: 'the soft limit must not be above the hard one',
  },
  setAffinity: { [errno.EINVAL]: 'none of these CPUs is there and in the cpuset of the cgroup' },
  setScheduler: {
    [errno.EPERM]:
      'the runtime needs CAP_SYS_NICE; a cpu controller of version 1 must give its cgroup realtime (cpu.rt_runtime_us)',
    [errno.EINVAL]: 'the kernel does not know the policy, or its flags and numbers do not fit it',
    [errno.EBUSY]: 'the CPUs have no room for this deadline task: less runtime, or a longer period',
  },
  setIoPriority: { [errno.EPERM]: 'the class IOPRIO_CLASS_RT needs CAP_SYS_ADMIN or CAP_SYS_NICE' },
  setMemoryPolicy: {
    [errno.EINVAL]:
      'the mode and its flags do not fit each other, or none of the nodes has memory that the cgroup may use: /sys/devices/system/node/has_memory lists them',
    [errno.ENOSYS]: 'this kernel was built without NUMA',
  },
  limitBoundingSet: { [errno.EPERM]: 'the runtime needs CAP_SETPCAP' },
  setCapabilities: {
    [errno.EPERM]:
      'the effective set must lie within the permitted one, and the inheritable one within the bounding one',
  },
  setUser: {
    [errno.EPERM]: 'the runtime needs CAP_SETUID and CAP_SETGID',
    [errno.EAGAIN]: 'the user has more processes than RLIMIT_NPROC allows',
  },
  loadSeccomp: {
    [errno.EBUSY]: 'the runtime itself is under a filter with a listener, and a process can have one',
    [errno.EACCES]: 'loading a filter needs CAP_SYS_ADMIN, or process.noNewPrivileges',
    [errno.EINVAL]: 'this kernel has no seccomp filters, or does not know one of the flags',
    [errno.ENOSYS]: 'this kernel has no seccomp filters',
    [errno.ENOMEM]: 'filters on top of each other have a size limit: is the runtime filtered itself?',
  },
  changeDirectory: {
    [errno.EACCES]: 'neither root nor the user of the container may enter it',
    [errno.EXDEV]: 'the working directory leads out of the root, for example through /proc/self/fd',
    [errno.ENOENT]: 'the directory must exist in the container',
    [errno.ENOTDIR]: 'the working directory must be a directory',
  },
  makeDirectory: {
    [errno.EROFS]: 'process.cwd does not exist and cannot be made on a read-only file system',
    [errno.ENOTDIR]: 'something on the way to process.cwd is a file',
    [errno.EEXIST]: 'process.cwd is a file',
  },
});

/** Operations that fail for the causes of another one. */
const sameCauses: Partial<Record<Operation, Operation>> = {
  mountCgroup: 'mount',
  cloneTree: 'bind',
  enterPidNamespace: 'joinNamespace',
};

/** The likely cause and a remedy, if known. */
export function hintFor(step: Step, report: Report): string | undefined {
  if (step.op === 'mount' && step.fstype === 'bind' && report.errno === errno.ENODEV) {
    return 'a bind needs the option bind or rbind: the type alone means nothing';
  }
  const op: Operation = sameCauses[step.op] ?? step.op;
  const known = hints();
  return known[`${op}/${report.syscall}`]?.[report.errno] ?? known[op]?.[report.errno];
}
