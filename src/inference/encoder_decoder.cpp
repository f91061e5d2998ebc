#include "encoder_decoder.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "growing_answers.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

using Batch = std::vector<std::size_t>;

/// Indices of equally long prompts, as many together as have so many tokens with what is written behind them.
template <typename PromptLength, typename Written>
std::vector<Batch> batches_of(std::size_t count, std::uint64_t budget, const PromptLength& prompt, const Written& written) {
  std::map<std::size_t, Batch> by_length;
  for (std::size_t i = 0; i < count; ++i) by_length[prompt(i)].push_back(i);
  std::vector<Batch> batches;
  for (const auto& [length, same] : by_length) {
    std::size_t longest = 0;
    batches.emplace_back();
    for (const auto i : same) {
      longest = std::max(longest, written(i));
      if (!batches.back().empty() && (batches.back().size() + 1) * (length + longest) > budget) {
        batches.emplace_back();
        longest = written(i);
      }
      batches.back().push_back(i);
    }
  }
  return batches;
}

/// The answers of one batch that grow together.
class Writer {
 public:
  Writer(const Transformer& model, const std::vector<GenerationRequest>& requests, const Batch& batch,
         const GenerationOptions& options)
      : model_(model), requests_(requests), batch_(batch), answers_(model, requests, batch, options) {}

  std::vector<Continuation> run() {
    std::vector<std::vector<TokenId>> prompts;
    for (const auto i : batch_) prompts.push_back(requests_[i].prompt);
    const auto device = model_.device();
    AnswerDecoder decoder(model_, encode(model_, pad_right(prompts, device)));
    std::vector<std::int64_t> next(batch_.size(), model_.config().encoder.start_id);
    while (answers_.any_goes_on()) next = answers_.choose(decoder.next(to_tensor(next, device).unsqueeze(1)).squeeze(1));
    return answers_.take();
  }

 private:
  const Transformer& model_;
  const std::vector<GenerationRequest>& requests_;
  const Batch& batch_;
  GrowingAnswers answers_;
};

}  // namespace

void visit_encoder_decoder(const Transformer& model, const std::vector<PromptAnswer>& items, std::uint64_t token_budget,
                           const VisitAnswers& visit) {
  const auto budget = token_budget == 0 ? kPaddedTokens : token_budget;
  const auto batches = batches_of(
      items.size(), budget, [&](std::size_t i) { return items[i].prompt.size(); },
      [&](std::size_t i) { return items[i].answer.size(); });
  for (const auto& batch : batches) {
    std::vector<std::vector<TokenId>> prompts, answers;
    std::size_t longest = 0;
    for (const auto i : batch) {
      prompts.push_back(items[i].prompt);
      answers.emplace_back(items[i].answer.begin(), items[i].answer.end() - 1);
      longest = std::max(longest, items[i].answer.size());
    }
    std::vector<std::int64_t> rows;
    std::vector<AskedToken> asked;
    for (std::size_t b = 0; b < batch.size(); ++b) {
      const auto& answer = items[batch[b]].answer;
      for (std::size_t k = 0; k < answer.size(); ++k) {
        asked.push_back({static_cast<std::int64_t>(rows.size()), answer[k], batch[b], k});
        rows.push_back(static_cast<std::int64_t>(b * longest + k));
      }
    }
    const auto answers_BT = longest > 1 ? pad_right(answers, model.device())
                                        : at::empty({static_cast<std::int64_t>(batch.size()), 0},
                                                    at::TensorOptions().dtype(at::kLong).device(model.device()));
    const auto hidden_BTD = answer_states(model, pad_right(prompts, model.device()), answers_BT);
    visit(hidden_BTD.flatten(0, 1).index_select(0, to_tensor(rows, model.device())), asked);
  }
}

std::vector<Continuation> continue_encoder_decoder(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                                   const GenerationOptions& options) {
  const c10::InferenceMode guard;
  const auto budget = options.token_budget == 0 ? kPaddedPositions : options.token_budget;
  const auto batches = batches_of(
      requests.size(), budget, [&](std::size_t i) { return requests[i].prompt.size(); },
      [&](std::size_t) { return static_cast<std::size_t>(options.max_new_tokens); });
  std::vector<Continuation> answers(requests.size());
  for (const auto& batch : batches) {
    auto output = Writer(model, requests, batch, options).run();
    for (std::size_t b = 0; b < batch.size(); ++b) answers[batch[b]] = std::move(output[b]);
  }
  return answers;
}

}  // namespace unpact
