#include "padded_generation.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "growing_answers.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

/// One batch of sequences that grow together until each has met a stop token or its length limit.
class BatchGenerator {
 public:
  BatchGenerator(const Transformer& model, const std::vector<GenerationRequest>& requests,
                 const std::vector<std::size_t>& batch, const GenerationOptions& options)
      : model_(model), requests_(requests), batch_(batch), options_(options), answers_(model, requests, batch, options) {}

  std::vector<Continuation> run() {
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
    auto next = answers_.choose(hidden_BSD.flatten(0, 1).index_select(0, to_tensor(last_rows, device)));
    while (answers_.any_goes_on()) {
      const auto hidden_B1D = model_.hidden(to_tensor(next, device).unsqueeze(1), cache.next_positions(), cache);
      cache.advance();
      next = answers_.choose(hidden_B1D.squeeze(1));
    }
    return answers_.take();
  }

 private:
  const Transformer& model_;
  const std::vector<GenerationRequest>& requests_;
  const std::vector<std::size_t>& batch_;
  const GenerationOptions& options_;
  GrowingAnswers answers_;
};

}  // namespace

std::vector<Continuation> continue_padded(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                          const GenerationOptions& options) {
  const c10::InferenceMode guard;
  const auto length = [&](std::size_t i) {
    return requests[i].prompt.size() + static_cast<std::size_t>(options.max_new_tokens);
  };
  const auto budget = options.token_budget == 0 ? kPaddedPositions : options.token_budget;
  std::vector<Continuation> answers(requests.size());
  for (const auto& batch : pack_by_length(requests.size(), length, budget)) {
    auto output = BatchGenerator(model, requests, batch, options).run();
    for (std::size_t b = 0; b < batch.size(); ++b) answers[batch[b]] = std::move(output[b]);
  }
  return answers;
}

}  // namespace unpact
