// SPDX-License-Identifier: Apache-2.0
//
// The program of bundle-fixtures/good/web: a small web server.
//
//   web DIRECTORY [PORT]    GET and HEAD read the files of DIRECTORY, PUT writes them; PORT is 80 by default
//
// It serves one request after the other, each on a connection of its own, and prints a line for each.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace {

constexpr size_t kMostHeader = 16 << 10;
constexpr size_t kMostBody = 1 << 20;
// A client that sends nothing must not delay the others for longer.
constexpr timeval kTimeLimit = {5, 0};

struct Answer {
  int status;
  std::string body;
  const char* type = "text/plain; charset=utf-8";
};

const char* reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    default:
      return "Internal Server Error";
  }
}

Answer failure(int status) { return {status, std::string(reason_phrase(status)) + "\n"}; }
Answer failure_of_file() {
  return failure(errno == ENOENT || errno == ENOTDIR ? 404 : errno == EACCES || errno == EROFS ? 403 : 500);
}

bool ends_with(const std::string& text, const char* end) {
  const size_t size = strlen(end);
  return text.size() >= size && text.compare(text.size() - size, size, end) == 0;
}

bool send_all(int to, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    ssize_t n = send(to, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

Answer read_file(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failure_of_file();
  struct stat at;
  if (fstat(fd, &at) < 0 || !S_ISREG(at.st_mode)) {
    close(fd);
    return failure(404);
  }
  Answer answer = {200, ""};
  if (ends_with(path, ".html")) answer.type = "text/html; charset=utf-8";
  char piece[16 << 10];
  ssize_t n;
  while ((n = read(fd, piece, sizeof piece)) > 0) answer.body.append(piece, static_cast<size_t>(n));
  close(fd);
  return n < 0 ? failure(500) : answer;
}

Answer write_file(const std::string& path, const std::string& body) {
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return failure_of_file();
  bool whole = write(fd, body.data(), body.size()) == static_cast<ssize_t>(body.size());
  whole = close(fd) == 0 && whole;
  return whole ? Answer{201, "written\n"} : failure(500);
}

struct Request {
  std::string method, target, body;
  int problem = 0;  // the status of the answer, if there is one
};

Request receive(int from) {
  Request request;
  std::string text;
  size_t head;
  char piece[4096];
  auto more = [&] {
    ssize_t n;
    do n = recv(from, piece, sizeof piece, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) text.append(piece, static_cast<size_t>(n));
    return n > 0;
  };
  while ((head = text.find("\r\n\r\n")) == std::string::npos) {
    if (text.size() > kMostHeader || !more()) {
      request.problem = 400;
      return request;
    }
  }
  const std::string line = text.substr(0, text.find("\r\n"));
  const size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string::npos || first == last || line.compare(last, 6, " HTTP/") != 0) {
    request.problem = 400;
    return request;
  }
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, last - first - 1);
  size_t length = 0;
  for (size_t at = text.find("\r\n"); at < head; at = text.find("\r\n", at + 2)) {
    constexpr char kLength[] = "\r\ncontent-length:";
    if (strncasecmp(text.c_str() + at, kLength, sizeof kLength - 1) == 0)
      length = strtoul(text.c_str() + at + sizeof kLength - 1, nullptr, 10);
  }
  if (length > kMostBody) {
    request.problem = 413;
    return request;
  }
  while (text.size() < head + 4 + length) {
    if (!more()) {
      request.problem = 400;
      return request;
    }
  }
  request.body = text.substr(head + 4, length);
  return request;
}

Answer answer(const std::string& directory, const Request& request) {
  if (request.problem != 0) return failure(request.problem);
  std::string target = request.target.substr(0, request.target.find('?'));
  if (target.empty() || target[0] != '/' || (target + "/").find("/../") != std::string::npos) return failure(400);
  if (ends_with(target, "/")) target += "index.html";
  const std::string path = directory + target;
  if (request.method == "GET" || request.method == "HEAD") return read_file(path);
  if (request.method == "PUT") return write_file(path, request.body);
  return failure(405);
}

void serve(int client, const std::string& directory) {
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &kTimeLimit, sizeof kTimeLimit);
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &kTimeLimit, sizeof kTimeLimit);
  const Request request = receive(client);
  const Answer given = answer(directory, request);
  std::string text = "HTTP/1.1 " + std::to_string(given.status) + " " + reason_phrase(given.status) +
                     "\r\nServer: tsubo-web\r\nConnection: close\r\nContent-Type: " + given.type +
                     "\r\nContent-Length: " + std::to_string(given.body.size()) + "\r\n\r\n";
  if (request.method != "HEAD") text += given.body;
  send_all(client, text);
  printf("%s %s %d\n", request.method.empty() ? "-" : request.method.c_str(),
         request.target.empty() ? "-" : request.target.c_str(), given.status);
}

// Listens on IPv6, which also accepts IPv4, or on IPv4 alone if the kernel has no IPv6.
int listen_on(uint16_t port) {
  const int on = 1, off = 0;
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 six = {};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  sockaddr_in four = {};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  const bool both = fd >= 0;
  if (!both) fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (both) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  const auto* address = both ? reinterpret_cast<sockaddr*>(&six) : reinterpret_cast<sockaddr*>(&four);
  if (bind(fd, address, both ? sizeof six : sizeof four) < 0) return -1;
  return listen(fd, 128) < 0 ? -1 : fd;
}

void exit_on_signal(int) { _exit(0); }

}  // namespace

int main(int count, char** arguments) {
  const unsigned long port = count > 2 ? strtoul(arguments[2], nullptr, 10) : 80;
  if (count < 2 || count > 3 || port == 0 || port > 65'535) {
    fputs("usage: web DIRECTORY [PORT]\n", stderr);
    return 2;
  }
  // The first process of a container exits on a signal only if it handles it.
  signal(SIGTERM, exit_on_signal);
  signal(SIGINT, exit_on_signal);
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const int listener = listen_on(static_cast<uint16_t>(port));
  if (listener < 0) {
    fprintf(stderr, "web: port %lu: %s\n", port, strerror(errno));
    return 1;
  }
  printf("web: %s on port %lu\n", arguments[1], port);
  while (true) {
    const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    serve(client, arguments[1]);
    close(client);
  }
}
