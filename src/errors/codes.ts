// SPDX-License-Identifier: Apache-2.0

/**
 * Every error code with its meaning and its cure. Codes are stable because programs branch on them; a release that
 * changes the meaning of a code renames it. ERROR-CODES.md beside this file is generated from this table.
 *
 * The program imports only the type and does not contain the sentences.
 */
export const errorCodes = {
  'build.interrupted': ['the build was interrupted', 'run it again: finished steps are kept'],
  'build.no-file': ['COPY or ADD names a file that does not exist', 'correct the path, or .dockerignore'],
  'build.no-stage': ['the Dockerfile has no stage of this name', 'correct --target'],
  'build.step': ['a command of RUN has failed', 'read its output above'],
  'build.syntax': ['an instruction of a Dockerfile is not valid', 'correct it at the reported line'],
  'build.unsupported': ['only another builder can do this', 'use it as the hint says'],
  'bundle.config-duplicate': [
    'a member of config.json occurs twice, and the last one is used (a warning of check)',
    'remove one of them',
  ],
  'bundle.config-exists': [
    'spec would overwrite a config.json',
    'remove the file or choose another bundle with --bundle',
  ],
  'bundle.config-missing': [
    'the bundle directory contains no config.json',
    'write one with tsubo spec, or correct --bundle',
  ],
  'bundle.config-null': ['config.json contains only null', 'write a JSON object'],
  'bundle.config-syntax': [
    'config.json is not valid JSON',
    'correct the text at the reported line and column',
  ],
  'bundle.config-trailing': [
    'text follows the document in config.json and is ignored (a warning of check)',
    'remove it',
  ],
  'bundle.config-unreadable': ['config.json cannot be read', 'check its type, its permissions and its size'],
  'bundle.not-found': ['the bundle directory does not exist', 'correct --bundle'],
  'bundle.rootfs-missing': [
    'root.path does not exist',
    'put a root file system there; a relative path counts from the bundle directory',
  ],
  'bundle.rootfs-not-directory': ['root.path is not a directory', 'name a directory'],
  'bundle.rootfs-symlink': ['root.path is a symbolic link', 'name the directory that the link points to'],

  'cdi.bad-name': [
    'the name of a CDI device is not valid',
    'write VENDOR/CLASS=NAME, such as nvidia.com/gpu=0',
  ],
  'cdi.bad-spec': [
    'a file of /etc/cdi or /var/run/cdi is not valid, or other users can write to it',
    'correct the file, or write it again with the tool of the vendor',
  ],
  'cdi.conflict': ['two files of one directory define the CDI device', 'remove one of the two files'],
  'cdi.no-device': ['a device that a CDI device needs does not exist', 'load its driver'],
  'cdi.not-found': [
    'no file of /etc/cdi or /var/run/cdi defines the CDI device',
    'write the file with the tool of the vendor',
  ],
  'checkpoint.bad-image': [
    'a directory contains no checkpoint, or one that cannot be used',
    'name the directory that was given to checkpoint',
  ],
  'checkpoint.failed': ['criu has failed', 'read its log at the reported path'],
  'checkpoint.no-criu': ['the program criu is not installed', 'install criu'],

  'config.annotations': ['an annotation has an empty key', 'give it a name'],
  'config.attachment': ['a value of the network config is not valid', 'correct the value at the pointer'],
  'config.cgroups-path': [
    'linux.cgroupsPath is not usable, or is the root of the hierarchy',
    'leave it out, name a cgroup below the root, or slice:prefix:name with --systemd-cgroup',
  ],
  'config.domainname': ['the NIS domain name cannot be set', 'add a uts namespace, and use at most 64 bytes'],
  'config.device.number': ['a device number is out of range', 'major is at most 4095, minor at most 1048575'],
  'config.device.path': ['the path of a device is not usable', 'name an absolute path below /dev'],
  'config.device.type': [
    'the type of a device is unknown or lacks its numbers',
    'use c, b, u or p; c, b and u need major and minor',
  ],
  'config.hooks.env': ['an environment entry of a hook is not NAME=VALUE', 'correct the entry'],
  'config.hooks.path': ['the path of a hook is not absolute', 'name the program with its absolute path'],
  'config.hooks.timeout': [
    'the timeout of a hook is not positive',
    'give seconds above 0, or leave timeout out',
  ],
  'config.hostname': ['the host name cannot be set', 'add a uts namespace, and use at most 64 bytes'],
  'config.id-mapping.empty': ['an id mapping has size 0', 'give it the number of ids'],
  'config.id-mapping.overlap': ['two id mappings overlap', 'make the ranges disjoint, inside and outside'],
  'config.id-mapping.range': ['an id mapping exceeds 32 bits', 'reduce its size'],
  'config.id-mapping.too-many': [
    'there are more id mappings than the kernel accepts',
    'merge adjacent ranges',
  ],
  'config.id-mapping.unmapped': [
    'an id that the config uses has no mapping',
    'map the id, or use a mapped one',
  ],
  'config.ignored': ['a property has no effect (warning)', 'remove it'],
  'config.intel-rdt': ['linux.intelRdt is contradictory or malformed', 'correct closID or the schemata'],
  'config.maskedPaths': [
    'a masked path is relative, or there is no mount namespace',
    'write an absolute path, and add the mount namespace',
  ],
  'config.landlock': [
    'the annotation with Landlock rules is not valid',
    'correct the rule that the message names',
  ],
  'config.memory-policy': [
    'linux.memoryPolicy is not a policy that set_mempolicy(2) accepts',
    'correct mode, nodes or flags',
  ],
  'config.more': [
    'there are more problems or warnings than are listed',
    'correct the listed ones and check again',
  ],
  'config.mount.bind-options': ['a bind mount has an option of a file system', 'remove or correct the word'],
  'config.mount.destination': ['a mount has no destination', 'add an absolute destination'],
  'config.mount.idmap': [
    'an id-mapped mount is not possible as written',
    'use a bind mount and give uidMappings and gidMappings',
  ],
  'config.mount.inside-proc': [
    'a mount lies inside /proc',
    'mount only on the few files of /proc that tools replace, such as /proc/uptime',
  ],
  'config.mount.layers': [
    'the options of a root mount do not name usable layers',
    'correct lowerdir, upperdir and workdir at the reported place',
  ],
  'config.mount.proc': [
    'something other than procfs is mounted on /proc',
    'use type proc, or bind the root of a procfs',
  ],
  'config.mount.relative-destination': [
    'the destination of a mount is relative (warning)',
    'write it with a leading /',
  ],
  'config.mount.root': [
    'a mount covers the root file system',
    'use root.path, or make an overlay on / the first entry of mounts',
  ],
  'config.mount.source': ['the source of a bind mount is missing', 'add source'],
  'config.mount.type': ['a mount has no type', 'add type, or the option bind'],
  'config.namespace.duplicate': ['a namespace type occurs twice', 'remove one of them'],
  'config.namespace.not-a-namespace': [
    'the path of a namespace to join is not a namespace',
    'name a file such as /proc/PID/ns/net',
  ],
  'config.namespace.path': ['the path of a namespace to join is not absolute', 'write the absolute path'],
  'config.namespace.unknown': [
    'the namespace type is unknown',
    'use pid, network, mount, ipc, uts, user, cgroup or time',
  ],
  'config.namespace.wrong-type': ['the namespace to join is of another type', 'correct the path or the type'],
  'config.net-device': [
    'linux.netDevices cannot be applied',
    'check the name, the new name and the network namespace',
  ],
  'config.network': [
    'a network is requested, and the container has no network namespace of its own',
    'add {"type": "network"} without a path to linux.namespaces',
  ],
  'config.nul': ['a string contains a NUL character', 'remove it'],
  'config.personality': ['linux.personality is unknown', 'use LINUX or LINUX32'],
  'config.process.affinity': ['execCPUAffinity is not a list of CPUs', 'write it as 0-3,7'],
  'config.process.args': ['process.args is empty', 'name the program and its arguments'],
  'config.process.capability': [
    'a capability is unknown (warning)',
    'correct the name; capabilities(7) lists them',
  ],
  'config.process.consoleSize': [
    'the size of the terminal is out of range',
    'use at most 65535 rows and columns',
  ],
  'config.process.cwd': ['process.cwd is not absolute', 'write it with a leading /'],
  'config.process.env': ['an environment entry is not NAME=VALUE', 'correct the entry'],
  'config.process.required': ['config.json has no process', 'add process'],
  'config.process.rlimit-duplicate': ['a resource limit occurs twice', 'remove one of them'],
  'config.process.rlimit-soft': ['a soft limit is above its hard limit', 'lower soft or raise hard'],
  'config.process.rlimit-type': [
    'the resource limit is unknown',
    'use a name of getrlimit(2), such as RLIMIT_NOFILE',
  ],
  'config.process.scheduler': [
    'process.scheduler is contradictory',
    'see sched_setattr(2) for what the policy accepts',
  ],
  'config.range': ['a number is outside its range', 'use a number within the reported range'],
  'config.ociVersion': [
    'ociVersion is missing or not supported',
    'write the version of the specification, such as 1.0.2',
  ],
  'config.readonlyPaths': [
    'a read-only path is relative, or there is no mount namespace',
    'write an absolute path, and add the mount namespace',
  ],
  'config.repeated-property': [
    'a property is given in two spellings, upper and lower case (warning)',
    'remove one of them',
  ],
  'config.required': ['a required property is missing', 'add it'],
  'config.resources.device-access': [
    'the access of a device rule is not made of r, w and m',
    'correct access',
  ],
  'config.resources.device-hole': [
    'a device rule denies a part of an allowed wildcard',
    'deny first and allow the exceptions after it',
  ],
  'config.resources.device-type': ['the type of a device rule is unknown', 'use a, b or c'],
  'config.resources.memory-swap': [
    'memory.swap is below memory.limit, or is given without it',
    'swap counts memory and swap together: raise it or add limit',
  ],
  'config.resources.block-device': ['a block device number is out of range', 'correct major and minor'],
  'config.resources.cpu': [
    'a CPU limit is out of range or contradictory',
    'correct quota, period, burst or idle',
  ],
  'config.resources.cpuset': ['a CPU or memory node list is malformed', 'write it as 0-3,7'],
  'config.resources.memory': ['a memory limit is not a number of bytes', 'use bytes, or -1 for no limit'],
  'config.resources.page-size': [
    'a hugepage size is unknown or occurs twice',
    'use a size of /sys/kernel/mm/hugepages, such as 2MB',
  ],
  'config.resources.rdma': ['an RDMA device name is not usable', 'name a device of /sys/class/infiniband'],
  'config.resources.swappiness': ['memory.swappiness is out of range', 'use 0 to 100'],
  'config.resources.unified': [
    'a key of resources.unified is not a limit file',
    'name a file of the cgroup that sets a limit',
  ],
  'config.resources.weight': ['a block I/O weight is out of range', 'use 10 to 1000'],
  'config.root.path': ['root.path is empty', 'name the directory of the root file system'],
  'config.rootfsPropagation': [
    'linux.rootfsPropagation is not possible',
    'use private, slave, shared or unbindable; not private with --no-pivot',
  ],
  'config.root.required': ['config.json has no root', 'add root.path'],
  'config.seccomp.argument': [
    'the argument of a seccomp rule is not usable',
    'index is 0 to 5, op one of SCMP_CMP_*',
  ],
  'config.seccomp.errnoRet': [
    'the action does not return this errno',
    'use errnoRet with SCMP_ACT_ERRNO and SCMP_ACT_TRACE only',
  ],
  'config.seccomp.names': ['a seccomp rule has no names', 'add the names of system calls'],
  'config.seccomp.notify': [
    'SCMP_ACT_NOTIFY cannot be used like this',
    'give listenerPath, and do not notify on write(2) or by default',
  ],
  'config.seccomp.size': [
    'the seccomp program exceeds the kernel limit of 4,096 instructions',
    'merge rules',
  ],
  'config.sysctl.hostname': ['a sysctl sets the host name', 'use hostname or domainname'],
  'config.sysctl.name': [
    'the sysctl does not belong to a namespace of the container',
    'use net.*, kernel.msg*, kernel.sem, kernel.shm*, fs.mqueue.* or a user namespace sysctl',
  ],
  'config.sysctl.namespace': [
    'the sysctl would change the host',
    'add the network or ipc namespace it belongs to',
  ],
  'config.systemd-property': [
    'an annotation is not a systemd property',
    'write the value in the text form of GVariant',
  ],
  'config.time-offsets': [
    'linux.timeOffsets cannot be applied',
    'add a new time namespace, use the clocks monotonic and boottime',
  ],
  'config.type': ['a value has the wrong JSON type', 'write the reported type'],
  'config.unknown-property': ['a property is unknown (warning)', 'correct the spelling'],
  'config.unsupported': [
    'the config requires a feature that tsubo does not support',
    'remove the property at the pointer',
  ],
  'config.user-namespace.joined-mappings': [
    'the joined user namespace has other mappings',
    'give the mappings of that namespace, or none',
  ],
  'config.user-namespace.mappings': [
    'a new user namespace has no mappings',
    'add uidMappings and gidMappings',
  ],
  'config.user-namespace.missing': [
    'there are id mappings without a user namespace',
    'add {"type": "user"} to linux.namespaces',
  ],
  'config.value': ['a value is not one of the allowed words', 'use one of the reported words'],

  'container.affinity': ['the CPU affinity was refused', 'name CPUs that exist and that the cpuset allows'],
  'container.capabilities': [
    'the capabilities were refused',
    'keep effective within permitted, and ambient within permitted and inheritable',
  ],
  'container.cwd': [
    'process.cwd cannot be entered',
    'name a directory inside the container that its user can enter',
  ],
  'container.device': ['a device node cannot be made', 'check the path in the root file system'],
  'container.ended': [
    'the container exited before it was ready',
    'see the reported signal or status, and the kernel log',
  ],
  'container.hostname': ['the host name was refused', 'use at most 64 bytes and a new uts namespace'],
  'container.io-priority': ['the I/O priority was refused', 'the class RT needs CAP_SYS_ADMIN'],
  'container.keyring': [
    'the session keyring cannot be made',
    'raise the key quota (kernel.keys.maxkeys), or use --no-new-keyring',
  ],
  'container.label': [
    'the AppArmor profile or SELinux label was refused',
    'load the profile, or correct its name',
  ],
  'container.landlock': [
    'the Landlock rules were refused',
    'use paths that exist, on a kernel with Landlock',
  ],
  'container.memory-policy': ['the memory policy was refused', 'name nodes that exist'],
  'container.mount': ['a mount failed', 'see the reported call, option and errno'],
  'container.namespace': ['a namespace cannot be made or joined', 'run as root, or add a user namespace'],
  'container.network': ['the network interfaces cannot be configured', 'see the reported call and errno'],
  'container.out-of-memory': [
    'the kernel killed the init because its cgroup has too little memory',
    'raise linux.resources.memory.limit',
  ],
  'container.path': [
    'a path in the container cannot be created, masked or made read-only',
    'see the reported call and path',
  ],
  'container.personality': ['the personality was refused', 'use one that the kernel supports'],
  'container.program-not-executable': [
    'the program cannot be executed',
    'check its permissions, its format and its interpreter',
  ],
  'container.program-not-found': [
    'the program does not exist in the container',
    'correct process.args or PATH in process.env',
  ],
  'container.rlimit': ['a resource limit was refused', 'use at most the hard limit of the runtime'],
  'container.rootfs': ['the root file system cannot be entered', 'see the reported call and errno'],
  'container.scheduler': [
    'the scheduling policy was refused',
    'real-time policies need CAP_SYS_NICE and a real-time budget',
  ],
  'container.seccomp': ['the kernel refused the seccomp filter', 'set noNewPrivileges or keep CAP_SYS_ADMIN'],
  'container.syscall': ['a system call of the init failed', 'see the reported call and errno'],
  'container.sysctl': ['a sysctl cannot be written', 'check name and value'],
  'container.terminal': ['the terminal cannot be made', 'mount a devpts on /dev/pts'],
  'container.user': ['the user or groups were refused', 'use ids that the user namespace maps'],

  'dashboard.ended': [
    'the program of the dashboard has ended by itself',
    'read its messages above; start it again',
  ],
  'dashboard.no-node': ['the dashboard needs Node, which is missing', 'install Node and the npm package'],
  'dashboard.port': ['the dashboard cannot listen on the port', 'choose another port, or leave out --port'],
  'dashboard.request': ['the page has sent a request that the dashboard does not have', 'reload the page'],
  'direct.ambiguous': ['several containers have ids with this prefix', 'write more digits of the id'],
  'direct.bad-name': ['the name of a container or volume is not valid', 'use letters, digits and _ . -'],
  'direct.name-taken': [
    'a container with this name exists',
    'choose another name, or remove the container: tsubo container rm',
  ],
  'direct.no-command': ['the image has no program, and none is given', 'write a program after the image'],
  'direct.no-container': ['there is no such container', 'see tsubo container ls --all'],
  'direct.no-path': ['the path does not exist in the container', 'see tsubo container exec NAME ls'],
  'direct.no-user': ['the image has no such user or group', 'use a number, or a name of its /etc/passwd'],
  'direct.no-volume': ['there is no such volume', 'see tsubo volume ls'],
  'direct.not-running': ['the container does not run', 'start it: tsubo container start'],
  'direct.not-stopped': ['the container did not end after SIGKILL', 'see the state of its processes in ps'],
  'direct.read-only': [
    'the container has the target of the copy read-only',
    'copy into a writable volume, or make the container without --read-only or ro',
  ],
  'direct.running': ['the container runs', 'stop it, or remove it with --force'],
  'direct.volume-in-use': ['a container uses the volume', 'remove the container first'],

  'hook.failed': ['a hook exited with a status other than 0', 'see its output in the message'],
  'hook.not-executable': ['a hook cannot be executed', 'check path, permissions and interpreter'],
  'hook.syscall': ['a system call around a hook failed', 'see the reported call and errno'],
  'hook.timeout': ['a hook did not exit within its timeout', 'raise the timeout or correct the hook'],

  'host.addon': ['the native addon cannot be loaded', 'follow the remedies in the message'],
  'host.cgroup-controller': [
    'a cgroup controller that a limit needs is not available',
    'enable it for the parent cgroup, or remove the limit',
  ],
  'host.cgroup-processes': [
    'the parent cgroup contains processes and cannot enable controllers',
    'choose another cgroupsPath',
  ],
  'host.cgroup-threaded': ['the parent cgroup is threaded', 'choose another cgroupsPath'],
  'host.cgroup-write': ['the kernel refused a value for a cgroup file', 'check the value at the pointer'],
  'host.id-mapping': [
    'the id mappings cannot be written',
    'run as root, or install newuidmap and add entries to /etc/subuid and /etc/subgid',
  ],
  'host.memory': [
    'there is not enough memory for the runtime itself',
    'raise the limit of the address space (ulimit -v), or that of the cgroup of the caller',
  ],
  'host.ps': ['ps failed or printed something unexpected', 'install procps, or use ps --format json'],
  'host.rdt': ['resctrl refused the class of service', 'check the schemata against /sys/fs/resctrl/info'],
  'host.syscall': ['a system call of the runtime failed', 'see the reported call, path and errno'],
  'host.systemd': ['systemd cannot be reached', 'run with a system or user bus, or without --systemd-cgroup'],
  'host.systemd-unit': [
    'systemd refused the unit, or failed to start it',
    'see the reported result, and systemctl status',
  ],
  'host.unsupported': [
    'this kernel or machine lacks a feature that the config requires',
    'see the message for what is missing',
  ],

  'image.ambiguous': ['several images have ids with this prefix', 'write more digits of the id'],
  'image.archive': [
    'an archive of an image is damaged, or contains an entry that is not allowed in an image',
    'get the archive or the image again',
  ],
  'image.damaged': [
    'a document of the image store is missing or not valid',
    'remove the image, and pull it again',
  ],
  'image.disk-full': [
    'a layer does not fit on the disk',
    'make space, for example with tsubo image prune, and try again',
  ],
  'image.in-use': ['a container uses the image', 'remove the container first'],
  'image.layer-digest': [
    'the digest of a layer differs from the one in the config of the image',
    'get the image from another place',
  ],
  'image.no-decompressor': ['the program that decompresses a layer is missing', 'install gzip or zstd'],
  'image.no-node': [
    'access to registries needs Node, which is missing',
    'install Node and the npm package, or use skopeo',
  ],
  'image.platform': [
    'the image is for another platform',
    'choose one of the named platforms with --platform',
  ],
  'image.reference': ['the name of an image is not valid', 'write NAME, NAME:TAG or REGISTRY/NAME:TAG'],
  'image.referenced': ['the image has several names', 'remove each name, or use --force'],
  'image.unpackable': ['a layer cannot contain a file', 'remove or rename the file'],
  'image.unsupported': [
    'the manifest does not describe an image, or has an old format',
    'push the image again with a current program',
  ],
  'image.unknown': ['the store has no such image', 'see tsubo image ls, or pull it: tsubo image pull'],

  'isolation.capabilities': [
    'the container has all or nearly all capabilities (warning)',
    'list only those the program needs',
  ],
  'isolation.capability': ['a capability gives control over the host (warning)', 'remove it'],
  'isolation.control-socket': ['a bind mount exposes a control socket of the host (warning)', 'remove it'],
  'isolation.device': ['a device gives access to the memory or disks of the host (warning)', 'remove it'],
  'isolation.device-rules': ['the device rules allow everything (warning)', 'allow only what is needed'],
  'isolation.host-namespace': ['the container shares a namespace of the host (warning)', 'add the namespace'],
  'isolation.host-path': [
    'a bind mount exposes an important directory of the host (warning)',
    'bind less, or read-only',
  ],
  'isolation.host-root': ['root in the container is root on the host (warning)', 'add a user namespace'],
  'isolation.new-privileges': ['programs can gain privileges (warning)', 'set process.noNewPrivileges'],
  'isolation.published': [
    'a published port can be reached from outside (warning)',
    'publish it on 127.0.0.1, or restrict it in the chain user of table inet tsubo',
  ],
  'isolation.seccomp': ['there is no effective seccomp filter (warning)', 'add linux.seccomp'],
  'isolation.shared-mount': [
    'mounts of the container propagate to the host (warning)',
    'use private or slave',
  ],
  'isolation.unmasked': [
    'files of the kernel that leak information are not masked (warning)',
    'add them to linux.maskedPaths',
  ],
  'isolation.writable-cgroup': ['the cgroup file system is writable (warning)', 'mount it with ro'],
  'isolation.writable-proc': [
    'files of /proc that control the host are writable (warning)',
    'add them to linux.readonlyPaths',
  ],
  'isolation.writable-sysfs': ['/sys is writable (warning)', 'mount it with ro'],

  'keeper.busy': [
    'the keeper of an earlier run of the container has not ended',
    'stop the container, or end the command that is attached to it',
  ],
  'keeper.create': [
    'the create that the keeper started exited without reporting an error',
    'see the reported status: the create was killed, or could not be executed',
  ],
  'keeper.gone': [
    'the keeper of the container was killed: the exit status is not known and the output is lost',
    'the container runs until it is stopped; remove it with force and run it again',
  ],
  'keeper.no-exit-status': ['exit.json cannot be read', 'remove the container and run it again'],
  'keeper.not-running': ['the container has no keeper', 'start the container first'],

  'network.address': [
    'an address cannot be given to the container',
    'name a free host address of the subnet: see tsubo network inspect',
  ],
  'network.conflict': [
    'a device that tsubo did not make has the name of the bridge',
    'remove the device at the reported name, or give the network another bridge',
  ],
  'network.damaged': ['the definition of a network is damaged', 'correct the file, or remove the network'],
  'network.exists': ['a network with this name or bridge exists', 'choose another name'],
  'network.full': [
    'the network has no free address or no room for another container',
    'delete containers, or create another network',
  ],
  'network.in-use': [
    'containers are attached to the network',
    'delete them first: see tsubo network inspect',
  ],
  'network.not-allowed': [
    'an annotation requests networks without the permission of the administrator',
    'allow it in /etc/tsubo/tsubo.json, or use --network-config',
  ],
  'network.overlap': ['the subnet overlaps one that is in use', 'choose another subnet'],
  'network.port-taken': [
    'a published port is in use',
    'publish another port, or end the program that uses it',
  ],
  'network.foreign-rule': [
    'a rule of another program affects the network or a published port (warning of check)',
    'see the message for the rule',
  ],
  'network.program': [
    'the program that connects a container without root is missing, or it failed',
    'install passt, or run tsubo as root; the message contains the output of the program',
  ],
  'network.unknown': ['the network does not exist', 'see tsubo network ls, or make it: tsubo network create'],

  'plan.number': ['a number does not fit into the plan', 'use a smaller number'],
  'plan.size': ['the plan is too large', 'reduce the config'],

  'registry.answer': ['the server did not answer as a registry', 'check the address of the registry'],
  'registry.credentials': [
    'the stored credentials cannot be used',
    "correct Docker's config.json or the credential helper",
  ],
  'registry.cut': ['the connection was cut during a download', 'pull again: only the rest is requested'],
  'registry.digest': ['the content differs from its digest', 'pull again; check mirrors and proxies'],
  'registry.forbidden': ['the account has no right to the repository', 'use another account: tsubo login'],
  'registry.interrupted': ['the program for registries ended early', 'try again'],
  'registry.not-found': ['the registry has no such image', 'check the name and the tag'],
  'registry.rate-limited': [
    'the registry permits no more requests at present',
    'try again at the reported time',
  ],
  'registry.settings': ['the settings of registries are not valid', 'correct /etc/tsubo/tsubo.json'],
  'registry.size': ['the content is longer than its manifest states', 'check mirrors and proxies'],
  'registry.unauthorized': ['the registry asks for other credentials', 'log in: tsubo login'],
  'registry.unreachable': ['the registry cannot be reached', 'check its name, the network and the proxy'],

  'state.bad-id': [
    'the container id is not valid',
    'use letters, digits, and _ + - . after the first character',
  ],
  'state.busy': ['another command is working on the container', 'try again after it has finished'],
  'state.cgroup-frozen': ['the cgroup of the container is frozen', 'thaw it, or choose another cgroupsPath'],
  'state.cgroup-gone': [
    'the container runs and its cgroup was removed',
    'see /proc/PID/cgroup of its init for the cgroup that its processes were moved to',
  ],
  'state.cgroup-not-empty': ['the cgroup contains processes', 'end them, or choose another cgroupsPath'],
  'state.cgroup-threaded': ['the cgroup is threaded', 'choose another cgroupsPath'],
  'state.damaged': ['the record of the container is damaged', 'remove the container with delete --force'],
  'state.exists': ['a container with this id exists', 'choose another id, or delete the container'],
  'state.layer-in-use': [
    'another container writes into the upperdir or workdir of the root mount',
    'delete that container, or use other directories',
  ],
  'state.layer-unsynced': [
    'the upperdir of the root mount was written by a volatile overlay before the machine was started',
    'use an empty upperdir and workdir, or check the files and remove the reported marker',
  ],
  'state.mount-changed': [
    'the mount to remove is not there any more, or another one covers it',
    'mount rm --force removes it from the list',
  ],
  'state.mount-exists': ['a mount was added at this path', 'remove it with mount rm, or choose another path'],
  'state.newer-version': [
    'a later version of tsubo wrote the record',
    'use that version, or remove the container with delete --force',
  ],
  'state.no-cgroup': [
    'the container has no cgroup of its own',
    'create it on a machine with cgroup version 2',
  ],
  'state.no-mount': ['no mount was added to the container at this path', 'see mount ls'],
  'state.no-mount-namespace': [
    "the mount namespace of the container is the runtime's",
    'create it with a mount namespace of its own',
  ],
  'state.no-root': ['the directory of --root cannot be read', 'name one with --root, or set XDG_RUNTIME_DIR'],
  'state.not-created': ['the container is not in the state created', 'create it again'],
  'state.not-found': ['the container does not exist', 'see tsubo list, and --root'],
  'state.not-frozen': ['the processes did not freeze in time', 'try again'],
  'state.not-paused': ['the container is not paused', 'pause it first'],
  'state.not-running': ['the container is not running', 'see tsubo state'],
  'state.older-version': [
    'an earlier version of tsubo created the container, and this version cannot start it',
    'delete the container, and create it again',
  ],
  'state.rdt-mismatch': [
    'the class of service exists with other schemata',
    'give the same schemata, or another closID',
  ],
  'state.running': ['the container is running', 'stop it first, or use --force'],
  'state.untrusted': [
    'another user owns the record of the container or may write to it',
    'run the command as the user that created the container, with a --root that others cannot write to',
  ],

  'update.usage': [
    'the new memory limit is below the current usage',
    'leave checkBeforeUpdate out, or raise the limit',
  ],
  'usage.arguments': ['arguments are missing or too many', 'see --help of the command'],
  'usage.bad-value': ['the value of an option is not valid', 'see --help of the command'],
  'usage.cgroup': [
    'the cgroup for exec does not exist in the container',
    'name one below the cgroup of the container',
  ],
  'usage.console-socket': [
    '--console-socket is missing for a terminal, or is given without one',
    'a terminal with --detach needs it; leave it out otherwise',
  ],
  'usage.missing-value': ['an option lacks its value', 'add the value'],
  'usage.network': [
    'the value of --network is not valid, or networks are requested in two ways',
    'write NAME or NAME:ip=ADDRESS,mac=ADDRESS; use one way',
  ],
  'usage.preserve-fds': ['a descriptor to preserve is not open', 'open it before the call'],
  'usage.publish': ['the value of --publish is not valid', 'write HOST-PORT:CONTAINER-PORT, such as 8800:80'],
  'usage.signal': ['the signal is unknown', 'use a name such as TERM, or a number'],
  'usage.stdio': [
    'a value of the option stdio is not valid (library)',
    "write 'pipe', 'inherit', 'ignore', an open descriptor or a stream, once or for each of the three streams",
  ],
  'usage.output-limit': [
    'a program has written more output than maxBuffer (library)',
    "raise maxBuffer, or read the streams of stdio: 'pipe' with spawn",
  ],
  'usage.option': ['an option of a library call is missing or has another type', 'see the types of the call'],
  'usage.terminal': [
    'a container with a terminal needs a terminal as standard input',
    'start the command on a terminal, or run the container without -t',
  ],
  'usage.unknown-command': ['there is no such command', 'see tsubo --help'],
  'usage.unknown-option': ['there is no such option', 'see --help of the command'],

  internal: ['tsubo has a bug', 'report it with the command and config.json'],
} as const satisfies Readonly<Record<string, readonly [meaning: string, cure: string]>>;

/** A key of `errorCodes`. */
export type ErrorCode = keyof typeof errorCodes;
