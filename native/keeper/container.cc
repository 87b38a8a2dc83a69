// SPDX-License-Identifier: Apache-2.0
//
// The keeper of a container's streams, log and exit status. It runs the runtime's create as its child, and is the
// subreaper of the container's init. It copies the streams of the program to the log and to the clients of the socket
// `attach`, and writes the exit status to the disk before any client receives the end.
#include "keeper/container.h"

#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/socket.h>
#include <linux/errno.h>
#include <linux/in.h>
#include <linux/prctl.h>
#include <linux/signalfd.h>
#include <linux/stat.h>
#include <linux/un.h>
#include <linux/wait.h>

#include "core/fd.h"
#include "core/kernel.h"
#include "core/message.h"
#include "keeper/clients.h"
#include "keeper/command.h"
#include "keeper/log.h"
#include "keeper/process.h"

namespace tsubo::keeper {

namespace {

// The most bytes of the create's messages; the rest is dropped.
constexpr size_t kMostMessage = 16 << 10;
// Bytes that are copied after the init's end: without its own pid namespace, a container's other processes may still
// write.
constexpr size_t kMostDrained = 2 << 20;
// The time for which a terminal without an open slave is not read: an init may close and open its console repeatedly.
constexpr int kVacantMs = 100;
// exit.json is at most this long; the bytes are reserved before the program runs, because the disk may become full.
constexpr size_t kExitBytes = 4096;
constexpr const char* kFreshExit = ".exit.json";
// Files that are removed if the container cannot be created.
constexpr const char* kTemporary[] = {kFreshExit, "attach", "console", "pid"};

Clients clients;

class Keeper {
 public:
  explicit Keeper(const ContainerRequest& request) : request_(request), terminal_((request.flags & kTerminal) != 0) {}
  void prepare();
  void create();
  [[noreturn]] void serve();

 private:
  void require(const char* syscall, long result);
  [[noreturn]] void fail(const char* syscall, long result);
  [[noreturn]] void report(const CreateStatus& status);
  void answer(const CreateStatus& status);
  long listen_at(const char* name, int kind);
  void handle(const epoll_event& event);
  void take_console();
  void read_message();
  void create_ended();
  void find_oom_events(int init);
  void begin();
  void read_stream(uint8_t kind);
  size_t copy_stream(uint8_t kind);
  void update_streams();
  void take_packet(uint32_t index);
  void write_input();
  void reap_orphans();
  void end();
  bool oom_killed();
  void write_exit(const Exit& end, bool durable);
  void end_command();
  int next_wait() const;
  void check_health();
  void check_ended(int status);

  // In separate zeroed mappings: a page takes memory only after its first write.
  Log* log_ = nullptr;
  text::Buffer<kMostMessage>* message_ = nullptr;
  const ContainerRequest& request_;
  const bool terminal_;
  int epoll_ = -1, attach_ = -1, console_ = -1, status_ = -1, lock_ = -1;
  int init_ = 0, init_fd_ = -1, creator_ = 0, creator_fd_ = -1;
  int oom_events_ = -1, exit_file_ = -1;
  // The keeper's ends of the pipes for output, error and input, or the terminal's master as output and input.
  Watched output_, error_, input_;
  Streams given_ = {-1, -1, -1};
  int message_fd_ = -1;
  bool vacant_ = false, ended_ = false;
  // Pid of the command that checks the health, or 0. Time at which the next one begins, as returned by now_ms, or 0.
  int checker_ = 0;
  uint64_t next_check_ = 0;
  bool close_input_ = false;
  unsigned char pending_[kMostInput];
  size_t pending_at_ = 0, pending_end_ = 0;
};

void Keeper::answer(const CreateStatus& status) {
  // If the runtime has exited, no process reads the status: the container exists all the same.
  sys::unchecked(sys::write(status_, &status, sizeof status));
  if (message_->size() > 0) sys::unchecked(sys::write(status_, message_->c_str(), message_->size()));
  sys::close(status_);
  status_ = -1;
}

void Keeper::report(const CreateStatus& status) {
  for (const char* name : kTemporary) {
    sys::unchecked(sys::call(__NR_unlinkat, request_.directory, sys::arg(name), 0));
  }
  answer(status);
  sys::exit(1);
}

void Keeper::fail(const char* syscall, long result) {
  CreateStatus status = {};
  status.keeper.error = static_cast<int32_t>(-result);
  for (size_t i = 0; syscall[i] != '\0' && i < sizeof status.keeper.syscall - 1; i++) {
    status.keeper.syscall[i] = syscall[i];
  }
  report(status);
}

void Keeper::require(const char* syscall, long result) {
  if (result < 0) fail(syscall, result);
}

long Keeper::listen_at(const char* name, int kind) {
  sys::unchecked(sys::call(__NR_unlinkat, request_.directory, sys::arg(name), 0));
  long fd = sys::call(__NR_socket, AF_UNIX, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  sockaddr_un address = {AF_UNIX, {}};
  for (size_t i = 0; name[i] != '\0'; i++) address.sun_path[i] = name[i];
  // An address has room for 107 bytes: the path is relative.
  long r = sys::fchdir(request_.directory);
  if (r >= 0) r = sys::call(__NR_bind, fd, sys::arg(&address), sizeof address);
  if (r >= 0) r = sys::chdir("/");
  if (r >= 0) r = sys::call(__NR_fchmodat, request_.directory, sys::arg(name), 0600);
  if (r >= 0) r = sys::call(__NR_listen, fd, static_cast<long>(Clients::kMost));
  return r < 0 ? r : fd;
}

void Keeper::prepare() {
  status_ = request_.status;
  log_ = table<Log>(1);
  message_ = table<text::Buffer<kMostMessage>>(1);
  if (log_ == nullptr || message_ == nullptr) sys::exit(1);
  if (Failed failed = leave_caller(); failed.syscall != nullptr) fail(failed.syscall, failed.result);
  const int dir = request_.directory;
  // The lock shows that the keeper runs, and prevents a second one.
  long lock = sys::openat(dir, "keeper", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  require("openat", lock);
  lock_ = static_cast<int>(lock);
  // LOCK_EX | LOCK_NB
  if (long r = sys::call(__NR_flock, lock, 2 | 4); r < 0) {
    answer({{0, static_cast<int32_t>(-r), "flock"}, 0, 0});
    sys::exit(1);
  }
  text::Buffer<16> pid;
  pid.add_number(static_cast<uint64_t>(sys::call(__NR_getpid))).add("\n");
  require("ftruncate", sys::call(__NR_ftruncate, lock, 0));
  require("write", sys::write(static_cast<int>(lock), pid.c_str(), pid.size()));

  constexpr const char* kOfEarlierRun[] = {"exit.json", "pid"};
  for (const char* name : kOfEarlierRun) {
    long r = sys::call(__NR_unlinkat, dir, sys::arg(name), 0);
    if (r != -ENOENT) require("unlinkat", r);
  }
  long file = sys::openat(dir, kFreshExit, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  require("openat", file);
  exit_file_ = static_cast<int>(file);
  long reserved = sys::call(__NR_fallocate, exit_file_, 0, 0, kExitBytes);
  // The file system has no fallocate(2): written bytes reserve the space.
  if (reserved == -EOPNOTSUPP) reserved = sys::write(exit_file_, buffer, kExitBytes);
  require("fallocate", reserved);
  require("openat", log_->open(dir, request_.log_bytes, request_.log_files));

  long epoll = sys::call(__NR_epoll_create1, EPOLL_CLOEXEC);
  require("epoll_create1", epoll);
  epoll_ = static_cast<int>(epoll);
  long attach = listen_at("attach", SOCK_SEQPACKET);
  require("bind", attach);
  attach_ = static_cast<int>(attach);
  require("mmap", clients.open(epoll_, {request_.flags, 0}));

  // SIGCHLD wakes the loop; every signal stays blocked: the end of a session or of the machine's login must not end the
  // keeper before its container.
  const uint64_t child = uint64_t{1} << (SIGCHLD - 1);
  long signals = sys::call(__NR_signalfd4, -1, sys::arg(&child), sizeof child, SFD_CLOEXEC | SFD_NONBLOCK);
  require("signalfd4", signals);
  require("epoll_ctl", watch(epoll_, EPOLL_CTL_ADD, static_cast<int>(signals), EPOLLIN,
                             tag(Source::children, static_cast<uint32_t>(signals))));
  require("prctl", sys::prctl(PR_SET_CHILD_SUBREAPER, 1));
}

// Makes a pipe whose end for the keeper does not block.
long make_pipe(int* reader, int* writer, bool read_here) {
  int ends[2];
  long r = sys::call(__NR_pipe2, sys::arg(ends), O_CLOEXEC);
  if (r < 0) return r;
  *reader = ends[0];
  *writer = ends[1];
  return sys::fcntl(read_here ? ends[0] : ends[1], F_SETFL, O_NONBLOCK);
}

void Keeper::create() {
  int error_end = -1;
  require("pipe2", make_pipe(&error_end, &given_.error, true));
  message_fd_ = error_end;
  if (terminal_) {
    given_.input = given_.output = 0;
    long console = listen_at("console", SOCK_STREAM);
    require("bind", console);
    console_ = static_cast<int>(console);
    require("epoll_ctl", watch(epoll_, EPOLL_CTL_ADD, console_, EPOLLIN, tag(Source::console, 0)));
  } else {
    int output_end = -1, input_end = -1;
    require("pipe2", make_pipe(&output_end, &given_.output, true));
    output_.use(epoll_, output_end, tag(Source::output, 0));
    given_.input = 0;
    if ((request_.flags & kOpenInput) != 0) {
      require("pipe2", make_pipe(&given_.input, &input_end, false));
      input_.use(epoll_, input_end, tag(Source::input, 0));
    }
  }
  long pid = run_command(request_, 0, request_.words, given_, status_);
  require("clone", pid);
  creator_ = static_cast<int>(pid);
  long fd = sys::call(__NR_pidfd_open, pid, 0);
  require("pidfd_open", fd);
  creator_fd_ = static_cast<int>(fd);
  const int given[] = {given_.input, given_.output, given_.error};
  for (int end : given) {
    if (end > 2) sys::close(end);
  }
  require("epoll_ctl", watch(epoll_, EPOLL_CTL_ADD, creator_fd_, EPOLLIN, tag(Source::creator, 0)));
  require("epoll_ctl", watch(epoll_, EPOLL_CTL_ADD, message_fd_, EPOLLIN, tag(Source::error, 0)));
}

// Reads the create's messages: until the program runs, only the create writes to standard error.
void Keeper::read_message() {
  while (true) {
    long n = sys::read(message_fd_, buffer, 4096);
    if (n <= 0) break;
    message_->add(reinterpret_cast<const char*>(buffer), static_cast<size_t>(n));
  }
}

void Keeper::take_console() {
  long from = sys::call(__NR_accept4, console_, 0, 0, SOCK_CLOEXEC);
  if (from < 0) return;
  char text[64];
  message::Piece piece = {text, sizeof text};
  message::OneDescriptor control = {};
  message::Header header = {nullptr, 0, &piece, 1, &control, sizeof control, 0};
  long n = sys::call(__NR_recvmsg, from, sys::arg(&header), MSG_CMSG_CLOEXEC);
  sys::close(static_cast<int>(from));
  if (n <= 0 || control.bytes != message::kOneDescriptorBytes || control.level != SOL_SOCKET ||
      control.type != SCM_RIGHTS) {
    return;
  }
  sys::close(console_);
  console_ = -1;
  sys::unchecked(sys::call(__NR_unlinkat, request_.directory, sys::arg("console"), 0));
  const int master = control.fds[0];
  require("fcntl", sys::fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK));
  // Events of the two directions have a descriptor each.
  long copy = sys::fcntl(master, F_DUPFD_CLOEXEC, 3);
  require("fcntl", copy);
  output_.use(epoll_, master, tag(Source::output, 0));
  input_.use(epoll_, static_cast<int>(copy), tag(Source::input, 0));
}

void Keeper::create_ended() {
  siginfo_t info = {};
  require("waitid", sys::call(__NR_waitid, P_PIDFD, creator_fd_, sys::arg(&info), WEXITED, 0, 0));
  sys::close(creator_fd_);
  creator_ = 0;
  read_message();
  const bool exited = info.si_code == CLD_EXITED;
  if (!exited || info.si_status != 0) report({{}, 0, exited ? info.si_status : 128 + info.si_status});

  long file = sys::openat(request_.directory, "pid", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  require("openat", file);
  char digits[16];
  long n = sys::read(static_cast<int>(file), digits, sizeof digits);
  sys::close(static_cast<int>(file));
  for (long i = 0; i < n && digits[i] >= '0' && digits[i] <= '9'; i++) init_ = init_ * 10 + (digits[i] - '0');
  // The init is a child of this process and not reaped yet: its pid cannot be reused.
  long fd = sys::call(__NR_pidfd_open, init_, 0);
  require("pidfd_open", fd);
  init_fd_ = static_cast<int>(fd);
  require("epoll_ctl", watch(epoll_, EPOLL_CTL_ADD, init_fd_, EPOLLIN, tag(Source::init, 0)));
  if (console_ >= 0) take_console();
  if (terminal_ && !output_.open()) fail("recvmsg", -EBADF);
  find_oom_events(init_);
  begin();
  answer({{static_cast<int32_t>(sys::call(__NR_getpid)), 0, {}}, init_, 0});
}

void Keeper::begin() {
  clients.set_init(init_);
  sys::unchecked(watch(epoll_, EPOLL_CTL_DEL, message_fd_, 0, 0));
  if (terminal_) {
    sys::close(message_fd_);
  } else {
    error_.use(epoll_, message_fd_, tag(Source::error, 0));
  }
  require("epoll_ctl", watch(epoll_, EPOLL_CTL_ADD, attach_, EPOLLIN, tag(Source::attach_listener, 0)));
  if (request_.check_words > 0) next_check_ = now_ms() + request_.check_first;
  update_streams();
}

// Milliseconds until the next event that no descriptor shows; -1 if there is none.
int Keeper::next_wait() const {
  int wait = vacant_ ? kVacantMs : -1;
  if (next_check_ == 0) return wait;
  const uint64_t now = now_ms();
  const int left = now >= next_check_ ? 0 : static_cast<int>(next_check_ - now);
  return wait < 0 || left < wait ? left : wait;
}

void Keeper::check_health() {
  if (next_check_ == 0 || now_ms() < next_check_) return;
  next_check_ = 0;
  const Streams none = {0, 1, 2};
  const uint32_t first = request_.words + request_.environment + request_.end_words;
  const long pid = run_command(request_, first, request_.check_words, none, -1);
  // If the clone failed, the next attempt may succeed.
  if (pid < 0) next_check_ = now_ms() + request_.check_interval;
  checker_ = pid < 0 ? 0 : static_cast<int>(pid);
}

void Keeper::check_ended(int status) {
  checker_ = 0;
  if (ended_) return;
  next_check_ = now_ms() + (status == 1 ? request_.check_start_interval : request_.check_interval);
}

// Opens memory.events of the init's cgroup. A container without the memory controller of version 2 has no such file.
void Keeper::find_oom_events(int init) {
  text::Path path;
  path.add("/proc/").add_number(static_cast<uint64_t>(init)).add("/cgroup");
  long file = sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  long n = sys::read(static_cast<int>(file), buffer, kBufferBytes - 1);
  sys::close(static_cast<int>(file));
  if (n <= 0) return;
  buffer[n] = '\0';
  const char* line = reinterpret_cast<const char*>(buffer);
  while (line != nullptr && !text::starts(line, "0::")) {
    line = text::find(line, '\n');
    if (line != nullptr) line++;
  }
  if (line == nullptr) return;
  line += 3;
  const char* end = text::find(line, '\n');
  const size_t length = end == nullptr ? text::length(line) : static_cast<size_t>(end - line);
  constexpr const char* kRoots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
  for (const char* root : kRoots) {
    path.clear();
    path.add(root).add(line, length).add("/memory.events");
    long events = path.overflowed() ? -ENAMETOOLONG : sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC);
    if (events < 0) continue;
    oom_events_ = static_cast<int>(events);
    return;
  }
}

bool Keeper::oom_killed() {
  if (oom_events_ < 0) return false;
  char text[512];
  // If the cgroup was removed, the counter cannot be read any more, and the end does not count as an out-of-memory
  // kill.
  long n = sys::call(__NR_pread64, oom_events_, sys::arg(text), sizeof text - 1, 0);
  if (n <= 0) return false;
  text[n] = '\0';
  const char* line = text;
  while (line != nullptr && !text::starts(line, "oom_kill ")) {
    line = text::find(line, '\n');
    if (line != nullptr) line++;
  }
  return line != nullptr && line[9] != '0';
}

// Copies one piece of a stream to the log and to the clients. Returns the number of bytes; 0 if there are none now, or
// at the end.
size_t Keeper::copy_stream(uint8_t kind) {
  Watched& stream = kind == kOutput ? output_ : error_;
  if (!stream.open()) return 0;
  unsigned char* to = clients.place(kMostOutput);
  // There is always room while the program runs. After its end, the clients may lose output that the log has.
  const bool lost = to == nullptr;
  if (lost) to = buffer;
  long n = sys::read(stream.fd(), to, kMostOutput);
  if (n > 0) {
    log_->add(kind == kOutput ? "stdout" : "stderr", to, static_cast<size_t>(n));
    if (!lost) clients.commit(kind, static_cast<size_t>(n));
    return static_cast<size_t>(n);
  }
  if (n == -EAGAIN) return 0;
  // EIO: no process has the terminal open. It may be opened again.
  if (terminal_ && n < 0 && !ended_) {
    vacant_ = true;
  } else {
    stream.close();
  }
  return 0;
}

void Keeper::read_stream(uint8_t kind) {
  copy_stream(kind);
  update_streams();
}

void Keeper::update_streams() {
  const bool reads = clients.idle() && !ended_;
  output_.want(reads && !vacant_ ? EPOLLIN : 0);
  error_.want(reads ? EPOLLIN : 0);
}

void Keeper::take_packet(uint32_t index) {
  const Received packet = clients.receive(index);
  switch (packet.kind) {
    case kInput:
      if (!input_.open() || ended_ || packet.size > sizeof pending_) break;
      __builtin_memcpy(pending_, packet.data, packet.size);
      pending_at_ = 0;
      pending_end_ = packet.size;
      write_input();
      break;
    case kCloseInput:
      // A terminal has no end of file.
      if (!terminal_) input_.close();
      break;
    case kSize: {
      WindowSize size;
      if (!terminal_ || packet.size != sizeof size) break;
      __builtin_memcpy(&size, packet.data, sizeof size);
      const uint16_t window[4] = {size.rows, size.columns, 0, 0};
      // EBADF: the terminal may be closed already.
      sys::unchecked(sys::call(__NR_ioctl, input_.fd(), TIOCSWINSZ, sys::arg(window)));
      break;
    }
    default:
      break;
  }
}

// While the program does not read its input, no packet of a client is received.
void Keeper::write_input() {
  while (pending_at_ < pending_end_) {
    long n = sys::write(input_.fd(), pending_ + pending_at_, pending_end_ - pending_at_);
    if (n == -EAGAIN) break;
    if (n < 0) {
      // The program has closed its input.
      pending_at_ = pending_end_ = 0;
      if (!terminal_) input_.close();
      break;
    }
    pending_at_ += static_cast<size_t>(n);
  }
  const bool waits = pending_at_ < pending_end_;
  input_.want(waits ? EPOLLOUT : 0);
  clients.hold_input(waits);
}

void Keeper::reap_orphans() {
  while (true) {
    siginfo_t info = {};
    long r = sys::call(__NR_waitid, P_ALL, 0, sys::arg(&info), WEXITED | WNOHANG | WNOWAIT, 0, 0);
    // The create and the init are reaped through their pidfds.
    if (r < 0 || info.si_pid == 0 || info.si_pid == init_ || info.si_pid == creator_) return;
    sys::unchecked(sys::call(__NR_waitid, P_PID, info.si_pid, sys::arg(&info), WEXITED | WNOHANG, 0, 0));
    if (info.si_pid == checker_) check_ended(info.si_code == CLD_EXITED ? info.si_status : 0);
  }
}

void Keeper::write_exit(const Exit& end, bool durable) {
  text::Buffer<32> time;
  add_time(time);
  text::Buffer<kExitBytes> json;
  json.add("{\"pid\":").add_number(static_cast<uint64_t>(end.pid));
  json.add(",\"status\":").add_number(static_cast<uint64_t>(end.status));
  if (end.signal > 0) json.add(",\"signal\":").add_number(static_cast<uint64_t>(end.signal));
  json.add(",\"oomKilled\":").add(end.oom_killed != 0 ? "true" : "false");
  json.add(",\"finishedAt\":\"").add(time.c_str()).add("\"");
  if (log_->lost() > 0) {
    json.add(",\"log\":{\"lostBytes\":").add_number(log_->lost());
    json.add(",\"errno\":").add_number(static_cast<uint64_t>(log_->error())).add("}");
  }
  json.add("}\n");
  const int dir = request_.directory;
  // The bytes are reserved. If the disk fails, there is no exit.json, and commands report that the status is not known.
  if (sys::call(__NR_pwrite64, exit_file_, sys::arg(json.c_str()), static_cast<long>(json.size()), 0) !=
      static_cast<long>(json.size())) {
    return;
  }
  if (sys::call(__NR_ftruncate, exit_file_, static_cast<long>(json.size())) < 0) return;
  if (durable && sys::call(__NR_fsync, exit_file_) < 0) return;
  if (sys::call(__NR_renameat2, dir, sys::arg(kFreshExit), dir, sys::arg("exit.json"), 0) < 0) return;
  // Some file systems have no fsync of a directory.
  if (durable) sys::unchecked(sys::call(__NR_fsync, dir));
}

void Keeper::end() {
  siginfo_t info = {};
  sys::unchecked(sys::call(__NR_waitid, P_PIDFD, init_fd_, sys::arg(&info), WEXITED, 0, 0));
  sys::unchecked(watch(epoll_, EPOLL_CTL_DEL, init_fd_, 0, 0));
  ended_ = true;
  vacant_ = false;
  next_check_ = 0;
  // The health check waits for a program of the container, and must not delay the next start.
  if (checker_ != 0) sys::unchecked(sys::call(__NR_kill, checker_, SIGKILL));
  const int32_t signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
  size_t drained = 0;
  for (size_t n = 1; n > 0 && drained < kMostDrained; drained += n) {
    n = copy_stream(kOutput) + copy_stream(kError);
  }
  output_.close();
  error_.close();
  input_.close();
  const Exit exit = {init_, signal == 0 ? info.si_status : 128 + signal, signal, oom_killed() ? 1u : 0u};
  // A container that a client removes now needs no status after a crash of the machine: fsync(2) takes milliseconds.
  write_exit(exit, !clients.removing());
  // From here on the container can be started again, even while a client has not received everything.
  sys::close(attach_);
  sys::close(lock_);
  clients.finish(exit);
}

// Removes the container or starts it again, unless a client has removed it.
void Keeper::end_command() {
  if (request_.end_words == 0) return;
  const char* needed = (request_.flags & kEndsIfMarked) != 0 ? "restart" : "keeper";
  if (sys::call(__NR_faccessat, request_.directory, sys::arg(needed), 0) < 0) return;
  const Streams none = {0, 1, 2};
  sys::unchecked(run_command(request_, request_.words + request_.environment, request_.end_words, none, -1));
}

void Keeper::handle(const epoll_event& event) {
  const auto index = static_cast<uint32_t>(event.data);
  switch (static_cast<Source>(event.data >> 32)) {
    case Source::creator:
      create_ended();
      break;
    case Source::console:
      take_console();
      break;
    case Source::children: {
      signalfd_siginfo ignored;
      while (sys::read(static_cast<int>(index), &ignored, sizeof ignored) > 0) {
      }
      reap_orphans();
      break;
    }
    case Source::output:
      read_stream(kOutput);
      break;
    case Source::error:
      if (init_ == 0) {
        read_message();
      } else {
        read_stream(kError);
      }
      break;
    case Source::input:
      write_input();
      break;
    case Source::attach_listener:
      clients.accept(attach_);
      break;
    case Source::client:
      if ((event.events & EPOLLOUT) != 0) clients.flush(index);
      if ((event.events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) take_packet(index);
      break;
    default:
      break;
  }
}

void Keeper::serve() {
  while (true) {
    if (ended_ && (clients.idle() || !clients.any()) && !clients.removing()) break;
    epoll_event events[16];
    long n = sys::call(__NR_epoll_pwait, epoll_, sys::arg(events), 16, next_wait(), 0, 0);
    if (n < 0 && n != -EINTR) sys::exit(1);
    bool ended = false;
    for (long i = 0; i < n; i++) {
      if (static_cast<Source>(events[i].data >> 32) == Source::init) {
        ended = true;
      } else {
        handle(events[i]);
      }
    }
    // No event within kVacantMs: read the terminal again, because a process may have opened it.
    if (n == 0) vacant_ = false;
    if (ended && !ended_) end();
    check_health();
    update_streams();
  }
  end_command();
  sys::exit(0);
}

// Descriptors of the caller must not stay open: a reader of one of its pipes waits for the last writer.
void close_others(int first, int second) {
  const auto low = static_cast<unsigned>(first), high = static_cast<unsigned>(second);
  // Descriptors up to 2 are replaced later. These calls cannot fail: the ranges are not empty.
  if (low > 3) sys::unchecked(sys::close_range(3, low - 1, 0));
  if (high > low + 1) sys::unchecked(sys::close_range(low + 1, high - 1, 0));
  sys::unchecked(sys::close_range(high + 1, ~0u, 0));
}

}  // namespace

const ContainerRequest* map_container_request(int fd) {
  ContainerRequest head;
  if (sys::call(__NR_pread64, fd, sys::arg(&head), sizeof head, 0) != sizeof head ||
      head.magic != kContainerRequestMagic) {
    return nullptr;
  }
  const long size = static_cast<long>(sizeof head + head.bytes);
  long at = sys::call(__NR_mmap, 0, size, PROT_READ, MAP_PRIVATE, fd, 0);
  return at < 0 && at > -4096 ? nullptr : reinterpret_cast<const ContainerRequest*>(at);
}

[[noreturn]] void keep_container(const ContainerRequest& request) {
  const bool ascending = request.status < request.directory;
  close_others(ascending ? request.status : request.directory, ascending ? request.directory : request.status);
  Keeper keeper(request);
  keeper.prepare();
  keeper.create();
  keeper.serve();
}

}  // namespace tsubo::keeper
