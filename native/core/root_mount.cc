// SPDX-License-Identifier: Apache-2.0
//
// A root that is a union of layers: an overlay that no other mount namespace sees.
#include <linux/errno.h>

#include "core/detached_mount.h"
#include "core/rootfs.h"

namespace tsubo {

namespace {

using Step = wire::step::mountRoot;

struct LayerKey {
  const char* text;
  size_t length;
};
constexpr LayerKey kLower = {"lowerdir+=", 10}, kData = {"datadir+=", 9};
constexpr LayerKey kLayers[] = {kLower, kData, {"upperdir=", 9}, {"workdir=", 8}};

// The path of a layer; null for every other option.
const char* layer_path(const char* option) {
  for (const LayerKey& key : kLayers) {
    if (text::starts(option, key.text)) return option + key.length;
  }
  return nullptr;
}

Result open_layer(const char* path, UniqueFd* layer) {
  return take(layer, "openat", sys::openat(AT_FDCWD, path, O_PATH | O_CLOEXEC));
}

// fsconfig(2) takes texts of at most 255 bytes, and the kernel removes backslashes from some of them. Such a path is
// passed as a descriptor.
Result set_layer(Context& c, int fs, const char* option, const char* path) {
  if (text::length(path) <= 255 && text::find(path, '\\') == nullptr) return mounts::configure(fs, option);
  UniqueFd layer;
  if (Result r = open_layer(path, &layer); !r.ok()) return r;
  text::Buffer<16> key;
  key.add(option, static_cast<size_t>(path - option) - 1);
  long r = sys::fsconfig(fs, FSCONFIG_SET_FD, key.c_str(), nullptr, layer.get());
  if (r != -EINVAL && r != -EBADF) return check("fsconfig", r);
  rootfs::keep_procfs(c);
  // Linux before 6.13 takes texts only, and before 6.15 no descriptor of O_PATH: pass the path of the descriptor in the
  // procfs of the init.
  return mounts::at_descriptor(c, layer.get(), [&](const char* name) {
    return check("fsconfig", sys::fsconfig(fs, FSCONFIG_SET_STRING, key.c_str(), name, 0));
  });
}

Result make_union(Context& c, const Step& s, UniqueFd* tree) {
  UniqueFd fs;
  c.about("overlay");
  if (Result r = take(&fs, "fsopen", sys::fsopen("overlay", FSOPEN_CLOEXEC)); !r.ok()) return r;
  Result r = check("fsconfig", sys::fsconfig(fs.get(), FSCONFIG_SET_STRING, "source", c.plan.text(s.source), 0));
  for (uint32_t i = 0; r.ok() && i < s.options.count; i++) {
    const char* option = c.plan.text(s.options, i);
    const char* path = layer_path(option);
    c.about(option);
    c.item = i + 1;
    r = path == nullptr ? mounts::configure(fs.get(), option) : set_layer(c, fs.get(), option, path);
  }
  if (r.ok()) {
    c.item = 0;
    c.detail.clear();
    r = check("fsconfig", sys::fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0));
  }
  if (!r.ok()) {
    mounts::read_log(c, fs.get());
    return r;
  }
  return take(tree, "fsmount", sys::fsmount(fs.get(), FSMOUNT_CLOEXEC, s.attributes));
}

// overlay needs two layers or an upper one: one layer is bound. It becomes read-only before a mount point can be made
// in it, because other containers use the layer.
Result bind_layer(Context& c, const Step& s, UniqueFd* tree, bool* later) {
  c.item = 1;
  if (s.tree == 0) {
    if (Result r = mounts::clone_tree(c, AT_FDCWD, c.plan.text(s.lower), false, tree); !r.ok()) return r;
  }
  Result r = mounts::set_detached(tree->get(), s.attributes | MOUNT_ATTR_RDONLY, 0, later);
  if (r.ok()) c.item = 0;
  return r;
}

// The text for mount(2), of at most one page. Each layer is opened, and its name is the number of the descriptor,
// relative to the directory of descriptors in the procfs of the init.
class PageOfOptions {
 public:
  PageOfOptions(Context& c, const Step& s) : c_(c), s_(s) {}
  ~PageOfOptions() {
    for (size_t i = 0; i < open_; i++) sys::close(layers_[i]);
  }
  const char* text() const { return data_.c_str(); }

  Result write() {
    data_.add("lowerdir");
    if (Result r = add_all(kLower, "=", ":"); !r.ok()) return r;
    if (Result r = add_all(kData, "::", "::"); !r.ok()) return r;
    for (uint32_t i = 0; i < s_.options.count; i++) {
      const char* option = c_.plan.text(s_.options, i);
      const char* path = layer_path(option);
      if (is(kLower, option) || is(kData, option)) continue;
      data_.add(",");
      if (path == nullptr) {
        add_quoted(option);
        continue;
      }
      data_.add(option, static_cast<size_t>(path - option));
      if (Result r = add_layer(i, path); !r.ok()) return r;
    }
    return data_.overflowed() ? Result{E2BIG, "mount"} : Result{};
  }

 private:
  static bool is(const LayerKey& key, const char* option) { return text::starts(option, key.text); }

  Result add_all(const LayerKey& key, const char* before, const char* between) {
    for (uint32_t i = 0; i < s_.options.count; i++) {
      const char* option = c_.plan.text(s_.options, i);
      if (!is(key, option)) continue;
      data_.add(before);
      before = between;
      if (Result r = add_layer(i, option + key.length); !r.ok()) return r;
    }
    return {};
  }

  Result add_layer(uint32_t item, const char* path) {
    UniqueFd layer;
    c_.about(c_.plan.text(s_.options, item));
    c_.item = item + 1;
    if (open_ == kMost) return {E2BIG, "mount"};
    if (Result r = open_layer(path, &layer); !r.ok()) return r;
    c_.item = 0;
    c_.detail.clear();
    data_.add_number(static_cast<unsigned>(layer.get()));
    layers_[open_++] = layer.release();
    return {};
  }

  // Only labels contain commas, and security modules accept them in quotation marks.
  void add_quoted(const char* option) {
    const char* equals = text::find(option, '=');
    if (equals == nullptr || text::find(option, ',') == nullptr) {
      data_.add(option);
      return;
    }
    data_.add(option, static_cast<size_t>(equals + 1 - option)).add("\"").add(equals + 1).add("\"");
  }

  // The kernel's limit of lower layers, and an upper and a work directory.
  static constexpr size_t kMost = 502;
  Context& c_;
  const Step& s_;
  size_t open_ = 0;
  int layers_[kMost];
  text::Path data_;
};

// mount(2) takes no descriptor: it mounts on a path, and the new root is then opened at the path of the step.
Result mount_on(Context& c, const Step& s, UniqueFd place) {
  UniqueFd here, names;
  PageOfOptions page(c, s);
  if (Result r = page.write(); !r.ok()) return r;
  rootfs::keep_procfs(c);
  long proc = files::procfs(c);
  if (proc < 0) return check("fsmount", proc);
  constexpr int kHere = O_PATH | O_CLOEXEC;
  if (Result r = take(&here, "openat", sys::openat(AT_FDCWD, ".", kHere)); !r.ok()) return r;
  if (Result r = take(&names, "openat", sys::openat(static_cast<int>(proc), "self/fd", kHere)); !r.ok()) return r;
  if (long r = sys::fchdir(names.get()); r < 0) return check("fchdir", r);
  text::Buffer<24> target;
  target.add_number(static_cast<unsigned>(place.get()));
  long mounted =
      sys::mount(c.plan.text(s.source), target.c_str(), "overlay", mounts::mount_flags(s.attributes), page.text());
  if (long r = sys::fchdir(here.get()); r < 0) return check("fchdir", r);
  if (mounted < 0) return check("mount", mounted);
  UniqueFd root;
  if (Result r = rootfs::open_place(c, c.plan.text(s.path), &root); !r.ok()) return r;
  sys::close(c.root);
  c.root = root.release();
  if (s.propagation == 0) return {};
  return mounts::set_attributes(c, c.root, 0, 0, s.propagation & ~uint64_t{MS_REC}, false);
}

}  // namespace

Result run(Context& c, const wire::step::mountRoot& s) {
  const char* path = c.plan.text(s.path);
  const bool bound = *c.plan.text(s.lower) != '\0';
  UniqueFd place, tree;
  if (Result r = rootfs::open_place(c, path, &place); !r.ok()) return r;
  if (s.tree == 0 && s.oneCall != 0 && !bound) return mount_on(c, s, give(place));
  if (s.tree != 0) {
    if (Result r = rootfs::take_tree(c, s.tree, &tree); !r.ok()) return r;
  }
  bool later = false;
  if (bound) {
    if (Result r = bind_layer(c, s, &tree, &later); !r.ok()) return r;
  } else if (s.tree == 0) {
    if (Result r = make_union(c, s, &tree); !r.ok()) return r;
  }
  c.about(path);
  if (Result r = rootfs::use_root(c, give(tree), place.get(), s.propagation); !r.ok()) return r;
  return later ? mounts::set_attributes(c, c.root, s.attributes | MOUNT_ATTR_RDONLY, 0, 0, false) : Result{};
}

}  // namespace tsubo
