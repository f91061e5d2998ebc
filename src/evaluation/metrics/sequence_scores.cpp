#include "sequence_scores.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "../share_prompts.hpp"
#include "membership.hpp"
#include "memorization.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/answer_rows.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/model/remote_model.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

/// Numbers of the tokens of one answer, on the host.
struct AnswerNumbers {
  TokenScores tokens;
  std::vector<std::uint8_t> is_likeliest;
};

AnswerNumbers room_for(std::size_t tokens) {
  return {{std::vector<double>(tokens), std::vector<double>(tokens), std::vector<double>(tokens)},
          std::vector<std::uint8_t>(tokens)};
}

std::vector<double> on_host(const at::Tensor& values) {
  const auto copy = values.to(at::kCPU, at::kDouble).contiguous();
  return {copy.const_data_ptr<double>(), copy.const_data_ptr<double>() + copy.numel()};
}

/// Numbers of the tokens asked of some rows of logits.
void take_numbers(const at::Tensor& logits_RV, std::span<const AskedToken> asked, std::vector<AnswerNumbers>& answers) {
  std::vector<std::int64_t> rows, tokens;
  for (const auto& one : asked) {
    rows.push_back(one.row);
    tokens.push_back(one.token);
  }
  const auto at_rows = to_tensor(rows, logits_RV.device()), at_tokens = to_tensor(tokens, logits_RV.device());
  const auto log_p_RV = logits_RV.log_softmax(1), p_RV = log_p_RV.exp();
  const auto mean_R1 = (p_RV * log_p_RV).sum(1, true);
  const auto log_p = on_host(log_p_RV.index({at_rows, at_tokens})), mean = on_host(mean_R1.squeeze(1).index({at_rows})),
             variance = on_host((p_RV * (log_p_RV - mean_R1).square()).sum(1).index({at_rows})),
             likeliest = on_host(log_p_RV.argmax(1).index({at_rows}) == at_tokens);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    auto& answer = answers[asked[i].item];
    const auto place = asked[i].place;
    answer.tokens.log_probability[place] = log_p[i];
    answer.tokens.mean[place] = mean[i];
    answer.tokens.variance[place] = variance[i];
    answer.is_likeliest[place] = likeliest[i] != 0 ? 1 : 0;
  }
}

/// Few rows at a time, for several tensors as large as their logits are made: 16 MiB each on the CPU, 128 MiB on a GPU.
void take_few_rows(const at::Tensor& logits_RV, std::span<const AskedToken> asked, std::vector<AnswerNumbers>& answers) {
  const std::int64_t bytes = (logits_RV.is_cpu() ? 16 : 128) << 20;
  const auto most = std::max<std::int64_t>(1, bytes / (4 * logits_RV.size(1)));
  for (std::int64_t begin = 0; begin < logits_RV.size(0); begin += most) {
    const auto rows = std::min(most, logits_RV.size(0) - begin);
    const auto end = std::ranges::lower_bound(asked, begin + rows, {}, &AskedToken::row) - asked.begin();
    std::vector<AskedToken> some(asked.begin(), asked.begin() + end);
    asked = asked.subspan(static_cast<std::size_t>(end));
    for (auto& one : some) one.row -= begin;
    if (!some.empty()) take_numbers(logits_RV.narrow(0, begin, rows), some, answers);
  }
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

/// @param has_distribution false: nobody knows the spread of log p over the vocabulary, so there is no Min-K %++.
void require_finite(const SequenceScores& scores, bool has_distribution, const std::string& item) {
  if (std::isfinite(scores.loss) && (!has_distribution || std::isfinite(scores.min_k_plus_plus))) return;
  throw RuntimeFailure(concat("the model gives no finite log-probability for ", item), "its weights or activations overflow",
                       "inspect the checkpoint; an unlearned model may have diverged");
}

/// What an endpoint says of answers: nothing of the distribution beside the answer's own tokens.
void ask_remotely(const RemoteModel& remote, const std::vector<PromptAnswer>& items, std::vector<AnswerNumbers>& answers) {
  std::vector<ScoredIds> sequences;
  for (const auto& [prompt, answer] : items) {
    sequences.push_back({prompt, answer.size()});
    sequences.back().ids.insert(sequences.back().ids.end(), answer.begin(), answer.end());
  }
  const auto found = remote.score(sequences);
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto& tokens = answers[i].tokens;
    tokens.log_probability.assign(found[i].log_probabilities.begin(), found[i].log_probabilities.end());
    tokens.mean.assign(items[i].answer.size(), NAN);
    tokens.variance.assign(items[i].answer.size(), NAN);
    answers[i].is_likeliest = found[i].is_likeliest;
    UNPACT_VALIDATE(answers[i].is_likeliest.size() == items[i].answer.size(),
                    concat(remote.name(), " does not say which tokens are the likeliest"),
                    "metrics of the gold answers need it",
                    "use another model.endpoint_kind, or set evaluation.metrics = none");
  }
}

/// The items of a part at these places: what they begin with alike runs once.
std::vector<SequenceScores> score_together(const LanguageModel& model, const ScoredPart& part,
                                           const std::vector<std::size_t>& places, double min_k) {
  std::vector<PromptAnswer> items;
  std::vector<AnswerNumbers> answers;
  for (const auto place : places) {
    items.push_back(part.items[place]);
    answers.push_back(room_for(items.back().answer.size()));
  }
  const auto* remote = remote_of(model.transformer);
  if (remote != nullptr) ask_remotely(*remote, items, answers);
  else
    for_answers(model.transformer, items, 0, [&](const at::Tensor& hidden_UD, std::span<const AskedToken> asked) {
      for_asked_logits(
          model.transformer, hidden_UD, asked,
          [&](const at::Tensor& logits_RV, std::span<const AskedToken> some) { take_few_rows(logits_RV, some, answers); });
    });
  std::vector<SequenceScores> scores;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto text = model.tokenizer->decode(items[i].answer);
    scores.push_back(scores_of(answers[i].tokens, answers[i].is_likeliest, text, min_k));
    require_finite(scores.back(), remote == nullptr, concat("item ", places[i], " of the metrics' ", part.name));
  }
  return scores;
}

/// The places of a page's items, from their places in the page.
std::vector<std::size_t> places_in(std::size_t page_first, const std::vector<std::size_t>& indices) {
  auto places = indices;
  for (auto& place : places) place += page_first;
  return places;
}

}  // namespace

std::vector<SequenceScores> score_part(const Communicator& group, const LanguageModel& model, const ScoredPart& part,
                                       double min_k, FinishedPages* pages, std::size_t save_every) {
  const PageOptions kept{pages, "metrics_" + part.name, page_of_chunks(save_every, part.chunk)};
  return run_in_pages(kept, part.items.size(), [&](std::size_t page_first, std::size_t page_last) {
    std::vector<std::vector<TokenId>> sequences;
    for (auto i = page_first; i < page_last; ++i) {
      const auto& [prompt, answer] = part.items[i];
      sequences.push_back(prompt);
      sequences.back().insert(sequences.back().end(), answer.begin(), answer.end());
    }
    return share_prompts<SequenceScores>(group, sequences, 0, [&](const std::vector<std::size_t>& indices) {
      const c10::InferenceMode guard;
      return score_together(model, part, places_in(page_first, indices), min_k);
    });
  });
}

std::vector<std::vector<TokenId>> continue_part(const Communicator& group, const LanguageModel& model,
                                                const ContinuedPart& part, FinishedPages* pages, std::size_t save_every) {
  GenerationOptions options;
  options.max_new_tokens = part.new_tokens;
  const PageOptions kept{pages, "metrics_" + part.name + "_continued", page_of_chunks(save_every, kSequencesTogether)};
  return run_in_pages(kept, part.prompts.size(), [&](std::size_t page_first, std::size_t page_last) {
    const auto begin = part.prompts.begin();
    const std::vector<std::vector<TokenId>> prompts(begin + static_cast<std::ptrdiff_t>(page_first),
                                                    begin + static_cast<std::ptrdiff_t>(page_last));
    const auto new_tokens = static_cast<std::size_t>(part.new_tokens);
    return share_prompts<std::vector<TokenId>>(group, prompts, new_tokens, [&](const std::vector<std::size_t>& indices) {
      std::vector<GenerationRequest> requests;
      for (const auto i : indices) requests.push_back({prompts[i]});
      return generate(model.transformer, requests, options);
    });
  });
}

}  // namespace unpact
