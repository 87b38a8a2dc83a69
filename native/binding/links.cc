// SPDX-License-Identifier: Apache-2.0
//
// The host's side of the networks of containers: bridges, veth pairs, and the links, addresses and routes in use.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "binding/netlink.h"
#include "binding/table.h"

namespace tsubo::binding {

namespace {

struct Link {
  int index = 0;
  uint32_t mtu = 0;
  int master = 0;
  bool up = false;
  std::string name, kind;
};

Link link_of(const std::string& answer) {
  ifinfomsg fixed = {};
  memcpy(&fixed, answer.data() + NLMSG_HDRLEN, sizeof fixed);
  Link link;
  link.index = fixed.ifi_index;
  link.up = (fixed.ifi_flags & IFF_UP) != 0;
  link.name = text_of(find(answer, sizeof fixed, IFLA_IFNAME));
  if (auto* mtu = find(answer, sizeof fixed, IFLA_MTU); mtu != nullptr) memcpy(&link.mtu, RTA_DATA(mtu), 4);
  if (auto* master = find(answer, sizeof fixed, IFLA_MASTER); master != nullptr) {
    memcpy(&link.master, RTA_DATA(master), 4);
  }
  if (auto* info = find(answer, sizeof fixed, IFLA_LINKINFO); info != nullptr) {
    Attributes attributes(RTA_DATA(info), RTA_PAYLOAD(info));
    while (const rtattr* inner = attributes.next()) {
      if (inner->rta_type == IFLA_INFO_KIND) link.kind = text_of(inner);
    }
  }
  return link;
}

bool whole(const std::string& answer, size_t fixed) { return answer.size() >= NLMSG_LENGTH(fixed); }

Value value_of(const Link& link) {
  return Value::record({{"index", Value::number(link.index)},
                        {"name", Value::text(link.name)},
                        {"kind", Value::text(link.kind)},
                        {"mtu", Value::number(link.mtu)},
                        {"master", Value::number(link.master)},
                        {"up", Value::boolean(link.up)}});
}

Refusal look_up(Netlink& net, const std::string& name, Link* link) {
  ifinfomsg fixed = {};
  std::vector<std::string> answers;
  Message request(RTM_GETLINK, 0, fixed);
  request.add(IFLA_IFNAME, name);
  if (Refusal r = net.ask("RTM_GETLINK", request, &answers); r.error != 0) return r;
  if (answers.empty() || !whole(answers[0], sizeof fixed)) return {"RTM_GETLINK", EBADMSG};
  *link = link_of(answers[0]);
  return {};
}

// An address in binary form; `family` is 0 if the text is not one.
struct Address {
  uint8_t family = 0;
  uint8_t size = 0;
  uint8_t bytes[16] = {};
};

Address parsed(const std::string& text) {
  Address address;
  if (inet_pton(AF_INET, text.c_str(), address.bytes) == 1) {
    address.family = AF_INET;
    address.size = 4;
  } else if (inet_pton(AF_INET6, text.c_str(), address.bytes) == 1) {
    address.family = AF_INET6;
    address.size = 16;
  }
  return address;
}

std::string text_of(int family, const rtattr* attribute) {
  char text[INET6_ADDRSTRLEN] = "";
  const size_t size = family == AF_INET ? 4 : 16;
  if (attribute == nullptr || RTA_PAYLOAD(attribute) < size) return family == AF_INET ? "0.0.0.0" : "::";
  inet_ntop(family, RTA_DATA(attribute), text, sizeof text);
  return text;
}

uint32_t number_of(const rtattr* attribute) {
  uint32_t number = 0;
  if (attribute != nullptr && RTA_PAYLOAD(attribute) >= sizeof number) memcpy(&number, RTA_DATA(attribute), 4);
  return number;
}

Refusal routes_of(Netlink& net, std::vector<Value>* found) {
  rtmsg fixed = {};
  std::vector<std::string> answers;
  if (Refusal r = net.ask("RTM_GETROUTE", Message(RTM_GETROUTE, NLM_F_DUMP, fixed), &answers); r.error != 0) return r;
  for (const std::string& answer : answers) {
    if (!whole(answer, sizeof fixed)) continue;
    memcpy(&fixed, answer.data() + NLMSG_HDRLEN, sizeof fixed);
    if (fixed.rtm_type != RTN_UNICAST || (fixed.rtm_family != AF_INET && fixed.rtm_family != AF_INET6)) continue;
    found->push_back(
        Value::record({{"destination", Value::text(text_of(fixed.rtm_family, find(answer, sizeof fixed, RTA_DST)))},
                       {"prefix", Value::number(fixed.rtm_dst_len)},
                       {"link", Value::number(number_of(find(answer, sizeof fixed, RTA_OIF)))},
                       {"metric", Value::number(number_of(find(answer, sizeof fixed, RTA_PRIORITY)))}}));
  }
  return {};
}

Refusal addresses_of(Netlink& net, std::vector<Value>* found) {
  ifaddrmsg fixed = {};
  std::vector<std::string> answers;
  if (Refusal r = net.ask("RTM_GETADDR", Message(RTM_GETADDR, NLM_F_DUMP, fixed), &answers); r.error != 0) return r;
  for (const std::string& answer : answers) {
    if (!whole(answer, sizeof fixed)) continue;
    memcpy(&fixed, answer.data() + NLMSG_HDRLEN, sizeof fixed);
    if (fixed.ifa_family != AF_INET && fixed.ifa_family != AF_INET6) continue;
    // IFA_LOCAL is the local address of a point-to-point link; IPv6 has only IFA_ADDRESS.
    const rtattr* local = find(answer, sizeof fixed, IFA_LOCAL);
    if (local == nullptr) local = find(answer, sizeof fixed, IFA_ADDRESS);
    found->push_back(Value::record({{"address", Value::text(text_of(fixed.ifa_family, local))},
                                    {"prefix", Value::number(fixed.ifa_prefixlen)},
                                    {"link", Value::number(fixed.ifa_index)}}));
  }
  return {};
}

Refusal links_of(Netlink& net, std::vector<Value>* found) {
  ifinfomsg fixed = {};
  std::vector<std::string> answers;
  if (Refusal r = net.ask("RTM_GETLINK", Message(RTM_GETLINK, NLM_F_DUMP, fixed), &answers); r.error != 0) return r;
  for (const std::string& answer : answers) {
    if (whole(answer, sizeof fixed)) found->push_back(value_of(link_of(answer)));
  }
  return {};
}

Message address_message(int index, const Address& address, int64_t prefix) {
  ifaddrmsg fixed = {};
  fixed.ifa_family = address.family;
  fixed.ifa_prefixlen = static_cast<uint8_t>(prefix);
  fixed.ifa_index = static_cast<uint32_t>(index);
  Message message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, fixed);
  message.add(IFA_LOCAL, address.bytes, address.size).add(IFA_ADDRESS, address.bytes, address.size);
  // Skip duplicate address detection, during which the address would be unusable for a second.
  if (address.family == AF_INET6) message.add(IFA_FLAGS, uint32_t{IFA_F_NODAD});
  return message;
}

// Hardware address of a request: 6 bytes, or none.
void add_mac(Message* message, const Value& request, const char* field) {
  const Value& mac = request.field(field);
  if (mac.kind() == Value::Kind::bytes && mac.size() == 6) message->add(IFLA_ADDRESS, mac.data(), 6);
}

Message remove_message(const std::string& name) {
  ifinfomsg fixed = {};
  return Message(RTM_DELLINK, NLM_F_ACK, fixed).add(IFLA_IFNAME, name);
}

// Options of a port of a bridge; the kernel accepts them only for a device that is already in the bridge.
Message port_message(const std::string& name, bool hairpin, bool isolated) {
  ifinfomsg fixed = {};
  Message message(RTM_NEWLINK, NLM_F_ACK, fixed);
  message.add(IFLA_IFNAME, name);
  const size_t info = message.open(IFLA_LINKINFO);
  message.add(IFLA_INFO_SLAVE_KIND, std::string("bridge"));
  const size_t data = message.open(IFLA_INFO_SLAVE_DATA);
  const uint8_t on = 1;
  if (hairpin) message.add(IFLA_BRPORT_MODE, &on, sizeof on);
  if (isolated) message.add(IFLA_BRPORT_ISOLATED, &on, sizeof on);
  message.close(data);
  message.close(info);
  return message;
}

// A pair whose peer is created in the network namespace of the process `pid`. The peer is down, because the kernel
// refuses to set it up before the pair is linked (ENOTCONN).
Message veth_message(const Value& request, const std::string& name, const Link& bridge) {
  ifinfomsg fixed = {};
  fixed.ifi_flags = fixed.ifi_change = IFF_UP;
  Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, fixed);
  message.add(IFLA_IFNAME, name).add(IFLA_MTU, bridge.mtu).add(IFLA_MASTER, static_cast<uint32_t>(bridge.index));
  const size_t info = message.open(IFLA_LINKINFO);
  message.add(IFLA_INFO_KIND, std::string("veth"));
  const size_t data = message.open(IFLA_INFO_DATA);
  ifinfomsg peer = {};
  const size_t inner = message.open(VETH_INFO_PEER, peer);
  message.add(IFLA_IFNAME, request.field("peer").text()).add(IFLA_MTU, bridge.mtu);
  add_mac(&message, request, "mac");
  message.add(IFLA_NET_NS_PID, static_cast<uint32_t>(request.field("pid").number()));
  message.close(inner);
  message.close(data);
  message.close(info);
  return message;
}

Refusal write_zero(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  // Without IPv6 in the kernel or on the host there is nothing to switch off.
  if (file.get() < 0) return errno == ENOENT ? Refusal{} : Refusal{"open", errno};
  return write(file.get(), "0", 1) < 0 ? Refusal{"write", errno} : Refusal{};
}

// Switches off duplicate address detection and router solicitation on an interface that is still down, because the
// bridge floods their packets to all its ports: the work of a create would grow with the number of containers. The
// runtime assigns addresses and routes itself, and another container must not change the routes with an advertisement.
Refusal make_quiet(pid_t pid, const std::string& interface) {
  UniqueFd own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  UniqueFd other(::open(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
  if (own.get() < 0 || other.get() < 0) return {"open", errno};
  if (setns(other.get(), CLONE_NEWNET) < 0) return {"setns", errno};
  const std::string directory = "/proc/sys/net/ipv6/conf/" + interface;
  Refusal r = write_zero(directory + "/accept_dad");
  if (r.error == 0) r = write_zero(directory + "/accept_ra");
  // The thread must not continue in a foreign namespace.
  if (setns(own.get(), CLONE_NEWNET) < 0) abort();
  return r;
}

Refusal open_routes(Netlink* net) { return net->open(NETLINK_ROUTE); }

}  // namespace

namespace function {

Outcome networkFacts(const Arguments&) {
  Netlink net;
  std::vector<Value> links, addresses, routes;
  Refusal r = open_routes(&net);
  if (r.error == 0) r = links_of(net, &links);
  if (r.error == 0) r = addresses_of(net, &addresses);
  if (r.error == 0) r = routes_of(net, &routes);
  if (r.error != 0) return refused(r.call, r.error);
  return Value::record({{"links", Value::list(std::move(links))},
                        {"addresses", Value::list(std::move(addresses))},
                        {"routes", Value::list(std::move(routes))}});
}

Outcome findLink(const Arguments& a) {
  Netlink net;
  Link link;
  Refusal r = open_routes(&net);
  if (r.error == 0) r = look_up(net, a[0].text(), &link);
  if (r.error == ENODEV) return {};
  if (r.error != 0) return refused(r.call, r.error, a[0].text());
  return value_of(link);
}

Outcome makeBridge(const Arguments& a) {
  const Value& request = a[0];
  const std::string& name = request.field("name").text();
  Netlink net;
  if (Refusal r = open_routes(&net); r.error != 0) return refused(r.call, r.error, name);
  ifinfomsg fixed = {};
  Message made(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, fixed);
  made.add(IFLA_IFNAME, name).add(IFLA_MTU, static_cast<uint32_t>(request.field("mtu").number()));
  // Without a hardware address of its own, the bridge would use that of a port, and change it with its ports.
  add_mac(&made, request, "mac");
  const size_t info = made.open(IFLA_LINKINFO);
  made.add(IFLA_INFO_KIND, std::string("bridge"));
  made.close(info);
  if (Refusal r = net.ask("RTM_NEWLINK", made); r.error != 0) return refused(r.call, r.error, name);
  Link link;
  Refusal r = look_up(net, name, &link);
  for (const Value& entry : request.field("addresses").items()) {
    if (r.error != 0) break;
    const Address address = parsed(entry.field("address").text());
    r = net.ask("RTM_NEWADDR", address_message(link.index, address, entry.field("prefix").number()));
  }
  if (r.error == 0) {
    fixed.ifi_index = link.index;
    fixed.ifi_flags = fixed.ifi_change = IFF_UP;
    r = net.ask("RTM_NEWLINK", Message(RTM_NEWLINK, NLM_F_ACK, fixed));
  }
  if (r.error == 0) return {};
  // Return the first error, because it is the cause. If the bridge cannot be removed, the next caller finds it.
  net.ask("RTM_DELLINK", remove_message(name));
  return refused(r.call, r.error, name);
}

Outcome removeLink(const Arguments& a) {
  Netlink net;
  Refusal r = open_routes(&net);
  if (r.error == 0) r = net.ask("RTM_DELLINK", remove_message(a[0].text()));
  return r.error == 0 ? Outcome() : refused(r.call, r.error, a[0].text());
}

Outcome enslave(const Arguments& a) {
  Netlink net;
  Link bridge;
  Refusal r = open_routes(&net);
  if (r.error == 0) r = look_up(net, a[1].text(), &bridge);
  if (r.error == 0) {
    ifinfomsg fixed = {};
    Message message(RTM_NEWLINK, NLM_F_ACK, fixed);
    message.add(IFLA_IFNAME, a[0].text()).add(IFLA_MASTER, static_cast<uint32_t>(bridge.index));
    std::vector<Message> messages = {message};
    const bool hairpin = a[2].truth(), isolated = a[3].truth();
    if (hairpin || isolated) messages.push_back(port_message(a[0].text(), hairpin, isolated));
    r = net.ask_in_order("RTM_NEWLINK", messages);
  }
  return r.error == 0 ? Outcome() : refused(r.call, r.error, a[0].text());
}

Outcome makeVeth(const Arguments& a) {
  const Value& request = a[0];
  const std::string& bridge_name = request.field("bridge").text();
  Netlink net;
  Link bridge;
  if (Refusal r = open_routes(&net); r.error != 0) return refused(r.call, r.error, bridge_name);
  const auto look_up_bridge = [&]() -> Refusal {
    if (Refusal r = look_up(net, bridge_name, &bridge); r.error != 0) return r;
    return bridge.kind == "bridge" ? Refusal{} : Refusal{"RTM_GETLINK", EMEDIUMTYPE};
  };
  bool known = false;
  if (const Value& found = request.field("known"); !found.is_undefined()) {
    bridge.index = static_cast<int>(found.field("index").number());
    bridge.mtu = static_cast<uint32_t>(found.field("mtu").number());
    known = true;
  } else if (Refusal r = look_up_bridge(); r.error != 0) {
    return refused(r.call, r.error, bridge_name);
  }
  // The pair of an earlier process with the same pid may not have been removed yet.
  const std::string base = request.field("name").text();
  const bool hairpin = request.field("hairpin").truth(), isolated = request.field("isolated").truth();
  for (char suffix = 'a';; suffix++) {
    const std::string name = suffix == 'a' ? base : base + suffix;
    std::vector<Message> messages = {veth_message(request, name, bridge)};
    // After the pair exists: with a taken name this message would change the device of another container.
    if (hairpin || isolated) messages.push_back(port_message(name, hairpin, isolated));
    Refusal r = net.ask_in_order("RTM_NEWLINK", messages);
    if (r.error == 0) {
      const std::string& interface = request.field("peer").text();
      r = make_quiet(static_cast<pid_t>(request.field("pid").number()), interface);
      return r.error == 0 ? Value::text(name) : refused(r.call, r.error, interface);
    }
    // The bridge may be another one than before: look it up again and retry once.
    if (known && r.error != EEXIST) {
      known = false;
      if (Refusal gone = look_up_bridge(); gone.error != 0) return refused(gone.call, gone.error, bridge_name);
      suffix--;
      continue;
    }
    Link other;
    const bool taken = r.error == EEXIST && suffix < 'z' && look_up(net, name, &other).error == 0;
    if (!taken) return refused(r.call, r.error, bridge_name);
  }
}

}  // namespace function

}  // namespace tsubo::binding
