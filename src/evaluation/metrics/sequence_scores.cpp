#include "sequence_scores.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "membership.hpp"
#include "memorization.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

/// Numbers of the rows of a pass, on the host.
struct RowNumbers {
  std::vector<double> log_probability, mean, variance;
  std::vector<std::uint8_t> is_likeliest;
};

void append(std::vector<double>& to, const at::Tensor& values_R) {
  const auto on_host = values_R.to(at::kCPU, at::kDouble).contiguous();
  to.insert(to.end(), on_host.const_data_ptr<double>(), on_host.const_data_ptr<double>() + on_host.numel());
}

/// The logits never exist all at once: of as many rows as take 16 MiB on the CPU, 128 MiB on a GPU.
RowNumbers row_numbers(const Transformer& model, const at::Tensor& hidden_RD, const at::Tensor& targets_R) {
  const std::int64_t bytes = (model.device().is_cpu() ? 16 : 128) << 20;
  const auto chunk = std::max<std::int64_t>(1, bytes / (4 * model.config().vocabulary_size));
  RowNumbers numbers;
  for (std::int64_t begin = 0; begin < hidden_RD.size(0); begin += chunk) {
    const auto rows = std::min(chunk, hidden_RD.size(0) - begin);
    const auto targets_R1 = targets_R.narrow(0, begin, rows).unsqueeze(1);
    const auto log_p_RV = model.logits(hidden_RD.narrow(0, begin, rows)).log_softmax(1);
    const auto p_RV = log_p_RV.exp();
    const auto mean_R1 = (p_RV * log_p_RV).sum(1, true);
    append(numbers.log_probability, log_p_RV.gather(1, targets_R1).squeeze(1));
    append(numbers.mean, mean_R1.squeeze(1));
    append(numbers.variance, (p_RV * (log_p_RV - mean_R1).square()).sum(1));
    const auto likeliest = (log_p_RV.argmax(1, true) == targets_R1).squeeze(1).to(at::kCPU, at::kByte).contiguous();
    numbers.is_likeliest.insert(numbers.is_likeliest.end(), likeliest.const_data_ptr<std::uint8_t>(),
                                likeliest.const_data_ptr<std::uint8_t>() + rows);
  }
  return numbers;
}

SequenceScores scores_of(const TokenScores& tokens, std::span<const std::uint8_t> matches, const std::string& text,
                         double min_k) {
  SequenceScores scores;
  scores.tokens = matches.size();
  scores.loss = loss_score(tokens.log_probability);
  scores.zlib = zlib_score(scores.loss, text);
  scores.min_k = min_k_score(tokens.log_probability, min_k);
  scores.min_k_plus_plus = min_k_plus_plus_score(tokens, min_k);
  scores.extraction = extraction_strength(matches);
  scores.extraction_open_unlearning = extraction_strength(matches, NothingMatches::open_unlearning);
  scores.exact = exact_memorization(matches);
  return scores;
}

void require_finite(const SequenceScores& scores, const std::string& item) {
  if (std::isfinite(scores.loss) && std::isfinite(scores.min_k_plus_plus)) return;
  throw RuntimeFailure(concat("the model gives no finite log-probability for ", item), "its weights or activations overflow",
                       "inspect the checkpoint; an unlearned model may have diverged");
}

/// One pass over sequences that fit the budget together.
void score_batch(const LanguageModel& model, const ScoredPart& part, const std::vector<std::size_t>& batch, double min_k,
                 std::vector<SequenceScores>& scores, std::size_t first) {
  const auto length = [&](std::size_t i) { return part.items[i].prompt.size() + part.items[i].answer.size() - 1; };
  std::vector<std::vector<TokenId>> sequences;
  std::vector<std::int64_t> rows, targets;
  for (const auto i : batch) {
    const auto& [prompt, answer] = part.items[i];
    const auto first_row = static_cast<std::int64_t>(sequences.size() * length(batch.front()) + prompt.size() - 1);
    for (std::size_t k = 0; k < answer.size(); ++k) rows.push_back(first_row + static_cast<std::int64_t>(k));
    targets.insert(targets.end(), answer.begin(), answer.end());
    sequences.push_back(prompt);
    sequences.back().insert(sequences.back().end(), answer.begin(), answer.end() - 1);
  }
  const auto& device = model.transformer.device();
  const auto hidden_RD =
      model.transformer.hidden(pad_right(sequences, device)).flatten(0, 1).index_select(0, to_tensor(rows, device));
  const auto numbers = row_numbers(model.transformer, hidden_RD, to_tensor(targets, device));
  std::ptrdiff_t next = 0;
  for (const auto i : batch) {
    const auto end = next + static_cast<std::ptrdiff_t>(part.items[i].answer.size());
    const auto cut = [&](const std::vector<double>& all) {
      return std::vector<double>(all.begin() + next, all.begin() + end);
    };
    const TokenScores tokens{cut(numbers.log_probability), cut(numbers.mean), cut(numbers.variance)};
    const std::span matches(numbers.is_likeliest.begin() + next, numbers.is_likeliest.begin() + end);
    scores[i - first] = scores_of(tokens, matches, model.tokenizer->decode(part.items[i].answer), min_k);
    require_finite(scores[i - first], concat("item ", i, " of the metrics' ", part.name));
    next = end;
  }
}

}  // namespace

std::vector<SequenceScores> score_part(const Communicator& group, const LanguageModel& model, const ScoredPart& part,
                                       double min_k, FinishedPages* pages, std::size_t save_every) {
  const PageOptions kept{pages, "metrics_" + part.name, page_of_chunks(save_every, part.chunk)};
  return run_in_pages(kept, part.items.size(), [&](std::size_t page_first, std::size_t page_last) {
    return share_work(group, page_last - page_first, part.chunk, [&](std::size_t begin, std::size_t end) {
      const c10::InferenceMode guard;
      const auto first = page_first + begin;
      std::vector<SequenceScores> scores(end - begin);
      const auto length = [&](std::size_t i) {
        const auto& item = part.items[first + i];
        check_sequence(model.transformer.config(), item.prompt, item.answer.size());
        return item.prompt.size() + item.answer.size() - 1;
      };
      for (auto batch : pack_by_length(end - begin, length, kMetricTokenBudget)) {
        for (auto& i : batch) i += first;
        score_batch(model, part, batch, min_k, scores, first);
      }
      return scores;
    });
  });
}

std::vector<std::vector<TokenId>> continue_part(const Communicator& group, const LanguageModel& model,
                                                const ContinuedPart& part, FinishedPages* pages, std::size_t save_every) {
  GenerationOptions options;
  options.max_new_tokens = part.new_tokens;
  const PageOptions kept{pages, "metrics_" + part.name + "_continued", page_of_chunks(save_every, kSequencesTogether)};
  return run_in_pages(kept, part.prompts.size(), [&](std::size_t page_first, std::size_t page_last) {
    return share_work(group, page_last - page_first, kSequencesTogether, [&](std::size_t begin, std::size_t end) {
      std::vector<GenerationRequest> requests;
      for (auto i = page_first + begin; i < page_first + end; ++i) requests.push_back({part.prompts[i]});
      return generate(model.transformer, requests, options);
    });
  });
}

}  // namespace unpact
