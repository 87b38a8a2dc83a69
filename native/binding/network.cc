// SPDX-License-Identifier: Apache-2.0
//
// Moves network devices between network namespaces, over rtnetlink(7).
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "binding/netlink.h"
#include "binding/table.h"
#include "core/fd.h"

namespace tsubo::binding {

namespace {

struct Device {
  int index = 0;
  unsigned flags = 0;
  std::string name;
};

Refusal look_up(Netlink& net, int index, const std::string& name, Device* device) {
  ifinfomsg fixed = {};
  fixed.ifi_index = index;
  Message question(RTM_GETLINK, 0, fixed);
  if (index == 0) question.add(IFLA_IFNAME, name);
  std::vector<std::string> answers;
  if (Refusal r = net.ask("RTM_GETLINK", question, &answers); r.error != 0) return r;
  if (answers.empty() || answers[0].size() < NLMSG_LENGTH(sizeof fixed)) return {"RTM_GETLINK", EBADMSG};
  memcpy(&fixed, answers[0].data() + NLMSG_HDRLEN, sizeof fixed);
  device->index = fixed.ifi_index;
  device->flags = fixed.ifi_flags;
  device->name = text_of(find(answers[0], sizeof fixed, IFLA_IFNAME));
  return {};
}

struct Address {
  ifaddrmsg fixed;
  std::string message;
};

// Returns the permanent addresses of global scope. The kernel sets the others itself, or they are leases of the old
// namespace.
Refusal addresses_of(Netlink& net, int index, std::vector<Address>* found) {
  ifaddrmsg fixed = {};
  std::vector<std::string> answers;
  if (Refusal r = net.ask("RTM_GETADDR", Message(RTM_GETADDR, NLM_F_DUMP, fixed), &answers); r.error != 0) return r;
  for (std::string& answer : answers) {
    if (answer.size() < NLMSG_LENGTH(sizeof fixed)) continue;
    memcpy(&fixed, answer.data() + NLMSG_HDRLEN, sizeof fixed);
    uint32_t flags = fixed.ifa_flags;
    if (auto* all = find(answer, sizeof fixed, IFA_FLAGS); all != nullptr) memcpy(&flags, RTA_DATA(all), sizeof flags);
    if (fixed.ifa_index != static_cast<unsigned>(index) || fixed.ifa_scope != RT_SCOPE_UNIVERSE) continue;
    if ((flags & IFA_F_PERMANENT) == 0) continue;
    found->push_back({fixed, std::move(answer)});
  }
  return {};
}

Refusal add_address(Netlink& net, const Device& device, const std::string& former_name, const Address& address) {
  // Flags that a user can set; the kernel manages the rest (tentative, permanent, ...).
  constexpr uint32_t kKept =
      IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN;
  constexpr unsigned kProto = 11;  // IFA_PROTO, newer than some headers
  ifaddrmsg fixed = address.fixed;
  fixed.ifa_index = static_cast<unsigned>(device.index);
  fixed.ifa_flags = 0;
  Message message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, fixed);
  for (unsigned type :
       {unsigned{IFA_ADDRESS}, unsigned{IFA_LOCAL}, unsigned{IFA_BROADCAST}, unsigned{IFA_RT_PRIORITY}, kProto}) {
    const rtattr* attribute = find(address.message, sizeof fixed, type);
    if (attribute == nullptr) continue;
    message.add(static_cast<uint16_t>(type), RTA_DATA(attribute), RTA_PAYLOAD(attribute));
  }
  if (auto* all = find(address.message, sizeof fixed, IFA_FLAGS); all != nullptr) {
    uint32_t flags;
    memcpy(&flags, RTA_DATA(all), sizeof flags);
    message.add(IFA_FLAGS, flags & kKept);
  }
  // `eth0:web` is a label of an address of eth0.
  std::string label = text_of(find(address.message, sizeof fixed, IFA_LABEL));
  if (label.size() > former_name.size() && label.compare(0, former_name.size(), former_name) == 0) {
    label = device.name + label.substr(former_name.size());
    if (label.size() < IFNAMSIZ) message.add(IFA_LABEL, label);
  }
  Refusal r = net.ask("RTM_NEWADDR", message);
  return r.error == EEXIST ? Refusal{} : r;
}

Refusal rename(Netlink& net, int index, const std::string& name) {
  ifinfomsg fixed = {};
  fixed.ifi_index = index;
  return net.ask("RTM_NEWLINK", Message(RTM_NEWLINK, NLM_F_ACK, fixed).add(IFLA_IFNAME, name));
}

Refusal set_up(Netlink& net, int index) {
  ifinfomsg fixed = {};
  fixed.ifi_index = index;
  fixed.ifi_flags = fixed.ifi_change = IFF_UP;
  return net.ask("RTM_NEWLINK", Message(RTM_NEWLINK, NLM_F_ACK, fixed));
}

// A network namespace, and a socket in it.
struct Namespace {
  int fd;
  Netlink net;
};

// A device before its move, which takes it down and removes its addresses.
struct Former {
  Device device;
  std::vector<Address> addresses;
  bool up() const { return (device.flags & IFF_UP) != 0; }
};

Refusal find_former(Netlink& net, const std::string& name, Former* former) {
  if (Refusal r = look_up(net, 0, name, &former->device); r.error != 0) return r;
  return addresses_of(net, former->device.index, &former->addresses);
}

// A move takes the device down, and the kernel removes its addresses; hardware address, MTU and alias stay. The device
// gets a temporary name first, because the kernel expands a template and refuses a name in use only when a device is
// renamed. `device` gets its index when it is found in `to`.
Refusal move(Namespace& from, int index, Namespace& to, const std::string& name, bool up, const Former& former,
             Device* device) {
  const std::string between = "tsubo" + std::to_string(getpid());
  ifinfomsg fixed = {};
  fixed.ifi_index = index;
  Message message(RTM_NEWLINK, NLM_F_ACK, fixed);
  message.add(IFLA_NET_NS_FD, static_cast<uint32_t>(to.fd)).add(IFLA_IFNAME, between);
  if (Refusal r = from.net.ask("RTM_NEWLINK", message); r.error != 0) return r;
  if (Refusal r = look_up(to.net, 0, between, device); r.error != 0) return r;
  if (Refusal r = rename(to.net, device->index, name); r.error != 0) return r;
  if (Refusal r = look_up(to.net, device->index, "", device); r.error != 0) return r;
  for (const Address& address : former.addresses) {
    if (Refusal r = add_address(to.net, *device, former.device.name, address); r.error != 0) return r;
  }
  return up ? set_up(to.net, device->index) : Refusal{};
}

}  // namespace

namespace function {

Outcome moveNetDevice(const Arguments& a) {
  const Value& request = a[0];
  const std::string &name = request.field("name").text(), &new_name = request.field("newName").text();
  UniqueFd own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (own.get() < 0) return refused("open", errno, "/proc/thread-self/ns/net");
  const auto namespace_in = [&](const char* field) {
    const auto fd = static_cast<int>(request.field(field).number());
    return fd < 0 ? own.get() : fd;
  };
  Namespace from = {namespace_in("from"), {}}, to = {namespace_in("to"), {}};
  for (Namespace* there : {&from, &to}) {
    if (Refusal r = there->net.open_in(there->fd, own.get(), NETLINK_ROUTE); r.error != 0)
      return refused(r.call, r.error, name);
  }
  Former former;
  if (Refusal r = find_former(from.net, name, &former); r.error != 0) return refused(r.call, r.error, name);
  Device device;
  const bool up = request.field("up").truth();
  if (Refusal r = move(from, former.device.index, to, new_name, up, former, &device); r.error != 0) {
    // Move the device back. An error here is ignored, because the first error is more important.
    Device back;
    if (device.index != 0) move(to, device.index, from, former.device.name, former.up(), former, &back);
    return refused(r.call, r.error, name);
  }
  return Value::record({{"name", Value::text(device.name)}, {"wasUp", Value::boolean(former.up())}});
}

}  // namespace function

}  // namespace tsubo::binding
