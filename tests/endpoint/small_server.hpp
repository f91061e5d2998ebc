#pragma once
/// For tests: an HTTP server on this machine that answers as it is told, one thread a connection.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "unpact/core/text.hpp"

namespace unpact::testing_support {

struct ServerRequest {
  std::string method, path, head, body;
};

struct ServerReply {
  int status = 200;
  std::string body;
  std::string headers = {};  ///< further ones, each with its \r\n
  bool drop = false;         ///< the connection ends in the middle of the answer
};

class SmallServer {
 public:
  using Handler = std::function<ServerReply(const ServerRequest&)>;

  explicit SmallServer(Handler handler) : handler_(std::move(handler)), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    if (socket_ < 0 || ::bind(socket_, plain, size) != 0 || ::listen(socket_, 64) != 0 ||
        ::getsockname(socket_, plain, &size) != 0)
      throw std::runtime_error("no server");
    port_ = ntohs(address.sin_port);
    listener_ = std::thread([this] { listen(); });
  }

  ~SmallServer() {
    ::shutdown(socket_, SHUT_RDWR);
    listener_.join();
    ::close(socket_);
    for (auto& thread : threads_) thread.join();
  }
  SmallServer(const SmallServer&) = delete;
  SmallServer& operator=(const SmallServer&) = delete;

  std::string url() const { return concat("http://127.0.0.1:", port_); }
  int port() const { return port_; }
  std::vector<ServerRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  int most_at_once() const { return most_; }

 private:
  void listen() {
    for (;;) {
      const int connection = ::accept(socket_, nullptr, nullptr);
      if (connection < 0) return;
      threads_.emplace_back([this, connection] { serve(connection); });
    }
  }

  void serve(int connection) {
    const int now = ++at_once_;
    for (int seen = most_; seen < now && !most_.compare_exchange_weak(seen, now);) {
    }
    if (const auto request = read(connection); !request.method.empty()) {
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      const auto reply = handler_(request);
      auto text = concat("HTTP/1.1 ", reply.status,
                         " Said\r\nConnection: close\r\nContent-Length: ", reply.body.size() + (reply.drop ? 100 : 0),
                         "\r\n", reply.headers, "\r\n", reply.body);
      for (std::size_t sent = 0; sent < text.size();) {
        const auto count = ::send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
      }
    }
    --at_once_;
    ::close(connection);
  }

  static ServerRequest read(int connection) {
    std::string text;
    char bytes[4096];
    std::size_t end = std::string::npos, wanted = 0;
    while (end == std::string::npos || text.size() < end + 4 + wanted) {
      const auto count = ::recv(connection, bytes, sizeof bytes, 0);
      if (count <= 0) return {};
      text.append(bytes, static_cast<std::size_t>(count));
      end = text.find("\r\n\r\n");
      const auto at = text.find("Content-Length: ");
      if (end != std::string::npos && at != std::string::npos && at < end) wanted = std::stoul(text.substr(at + 16));
    }
    ServerRequest request;
    const auto first = text.find(' '), second = text.find(' ', first + 1);
    request.method = text.substr(0, first);
    request.path = text.substr(first + 1, second - first - 1);
    request.head = text.substr(0, end);
    request.body = text.substr(end + 4);
    return request;
  }

  Handler handler_;
  int socket_, port_ = 0;
  std::thread listener_;
  std::vector<std::thread> threads_;
  mutable std::mutex mutex_;
  std::vector<ServerRequest> requests_;
  std::atomic<int> at_once_{0}, most_{0};
};

}  // namespace unpact::testing_support
