#pragma once
/// Several HTTP requests at once, with time limits and further attempts (libcurl).
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace unpact {

struct HttpSettings {
  std::string base;          ///< http(s)://host:port[/path], without a / at its end
  std::string key;           ///< sent as a bearer token; never logged, nor part of a message
  std::string certificates;  ///< PEM file; empty: the system's
  double timeout = 300;      ///< seconds of one attempt
  std::size_t retries = 6;   ///< further attempts after 408, 425, 429, 5xx, a lost connection or a time limit
  double first_pause =
      0.5;  ///< seconds before the first further attempt; doubled each time, at most 30, and what Retry-After says
  std::size_t together = 8;  ///< requests under way
};

struct HttpRequest {
  std::string path;  ///< behind the base
  std::string body;  ///< JSON to POST; empty: GET
};

/// Keeps its connections from call to call. One thread.
class HttpClient {
 public:
  explicit HttpClient(HttpSettings settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// The body of each request's answer (status 200), in the order in which they come; the others go on meanwhile.
  using OnReply = std::function<void(std::size_t request, const std::string& body)>;
  /// @throws RuntimeFailure where attempts are used up; UserError for any other status, with what the server says of it;
  /// StoppedAtCheckpoint when asked to stop before a further attempt; what on_reply throws. Requests under way are then
  /// given up.
  void run(const std::vector<HttpRequest>& requests, const OnReply& on_reply);
  /// One of them.
  std::string run(const HttpRequest& request);

  const HttpSettings& settings() const { return settings_; }
  std::size_t attempts() const { return attempts_; }  ///< so far

 private:
  class Flight;
  struct Handles;
  HttpSettings settings_;
  std::unique_ptr<Handles> handles_;
  std::size_t attempts_ = 0;
};

}  // namespace unpact
