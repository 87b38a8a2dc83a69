// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string.h>
#include <sys/socket.h>

#include <string>

namespace tsubo::binding {

// One sendmsg(2) of the text with a descriptor (SCM_RIGHTS). Returns its result.
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

}  // namespace tsubo::binding
