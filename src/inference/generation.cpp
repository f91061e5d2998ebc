#include "unpact/inference/generation.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

void check_options(const GenerationOptions& options) {
  UNPACT_VALIDATE(options.max_new_tokens > 0, "generation.max_new_tokens must be positive",
                  concat("it is ", options.max_new_tokens), "ask for at least one token");
  UNPACT_VALIDATE(options.temperature > 0, "generation.temperature must be positive", concat("it is ", options.temperature),
                  "use 1, or greedy answers");
  UNPACT_VALIDATE(options.top_p > 0 && options.top_p <= 1, "generation.top_p must lie in (0, 1]",
                  concat("it is ", options.top_p), "use 1 for the whole vocabulary");
}

/// One batch of sequences that grow together until each has met a stop token or its length limit.
class BatchGenerator {
 public:
  BatchGenerator(const Transformer& model, const std::vector<GenerationRequest>& requests,
                 const std::vector<std::size_t>& batch, const GenerationOptions& options)
      : model_(model), requests_(requests), batch_(batch), options_(options), output_(batch.size()), done_(batch.size(), 0) {
  }

  std::vector<std::vector<TokenId>> run() {
    std::vector<std::vector<TokenId>> prompts;
    std::vector<std::int64_t> lengths, last_rows;
    const auto longest = static_cast<std::int64_t>(requests_[batch_.front()].prompt.size());
    for (const auto i : batch_) {
      last_rows.push_back(static_cast<std::int64_t>(prompts.size()) * longest +
                          static_cast<std::int64_t>(requests_[i].prompt.size()) - 1);
      lengths.push_back(static_cast<std::int64_t>(requests_[i].prompt.size()));
      prompts.push_back(requests_[i].prompt);
    }
    const auto device = model_.device();
    const auto tokens_BS = pad_right(prompts, device);
    RecordingContext recording;
    const auto hidden_BSD = model_.hidden(tokens_BS, at::arange(tokens_BS.size(1), tokens_BS.options()), recording);
    GenerationCache cache(recording.layers(), to_tensor(lengths, device), longest + options_.max_new_tokens);
    auto next = choose(model_.logits(hidden_BSD.flatten(0, 1).index_select(0, to_tensor(last_rows, device))));
    for (std::int64_t step = 1; step < options_.max_new_tokens && !all_done(); ++step) {
      const auto hidden_B1D = model_.hidden(to_tensor(next, device).unsqueeze(1), cache.next_positions(), cache);
      cache.advance();
      next = choose(model_.logits(hidden_B1D.squeeze(1)));
    }
    return std::move(output_);
  }

 private:
  bool all_done() const {
    return std::all_of(done_.begin(), done_.end(), [](auto d) { return d != 0; });
  }

  /// Picks the next token of every sequence, notes it, and returns what the next pass must be fed with.
  std::vector<std::int64_t> choose(const at::Tensor& logits_BV) {
    const auto [largest_B, greedy_B] = logits_BV.max(1);  // NaN counts as largest
    if (!largest_B.isfinite().all().item<bool>())
      throw RuntimeFailure("the model gives logits that are not finite", "its answers would mean nothing",
                           "inspect the checkpoint; an unlearned model may have diverged");
    const auto greedy = greedy_B.to(at::kCPU);
    const auto host_BV = options_.sample ? logits_BV.to(at::kCPU) : at::Tensor();
    std::vector<std::int64_t> next(batch_.size(), 0);
    for (std::size_t b = 0; b < batch_.size(); ++b) {
      if (done_[b]) continue;
      const auto row = static_cast<std::int64_t>(b);
      const auto& request = requests_[batch_[b]];
      next[b] = !options_.sample ? greedy.const_data_ptr<std::int64_t>()[row]
                                 : sample_token(host_BV[row], options_.temperature, options_.top_p,
                                                random_uniform(options_.seed, request.stream, output_[b].size()));
      const auto& stops = model_.config().eos_ids;
      done_[b] = std::find(stops.begin(), stops.end(), next[b]) != stops.end();
      if (!done_[b]) output_[b].push_back(next[b]);
    }
    return next;
  }

  const Transformer& model_;
  const std::vector<GenerationRequest>& requests_;
  const std::vector<std::size_t>& batch_;
  const GenerationOptions& options_;
  std::vector<std::vector<TokenId>> output_;
  std::vector<std::uint8_t> done_;
};

}  // namespace

TokenId sample_token(const at::Tensor& logits_V, double temperature, double top_p, double uniform) {
  const auto probabilities = (logits_V.to(at::kDouble) / temperature).softmax(0);
  const auto [sorted, ids] = probabilities.sort(0, /*descending=*/true);
  const auto* p = sorted.const_data_ptr<double>();
  const auto* id = ids.const_data_ptr<std::int64_t>();
  const auto count = sorted.numel();
  std::int64_t kept = 0;
  double mass = 0;
  while (kept < count && (kept == 0 || mass < top_p)) mass += p[kept++];
  double remaining = uniform * mass;
  for (std::int64_t k = 0; k < kept; ++k) {
    remaining -= p[k];
    if (remaining < 0) return id[k];
  }
  return id[kept - 1];
}

std::vector<std::vector<TokenId>> generate(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                           const GenerationOptions& options) {
  check_options(options);
  const c10::InferenceMode guard;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    UNPACT_VALIDATE(!requests[i].prompt.empty(), concat("prompt ", i, " is empty"), "there is nothing to continue",
                    "give a prompt, or let the template add BOS");
    check_sequence(model.config(), requests[i].prompt, static_cast<std::size_t>(options.max_new_tokens));
  }
  const auto length = [&](std::size_t i) {
    return requests[i].prompt.size() + static_cast<std::size_t>(options.max_new_tokens);
  };
  std::vector<std::vector<TokenId>> answers(requests.size());
  for (const auto& batch : pack_by_length(requests.size(), length, options.token_budget)) {
    auto output = BatchGenerator(model, requests, batch, options).run();
    for (std::size_t b = 0; b < batch.size(); ++b) answers[batch[b]] = std::move(output[b]);
  }
  return answers;
}

}  // namespace unpact
