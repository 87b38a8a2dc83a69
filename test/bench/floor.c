// SPDX-License-Identifier: Apache-2.0
// The work of the kernel for one container of the default bundle: the same cgroup, namespaces, mounts, masks,
// capabilities and program, hard-coded. There is no config, validation, state or report. It has no step that can be
// omitted, and therefore no runtime can be faster.
//
// usage: floor ROOTFS CGROUP PROGRAM [FILTER [OVERLAY [BRIDGE ELEMENTS]]]
//
// CGROUP is made, and removed at the end; FILTER is an array of struct sock_filter, loaded last (empty: none). OVERLAY are
// the options of an overlay that covers ROOTFS (empty: none); the marker of a volatile one is removed at the end. BRIDGE
// gets a veth whose other end is in the container, with an address of 10.63.0.0/22 and a default route. ELEMENTS are
// messages for nf_tables that publish a port, and two sockets listen on it. Like the runtime, the floor removes no element.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(long result, const char* what) {
  if (result >= 0) return;
  perror(what);
  _exit(125);
}

static const struct {
  const char *source, *target, *type;
  unsigned long flags;
  const char* data;
} kMounts[] = {
    {"proc", "proc", "proc", 0, NULL},
    {"tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"},
    {"devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k"},
    {"mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL},
    {"sysfs", "sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL},
    {"cgroup", "sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RELATIME | MS_RDONLY, NULL},
};

static const struct {
  const char* path;
  unsigned major, minor;
} kDevices[] = {{"dev/null", 1, 3}, {"dev/zero", 1, 5},   {"dev/full", 1, 7},
                {"dev/tty", 5, 0},  {"dev/random", 1, 8}, {"dev/urandom", 1, 9}};

static const char* const kLinks[][2] = {{"/proc/self/fd", "dev/fd"},
                                        {"/proc/self/fd/0", "dev/stdin"},
                                        {"/proc/self/fd/1", "dev/stdout"},
                                        {"/proc/self/fd/2", "dev/stderr"},
                                        {"pts/ptmx", "dev/ptmx"}};

static const char* const kReadonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
static const char* const kMasked[] = {"/proc/acpi",        "/proc/asound",      "/proc/kcore",         "/proc/keys",
                                      "/proc/timer_list",  "/proc/timer_stats", "/proc/latency_stats", "/proc/scsi",
                                      "/proc/sched_debug", "/sys/firmware"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// The maximum length that the kernel accepts is BPF_MAXINSNS.
static struct sock_filter instructions[BPF_MAXINSNS];

// --- the network

static struct {
  _Alignas(4) unsigned char bytes[2048];
  size_t length, started;
} out;

static size_t put(unsigned short type, const void* data, size_t size) {
  struct rtattr head = {(unsigned short)(sizeof head + size), type};
  size_t at = out.length;
  memcpy(out.bytes + at, &head, sizeof head);
  if (size > 0) memcpy(out.bytes + at + sizeof head, data, size);
  out.length += RTA_ALIGN(sizeof head + size);
  return at;
}

// Ends the attribute at `at`, which contains all that was written since.
static void end_nest(size_t at) {
  unsigned short size = (unsigned short)(out.length - at);
  memcpy(out.bytes + at, &size, sizeof size);
}

static void begin(unsigned short type, unsigned short flags, const void* body, size_t size) {
  struct nlmsghdr head = {0, type, (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags), 1, 0};
  out.started = out.length;
  memcpy(out.bytes + out.length, &head, sizeof head);
  memcpy(out.bytes + out.length + sizeof head, body, size);
  out.length += sizeof head + NLMSG_ALIGN(size);
}

static void end(void) {
  unsigned size = (unsigned)(out.length - out.started);
  memcpy(out.bytes + out.started, &size, sizeof size);
}

// Sends the messages in one call, and reads as many acknowledgements.
static void exchange(int family, const void* messages, size_t size, int answers) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
  must(fd, "netlink");
  must(send(fd, messages, size, 0), "send");
  while (answers > 0) {
    _Alignas(4) unsigned char in[8192];
    ssize_t n = recv(fd, in, sizeof in, 0);
    must(n, "recv");
    for (struct nlmsghdr* h = (struct nlmsghdr*)in; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
      if (h->nlmsg_type != NLMSG_ERROR) continue;
      errno = -((struct nlmsgerr*)NLMSG_DATA(h))->error;
      must(errno == 0 ? 0 : -1, "answer");
      answers--;
    }
  }
  close(fd);
}

static void make_veth(const char* bridge, int pid) {
  unsigned master = if_nametoindex(bridge);
  must(master == 0 ? -1 : 0, bridge);
  char name[IFNAMSIZ];
  snprintf(name, sizeof name, "fl%d", pid);
  struct ifinfomsg host = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP}, peer = {0};
  out.length = 0;
  begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &host, sizeof host);
  put(IFLA_IFNAME, name, strlen(name) + 1);
  put(IFLA_MASTER, &master, sizeof master);
  size_t info = put(IFLA_LINKINFO, NULL, 0);
  put(IFLA_INFO_KIND, "veth", 4);
  size_t data = put(IFLA_INFO_DATA, NULL, 0);
  size_t other = put(VETH_INFO_PEER, &peer, sizeof peer);
  put(IFLA_IFNAME, "eth0", 5);
  put(IFLA_NET_NS_PID, &pid, sizeof pid);
  end_nest(other);
  end_nest(data);
  end_nest(info);
  end();
  exchange(NETLINK_ROUTE, out.bytes, out.length, 1);
}

static void configure(void) {
  const unsigned char address[4] = {10, 63, 3, 200}, gateway[4] = {10, 63, 0, 1};
  unsigned index = if_nametoindex("eth0");
  must(index == 0 ? -1 : 0, "eth0");
  out.length = 0;
  for (int i = 0; i < 2; i++) {
    struct ifinfomsg link = {.ifi_index = i == 0 ? 1 : (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    begin(RTM_NEWLINK, 0, &link, sizeof link);
    end();
  }
  struct ifaddrmsg own = {.ifa_family = AF_INET, .ifa_prefixlen = 22, .ifa_index = index};
  begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &own, sizeof own);
  put(IFA_LOCAL, address, 4);
  put(IFA_ADDRESS, address, 4);
  end();
  struct rtmsg route = {.rtm_family = AF_INET,
                        .rtm_table = RT_TABLE_MAIN,
                        .rtm_protocol = RTPROT_STATIC,
                        .rtm_scope = RT_SCOPE_UNIVERSE,
                        .rtm_type = RTN_UNICAST};
  begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
  put(RTA_GATEWAY, gateway, 4);
  put(RTA_OIF, &index, sizeof index);
  end();
  exchange(NETLINK_ROUTE, out.bytes, out.length, 4);
}

static void listen_on(int family, unsigned short port) {
  union {
    struct sockaddr_in four;
    struct sockaddr_in6 six;
  } at = {0};
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  must(fd, "socket");
  must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
  if (family == AF_INET6) {
    at.six.sin6_family = AF_INET6;
    at.six.sin6_port = htons(port);
    must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on), "IPV6_V6ONLY");
  } else {
    at.four.sin_family = AF_INET;
    at.four.sin_port = htons(port);
  }
  must(bind(fd, (struct sockaddr*)&at, family == AF_INET6 ? sizeof at.six : sizeof at.four), "bind");
  must(listen(fd, 128), "listen");
}

static void publish(const char* file) {
  static unsigned char messages[4096];
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  must(fd, file);
  ssize_t size = read(fd, messages, sizeof messages);
  must(size, file);
  close(fd);
  exchange(NETLINK_NETFILTER, messages, (size_t)size, 1);
}

static void inside(const char* rootfs, const char* program, size_t filter, const char* overlay, int ready) {
  if (ready >= 0) {
    char byte;
    must(read(ready, &byte, 1) == 1 ? 0 : -1, "ready");
    configure();
  }
  must(unshare(CLONE_NEWCGROUP), "unshare");  // only now is the cgroup of the container the root of the new namespace
  must(mount("", "/", "", MS_REC | MS_PRIVATE, ""), "private");
  if (overlay != NULL) {
    must(mount("overlay", rootfs, "overlay", 0, overlay), "overlay");
  } else {
    must(mount(rootfs, rootfs, "", MS_BIND | MS_REC, ""), "bind the root");
  }
  must(chdir(rootfs), rootfs);
  umask(0);
  for (size_t i = 0; i < COUNT(kMounts); i++) {
    if (i == 2) {
      must(mkdir("dev/pts", 0755), "dev/pts");
      must(mkdir("dev/shm", 0755), "dev/shm");
      must(mkdir("dev/mqueue", 0755), "dev/mqueue");
    }
    must(mount(kMounts[i].source, kMounts[i].target, kMounts[i].type, kMounts[i].flags, kMounts[i].data),
         kMounts[i].target);
  }
  for (size_t i = 0; i < COUNT(kDevices); i++) {
    must(mknod(kDevices[i].path, S_IFCHR | 0666, makedev(kDevices[i].major, kDevices[i].minor)), kDevices[i].path);
  }
  for (size_t i = 0; i < COUNT(kLinks); i++) must(symlink(kLinks[i][0], kLinks[i][1]), kLinks[i][1]);
  must(sethostname("runc", 4), "sethostname");
  must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(umount2(".", MNT_DETACH), "umount2");
  must(chdir("/"), "chdir");
  for (size_t i = 0; i < COUNT(kReadonly); i++) {
    if (mount(kReadonly[i], kReadonly[i], "", MS_BIND | MS_REC, "") < 0) continue;
    must(mount("", kReadonly[i], "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, ""),
         kReadonly[i]);
  }
  for (size_t i = 0; i < COUNT(kMasked); i++) {
    if (mount("/dev/null", kMasked[i], "", MS_BIND, "") == 0 || errno == ENOENT) continue;
    must(mount("tmpfs", kMasked[i], "tmpfs", MS_RDONLY, "size=0k,nr_inodes=1"), kMasked[i]);
  }
  must(mount("", "/", "", MS_BIND | MS_REMOUNT | MS_RDONLY, ""), "readonly root");
  struct rlimit files = {1024, 1024};
  must(setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
  uint32_t kept = 1U << CAP_KILL | 1U << CAP_NET_BIND_SERVICE | 1U << CAP_AUDIT_WRITE;
  for (int i = 0; i <= CAP_LAST_CAP; i++) {
    if (!(i < 32 && (kept >> i & 1)) && prctl(PR_CAPBSET_DROP, i) < 0 && errno == EINVAL) break;
  }
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {{kept, kept, 0}, {0, 0, 0}};
  must(syscall(SYS_capset, &header, sets), "capset");
  must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  if (filter > 0) {
    struct sock_fprog loaded = {(unsigned short)(filter / sizeof *instructions), instructions};
    must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &loaded), "seccomp");
  }
  char* argv[] = {(char*)program, NULL};
  char* environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", NULL};
  execve(program, argv, environment);
  must(-1, program);
}

// Removes the marker of a volatile overlay. The kernel makes it in the work directory, which is the second to last
// option, and refuses the next mount while it exists.
static void remove_marker(const char* overlay) {
  const char* work = strstr(overlay, "workdir=") + strlen("workdir=");
  char path[4200];
  int length = snprintf(path, sizeof path, "%.*s/work/incompat/volatile/dirty", (int)strcspn(work, ","), work);
  must(unlink(path), path);
  path[length - (int)strlen("/dirty")] = '\0';
  must(rmdir(path), path);
}

int main(int argc, char** argv) {
  if (argc < 4 || argc > 8 || argc == 7) return 2;
  const char* overlay = argc >= 6 && *argv[5] != '\0' ? argv[5] : NULL;
  const char* bridge = argc == 8 ? argv[6] : NULL;
  int ready[2] = {-1, -1};
  if (bridge != NULL) {
    must(pipe2(ready, O_CLOEXEC), "pipe2");
    listen_on(AF_INET, 19999);
    listen_on(AF_INET6, 19999);
  }
  long filter = 0;
  if (argc >= 5 && *argv[4] != '\0') {
    int file = open(argv[4], O_RDONLY | O_CLOEXEC);
    must(file, argv[4]);
    filter = read(file, instructions, sizeof instructions);
    must(filter, argv[4]);
    close(file);
  }
  must(mkdir(argv[2], 0755), argv[2]);
  int cgroup = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  must(cgroup, argv[2]);
  struct clone_args args = {
      .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_INTO_CGROUP,
      .exit_signal = SIGCHLD,
      .cgroup = (uint64_t)cgroup,
  };
  long pid = syscall(SYS_clone3, &args, sizeof args);
  must(pid, "clone3");
  if (pid == 0) inside(argv[1], argv[3], (size_t)filter, overlay, ready[0]);
  if (bridge != NULL) {
    make_veth(bridge, (int)pid);
    publish(argv[7]);
    must(write(ready[1], "r", 1), "write");
  }
  int status = 0;
  must(waitpid((pid_t)pid, &status, 0), "waitpid");
  must(rmdir(argv[2]), argv[2]);
  if (overlay != NULL && strstr(overlay, ",volatile") != NULL) remove_marker(overlay);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
