// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string.h>
#include <sys/socket.h>

#include <string>

#include "binding/interrupt.h"
#include "core/fd.h"

namespace tsubo::binding {

// Sends the text and a descriptor (SCM_RIGHTS) with one sendmsg(2), and returns its result.
inline ssize_t send_with_descriptor(int socket, const std::string& text, int fd) {
  iovec piece = {const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* sent = CMSG_FIRSTHDR(&message);
  sent->cmsg_level = SOL_SOCKET;
  sent->cmsg_type = SCM_RIGHTS;
  sent->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(sent), &fd, sizeof fd);
  return sendmsg(socket, &message, MSG_NOSIGNAL);
}

// Receives a message and the first descriptor in it with one recvmsg(2), and returns its result. `flags`, if not null,
// gets those of the received message.
inline ssize_t receive_with_descriptor(int socket, void* data, size_t size, UniqueFd* fd, int* flags = nullptr) {
  iovec piece = {data, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message = {};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n;
  do n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && call_again());
  if (n < 0) return n;
  const cmsghdr* part = CMSG_FIRSTHDR(&message);
  if (part != nullptr && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
    int received;
    memcpy(&received, CMSG_DATA(part), sizeof received);
    fd->reset(received);
  }
  if (flags != nullptr) *flags = message.msg_flags;
  return n;
}

}  // namespace tsubo::binding
