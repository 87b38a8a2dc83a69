// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "binding/table.h"
#include "core/fd.h"
#include "pack/layer.h"

namespace tsubo::binding {

namespace {

// The walk holds a descriptor for each layer of each directory above the current one.
class MoreDescriptors {
 public:
  MoreDescriptors() {
    if (getrlimit(RLIMIT_NOFILE, &before_) < 0) return;
    rlimit more = before_;
    more.rlim_cur = more.rlim_max;
    raised_ = setrlimit(RLIMIT_NOFILE, &more) == 0;
  }
  MoreDescriptors(const MoreDescriptors&) = delete;
  MoreDescriptors& operator=(const MoreDescriptors&) = delete;
  ~MoreDescriptors() {
    if (raised_) setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_ = {};
  bool raised_ = false;
};

Value record_of(const pack::Problem& problem) {
  return Value::record({{"syscall", Value::text(problem.syscall != nullptr ? problem.syscall : "")},
                        {"errno", Value::number(problem.error)},
                        {"reason", Value::text(problem.reason)},
                        {"path", Value::text("/" + problem.path)}});
}

struct OpenTree {
  pack::Tree tree;
  std::vector<UniqueFd> fds;

  Outcome open(const Value& request) {
    Outcome outcome = add(request.field("upper").text());
    if (outcome.syscall != nullptr) return outcome;
    tree.upper = fds.back().get();
    for (const Value& path : request.field("lowers").items()) {
      outcome = add(path.text());
      if (outcome.syscall != nullptr) return outcome;
      tree.lowers.push_back(fds.back().get());
    }
    tree.opaque = request.field("opaque").text();
    for (const Value& path : request.field("mountPoints").items()) {
      const size_t begin = path.text().find_first_not_of('/');
      if (begin != std::string::npos) tree.mount_points.push_back(path.text().substr(begin));
    }
    return {};
  }

  Outcome add(const std::string& path) {
    if (path.find('\0') != path.npos) return refused("openat", EINVAL, path);
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.open()) return refused("openat", errno, path);
    fds.push_back(std::move(fd));
    return {};
  }
};

}  // namespace

namespace function {

Outcome packTree(const Arguments& a) {
  const Value& r = a[0];
  const MoreDescriptors more;
  OpenTree opened;
  if (Outcome outcome = opened.open(r); outcome.syscall != nullptr) return outcome;
  pack::Packing packing;
  packing.settle = r.field("settle").truth();
  if (const Value& latest = r.field("latest"); !latest.is_undefined()) {
    packing.has_latest = true;
    packing.latest = latest.number();
  }
  packing.uid = geteuid();
  packing.gid = getegid();
  packing.is_root = r.field("owners").truth();

  std::vector<pack::Change> changes;
  std::vector<std::string> stubs;
  pack::Problem problem;
  pack::Output out(static_cast<int>(r.field("output").number()));
  const bool written = pack::find_changes(opened.tree, false, changes, stubs, problem) &&
                       (!packing.settle || pack::remove_stubs(opened.tree, stubs, problem)) &&
                       pack::write_archive(opened.tree, changes, packing, out, problem);
  Fields fields = {{"digest", Value::text(written ? out.digest() : "")},
                   {"size", Value::number(static_cast<int64_t>(out.size()))},
                   {"entries", Value::number(static_cast<int64_t>(changes.size()))}};
  if (!written) fields.emplace_back("problem", record_of(problem));
  return Value::record(std::move(fields));
}

Outcome findChanges(const Arguments& a) {
  const MoreDescriptors more;
  OpenTree opened;
  if (Outcome outcome = opened.open(a[0]); outcome.syscall != nullptr) return outcome;
  std::vector<pack::Change> changes;
  std::vector<std::string> stubs;
  pack::Problem problem;
  const bool found = pack::find_changes(opened.tree, true, changes, stubs, problem);
  std::vector<Value> lines;
  lines.reserve(changes.size());
  for (const pack::Change& change : changes) {
    const char* letter = change.kind == pack::Kind::added ? "A" : change.kind == pack::Kind::changed ? "C" : "D";
    lines.push_back(Value::text(std::string(letter) + " /" + change.path));
  }
  Fields fields = {{"lines", Value::list(std::move(lines))}};
  if (!found) fields.emplace_back("problem", record_of(problem));
  return Value::record(std::move(fields));
}

}  // namespace function

}  // namespace tsubo::binding
