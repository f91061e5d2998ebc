#include "http_client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <deque>
#include <map>
#include <utility>

#include "http_outcome.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/random.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/core/version.hpp"

namespace unpact {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostBytes = std::size_t{1} << 30;  // of one answer
constexpr double kLongestPause = 30;

void start_curl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) throw RuntimeFailure("libcurl cannot be used", curl_easy_strerror(code), "look at its installation");
}

struct DeleteEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct DeleteMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct DeleteList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, DeleteEasy>;
using Headers = std::unique_ptr<curl_slist, DeleteList>;

std::size_t take_bytes(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& body = *static_cast<std::string*>(into);
  if (body.size() + size * count > kMostBytes) return 0;  // ends the transfer
  body.append(bytes, size * count);
  return size * count;
}

void append(Headers& headers, const std::string& line) {
  auto* longer = curl_slist_append(headers.get(), line.c_str());
  if (longer == nullptr) throw RuntimeFailure("libcurl has no memory left", "a header could not be made", "free some");
  static_cast<void>(headers.release());
  headers.reset(longer);
}

Headers headers_of(const HttpSettings& settings) {
  Headers headers;
  append(headers, "Content-Type: application/json");
  append(headers, "Accept: application/json");
  append(headers, "Expect:");  // a server that never says 100 would cost a second
  if (!settings.key.empty()) append(headers, "Authorization: Bearer " + settings.key);
  return headers;
}

/// A request under way.
struct Transfer {
  Easy easy;
  std::string body;
  std::array<char, CURL_ERROR_SIZE> error{};
  std::size_t request = 0, attempt = 0;
};

/// One that waits: from the beginning, or for its next attempt.
struct Waiting {
  std::size_t request = 0, attempt = 0;
  Clock::time_point not_before{};
};

}  // namespace

struct HttpClient::Handles {
  std::unique_ptr<CURLM, DeleteMulti> multi{curl_multi_init()};
  Headers headers;
};

/// The requests of one call.
class HttpClient::Flight {
 public:
  Flight(HttpClient& client, const std::vector<HttpRequest>& requests, const OnReply& on_reply)
      : client_(client), requests_(requests), on_reply_(on_reply) {
    for (std::size_t i = 0; i < requests.size(); ++i) waiting_.push_back({i, 0, {}});
  }
  ~Flight() {
    for (auto& [easy, transfer] : running_) curl_multi_remove_handle(multi(), easy);
  }
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;

  void run() {
    while (!waiting_.empty() || !running_.empty()) {
      start_what_may();
      int still_running = 0;
      curl_multi_perform(multi(), &still_running);
      const bool any = take_finished();
      if (!any) curl_multi_poll(multi(), nullptr, 0, milliseconds_to_wait(), nullptr);
    }
  }

 private:
  CURLM* multi() const { return client_.handles_->multi.get(); }

  void start_what_may() {
    const auto now = Clock::now();
    for (auto it = waiting_.begin(); it != waiting_.end() && running_.size() < client_.settings_.together;) {
      if (it->not_before > now) {
        ++it;
        continue;
      }
      if (it->attempt > 0) leave_where_stop_is_wanted("asking the endpoint");
      start(*it);
      it = waiting_.erase(it);
    }
  }

  void start(const Waiting& next) {
    auto transfer = std::make_unique<Transfer>();
    transfer->easy.reset(curl_easy_init());
    transfer->request = next.request;
    transfer->attempt = next.attempt;
    if (!transfer->easy) throw RuntimeFailure("libcurl has no memory left", "no request could be made", "free some");
    set_options(*transfer);
    auto* const easy = transfer->easy.get();
    running_.emplace(easy, std::move(transfer));
    curl_multi_add_handle(multi(), easy);
    ++client_.attempts_;
  }

  void set_options(Transfer& transfer) {
    const auto& settings = client_.settings_;
    const auto& request = requests_[transfer.request];
    auto* const easy = transfer.easy.get();
    static const std::string agent = concat("unpact/", version());
    curl_easy_setopt(easy, CURLOPT_URL, (settings.base + request.path).c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client_.handles_->headers.get());
    curl_easy_setopt(easy, CURLOPT_USERAGENT, agent.c_str());
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);  // a key goes to nobody else
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(1000 * settings.timeout));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(1000 * std::min(30.0, settings.timeout)));
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error.data());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &take_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer.body);
    if (!settings.certificates.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, settings.certificates.c_str());
    if (request.body.empty()) return;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());  // not copied: the requests outlive this
  }

  bool take_finished() {
    bool any = false;
    int left = 0;
    while (const auto* message = curl_multi_info_read(multi(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      auto* const easy = message->easy_handle;
      const auto code = message->data.result;
      curl_multi_remove_handle(multi(), easy);
      auto found = running_.extract(easy);
      finish(*found.mapped(), code);
      any = true;
    }
    return any;
  }

  void finish(Transfer& transfer, CURLcode code) {
    auto outcome = outcome_of(transfer, code);
    if (outcome.is_good()) return on_reply_(transfer.request, transfer.body);
    const auto& path = requests_[transfer.request].path;
    if (!outcome.is_passing() || transfer.attempt >= client_.settings_.retries)
      throw_outcome(client_.settings_, path, outcome, transfer.attempt + 1);
    const auto pause = pause_before(transfer, outcome);
    const auto text = concat("endpoint ", client_.settings_.base, path, ": ", outcome.reason(), ", once more in ",
                             std::round(10 * pause) / 10, " s");
    if (transfer.attempt == 2) log::warn(text);  // before, it may be chance
    else log::detail(text);
    waiting_.push_back({transfer.request, transfer.attempt + 1,
                        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(pause))});
  }

  HttpOutcome outcome_of(Transfer& transfer, CURLcode code) const {
    HttpOutcome outcome;
    outcome.body = std::move(transfer.body);
    if (code == CURLE_OK) {
      curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &outcome.status);
      curl_off_t seconds = 0;
      curl_easy_getinfo(transfer.easy.get(), CURLINFO_RETRY_AFTER, &seconds);
      outcome.retry_after = static_cast<double>(seconds);
      if (outcome.is_good()) std::swap(outcome.body, transfer.body);
      return outcome;
    }
    outcome.failure = transfer.error[0] != '\0' ? transfer.error.data() : curl_easy_strerror(code);
    outcome.cannot_pass = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
                          code == CURLE_SSL_CONNECT_ERROR || code == CURLE_URL_MALFORMAT ||
                          code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WRITE_ERROR;
    return outcome;
  }

  /// Requests that failed together do not come back together.
  double pause_before(const Transfer& transfer, const HttpOutcome& outcome) const {
    const auto longest = client_.settings_.first_pause * std::pow(2.0, static_cast<double>(transfer.attempt));
    const auto chance = random_uniform(transfer.request, stream_of("http"), transfer.attempt);
    return std::max(std::min(kLongestPause, longest) * (0.75 + 0.5 * chance),
                    std::min(2 * kLongestPause, outcome.retry_after));
  }

  int milliseconds_to_wait() const {
    constexpr int most = 1000;
    if (running_.size() >= client_.settings_.together) return most;
    auto wait = std::chrono::milliseconds(most);
    for (const auto& next : waiting_)
      wait = std::min(wait, std::chrono::duration_cast<std::chrono::milliseconds>(next.not_before - Clock::now()));
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(1, wait.count()));
  }

  HttpClient& client_;
  const std::vector<HttpRequest>& requests_;
  const OnReply& on_reply_;
  std::deque<Waiting> waiting_;
  std::map<CURL*, std::unique_ptr<Transfer>> running_;
};

HttpClient::HttpClient(HttpSettings settings) : settings_(std::move(settings)) {
  UNPACT_EXPECT(settings_.together > 0 && settings_.timeout > 0);
  start_curl();
  handles_ = std::make_unique<Handles>();
  if (!handles_->multi) throw RuntimeFailure("libcurl has no memory left", "no handle could be made", "free some");
  curl_multi_setopt(handles_->multi.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(settings_.together));
  handles_->headers = headers_of(settings_);
}

HttpClient::~HttpClient() = default;

void HttpClient::run(const std::vector<HttpRequest>& requests, const OnReply& on_reply) {
  Flight(*this, requests, on_reply).run();
}

std::string HttpClient::run(const HttpRequest& request) {
  std::string reply;
  run({request}, [&](std::size_t, const std::string& body) { reply = body; });
  return reply;
}

}  // namespace unpact
