#include "unpact/endpoint/endpoint_model.hpp"

#include <algorithm>
#include <functional>
#include <span>
#include <utility>

#include "endpoint_connection.hpp"
#include "protocol.hpp"
#include "reply.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Sequences that are worth a request of their own: fewer would leave the server's passes small.
constexpr std::size_t kFewestScored = 16, kFewestAnswered = 4;

/// Consecutive items of a request.
struct Batch {
  std::size_t first = 0, last = 0;
};

class EndpointModel : public RemoteModel {
 public:
  EndpointModel(const EndpointAddress& address, const EndpointOptions& options, const EndpointFacts& facts,
                std::vector<TokenId> stops, std::size_t together, std::shared_ptr<const Tokenizer> tokenizer)
      : url_(address.url), name_(facts.name), root_(facts.root), options_(options), row_(protocol_of(address.kind)),
        tokenizer_(std::move(tokenizer)), protocol_(row_.make(tokenizer_.get())), stops_(std::move(stops)),
        client_(http_settings(address, options, together)) {}

  std::vector<IdScores> score(const std::vector<ScoredIds>& sequences) const override {
    for (const auto& sequence : sequences) UNPACT_EXPECT(sequence.scored > 0 && sequence.scored < sequence.ids.size());
    const std::span<const ScoredIds> all(sequences);
    std::vector<IdScores> scores(sequences.size());
    const auto length = [&](std::size_t i) { return sequences[i].ids.size(); };
    run(
        cut(sequences.size(), kFewestScored, length),
        [&](const Batch& b) { return protocol_->score(name_, all.subspan(b.first, b.last - b.first)); },
        [&](const Batch& b, const Json& reply) {
          auto found = protocol_->read_scores(reply, all.subspan(b.first, b.last - b.first));
          std::move(found.begin(), found.end(), scores.begin() + static_cast<std::ptrdiff_t>(b.first));
        });
    return scores;
  }

  std::vector<std::vector<TokenId>> answer(const std::vector<RemotePrompt>& prompts,
                                           const RemoteSampling& sampling) const override {
    const std::span<const RemotePrompt> all(prompts);
    std::vector<std::vector<TokenId>> answers(prompts.size());
    const auto length = [&](std::size_t i) {
      return prompts[i].ids.size() + static_cast<std::size_t>(sampling.max_new_tokens);
    };
    std::vector<Batch> batches;
    if (sampling.sample)  // a request has one seed
      for (std::size_t i = 0; i < prompts.size(); ++i) batches.push_back({i, i + 1});
    else batches = cut(prompts.size(), kFewestAnswered, length);
    run(
        batches,
        [&](const Batch& b) { return protocol_->answer(name_, all.subspan(b.first, b.last - b.first), sampling, stops_); },
        [&](const Batch& b, const Json& reply) {
          auto found = protocol_->read_answers(reply, b.last - b.first);
          std::move(found.begin(), found.end(), answers.begin() + static_cast<std::ptrdiff_t>(b.first));
        });
    return answers;
  }

  std::string name() const override { return concat(name_, " at ", url_); }
  bool takes_text_only() const override { return row_.takes_text_only; }
  std::string identity() const override {
    return sha256_of_bytes(concat("unpact endpoint\n", name_of_value(row_.kind), "\n", name_, "\n", root_));
  }

 private:
  /// Enough requests to keep all under way, none smaller than `fewest` without need, none larger than the options say.
  std::vector<Batch> cut(std::size_t count, std::size_t fewest,
                         const std::function<std::size_t(std::size_t)>& length) const {
    const auto largest = std::min(static_cast<std::size_t>(options_.batch), row_.most_sequences);
    const auto together = client_.settings().together;
    const auto most = std::min(largest, std::max(fewest, (count + together - 1) / together));
    const auto most_ids = static_cast<std::size_t>(options_.batch_tokens);
    std::vector<Batch> batches;
    std::size_t ids = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (batches.empty() || i - batches.back().first == most || ids + length(i) > most_ids) {
        batches.push_back({i, i});
        ids = 0;
      }
      batches.back().last = i + 1;
      ids += length(i);
    }
    return batches;
  }

  template <class Make, class Read>
  void run(const std::vector<Batch>& batches, const Make& make, const Read& read) const {
    std::vector<HttpRequest> requests;
    for (const auto& batch : batches) requests.push_back(make(batch));
    client_.run(requests, [&](std::size_t i, const std::string& body) {
      try {
        read(batches[i], reply::parse(body, client_.settings().base + requests[i].path));
      } catch (const UserError& error) {
        throw UserError(concat(name(), ": ", error.problem()), error.reason(), error.hint());
      }
    });
  }

  std::string url_, name_, root_;
  EndpointOptions options_;
  const ProtocolRow& row_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<const Protocol> protocol_;
  std::vector<TokenId> stops_;
  mutable HttpClient client_;  // its connections are no part of what the model is
};

}  // namespace

std::shared_ptr<const RemoteModel> open_endpoint(const EndpointAddress& address, const EndpointOptions& options,
                                                 const EndpointFacts& facts, std::vector<TokenId> stops,
                                                 std::size_t together, std::shared_ptr<const Tokenizer> tokenizer) {
  return std::make_shared<EndpointModel>(address, options, facts, std::move(stops), together, std::move(tokenizer));
}

std::size_t requests_of_rank(std::int64_t all, int rank, int ranks) {
  const auto share = all / ranks + (rank < all % ranks ? 1 : 0);
  return static_cast<std::size_t>(std::max<std::int64_t>(1, share));
}

}  // namespace unpact
