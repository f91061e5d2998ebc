#include "unpact/inference/scoring.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <set>

#include "remote_answers.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/answer_rows.hpp"
#include "unpact/kernels/log_softmax.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

[[noreturn]] void throw_not_finite(std::size_t item);

/// Item by item.
std::vector<std::vector<float>> score_behind_encoder(const Transformer& model, const std::vector<PromptAnswer>& items) {
  std::vector<std::vector<float>> scores;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& [prompt, answer] = items[i];
    const auto written = to_tensor({answer.begin(), answer.end() - 1}, model.device()).unsqueeze(0);
    const auto hidden_1TD = answer_states(model, to_tensor(prompt, model.device()).unsqueeze(0), written);
    const auto values =
        target_log_probabilities(model, hidden_1TD.squeeze(0), to_tensor(answer, model.device())).to(at::kCPU);
    scores.emplace_back(values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel());
    if (!std::isfinite(mean_log_probability(scores.back()))) throw_not_finite(i);
  }
  return scores;
}

/// The sequence that is run: the answer's last token predicts nothing.
std::vector<TokenId> model_input(const PromptAnswer& item) {
  auto ids = item.prompt;
  ids.insert(ids.end(), item.answer.begin(), item.answer.end() - 1);
  return ids;
}

void check_item(const ModelConfig& config, const PromptAnswer& item, std::size_t index) {
  UNPACT_VALIDATE(!item.prompt.empty(), concat("item ", index, " has an empty prompt"),
                  "the answer's first token would have nothing in front of it",
                  "give a prompt, or let the template add BOS");
  UNPACT_VALIDATE(!item.answer.empty(), concat("item ", index, " has an empty answer"), "there is nothing to score",
                  "remove it from the input");
  check_sequence(config, item.prompt, item.answer.size());
  check_sequence(config, item.answer, 0);
}

[[noreturn]] void throw_not_finite(std::size_t item) {
  throw RuntimeFailure(concat("the model gives no finite log-probability for item ", item),
                       "its weights or activations overflow",
                       "inspect the checkpoint; an unlearned model may have diverged");
}

std::vector<float> log_probabilities_of(const at::Tensor& logits_RV, std::span<const AskedToken> asked) {
  std::vector<std::int64_t> rows, tokens;
  for (const auto& one : asked) {
    rows.push_back(one.row);
    tokens.push_back(one.token);
  }
  const auto at_rows = to_tensor(rows, logits_RV.device()), at_tokens = to_tensor(tokens, logits_RV.device());
  const auto values =
      (logits_RV.index({at_rows, at_tokens}) - kernels::log_normalizers(logits_RV).index_select(0, at_rows)).to(at::kCPU);
  return {values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel()};
}

}  // namespace

void check_sequence(const ModelConfig& config, const std::vector<TokenId>& ids, std::size_t extra_tokens) {
  UNPACT_VALIDATE(ids.size() + extra_tokens <= static_cast<std::size_t>(config.max_positions),
                  concat("a sequence of ", ids.size() + extra_tokens, " tokens does not fit the model"),
                  concat("its context holds ", config.max_positions), "shorten the prompt or the answer");
  for (const auto id : ids)
    UNPACT_VALIDATE(id >= 0 && id < config.vocabulary_size, concat("token id ", id, " is outside the model's vocabulary"),
                    concat("it has ", config.vocabulary_size, " entries"), "use the tokenizer that belongs to the model");
}

void check_items(const ModelConfig& config, const std::vector<PromptAnswer>& items) {
  for (std::size_t i = 0; i < items.size(); ++i) check_item(config, items[i], i);
}

std::vector<std::vector<float>> score_answers(const Transformer& model, const std::vector<PromptAnswer>& items,
                                              std::uint64_t token_budget) {
  if (const auto* remote = remote_of(model)) {
    check_items(model.config(), items);
    return score_remotely(*remote, items);
  }
  const c10::InferenceMode guard;
  std::vector<std::vector<float>> scores;
  for (const auto& item : items) scores.emplace_back(item.answer.size());
  for_answers(model, items, token_budget, [&](const at::Tensor& hidden_UD, std::span<const AskedToken> asked) {
    std::set<std::size_t> broken;
    for_asked_logits(model, hidden_UD, asked, [&](const at::Tensor& logits_RV, std::span<const AskedToken> some) {
      const auto values = log_probabilities_of(logits_RV, some);
      for (std::size_t i = 0; i < some.size(); ++i) {
        scores[some[i].item][some[i].place] = values[i];
        if (!std::isfinite(values[i])) broken.insert(some[i].item);
      }
    });
    if (!broken.empty()) throw_not_finite(*broken.begin());
  });
  return scores;
}

std::vector<std::vector<float>> score_by_passes(const Transformer& model, const std::vector<PromptAnswer>& items,
                                                std::size_t token_budget) {
  const c10::InferenceMode guard;
  std::vector<std::vector<float>> scores(items.size());
  check_items(model.config(), items);
  if (const auto* remote = remote_of(model)) return score_remotely(*remote, items);
  if (is_encoder_decoder(model.config())) return score_behind_encoder(model, items);
  const auto length = [&](std::size_t i) { return items[i].prompt.size() + items[i].answer.size() - 1; };
  for (const auto& batch : pack_by_length(items.size(), length, token_budget)) {
    std::vector<std::vector<TokenId>> sequences;
    std::vector<std::int64_t> rows, targets;
    for (const auto i : batch) {
      const auto first_row =
          static_cast<std::int64_t>(sequences.size() * length(batch.front()) + items[i].prompt.size() - 1);
      for (std::size_t k = 0; k < items[i].answer.size(); ++k) {
        rows.push_back(first_row + static_cast<std::int64_t>(k));
        targets.push_back(items[i].answer[k]);
      }
      sequences.push_back(model_input(items[i]));
    }
    const auto hidden_RD =
        model.hidden(pad_right(sequences, model.device())).flatten(0, 1).index_select(0, to_tensor(rows, model.device()));
    const auto values = target_log_probabilities(model, hidden_RD, to_tensor(targets, model.device())).to(at::kCPU);
    const auto* next = values.const_data_ptr<float>();
    for (const auto i : batch) {
      scores[i].assign(next, next + items[i].answer.size());
      next += items[i].answer.size();
      if (!std::isfinite(mean_log_probability(scores[i]))) throw_not_finite(i);
    }
  }
  return scores;
}

double mean_log_probability(const std::vector<float>& log_probabilities) {
  UNPACT_EXPECT(!log_probabilities.empty());
  double sum = 0;
  for (const float value : log_probabilities) sum += value;
  return sum / static_cast<double>(log_probabilities.size());
}

}  // namespace unpact
