#include "unpact/attribution/coalitions.hpp"

#include <ATen/ATen.h>

#include "passes.hpp"
#include "remote_engine.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

std::string key_of(const Coalition& coalition) { return {coalition.begin(), coalition.end()}; }

}  // namespace

CoalitionScorer::CoalitionScorer(const Transformer& model, const AttributionTask& task, std::size_t token_budget)
    : model_(model), task_(task), token_budget_(token_budget),
      // The last token in front may have to predict the answer, so it runs with every coalition.
      shared_(task.candidate_begin > 0 ? task.candidate_begin - 1 : 0) {
  const c10::InferenceMode guard;
  require_task(model.config(), task);
  UNPACT_VALIDATE(task.candidates() < task.prompt.size(), "the prompt consists of candidates alone",
                  "without all of them the answer would have nothing in front of it",
                  "let the template add BOS, or choose another attribution.method");
  if (shared_ == 0 || remote_of(model) != nullptr) return;
  const std::vector<std::vector<TokenId>> context = {
      {task.prompt.begin(), task.prompt.begin() + static_cast<std::ptrdiff_t>(shared_)}};
  const auto tokens_1P = pad_right(context, model.device());
  model.hidden(tokens_1P, at::arange(tokens_1P.size(1), tokens_1P.options()), recording_);
  count_pass(work_, tokens_1P, 0);
}

std::vector<TokenId> CoalitionScorer::suffix(const Coalition& coalition) const {
  const auto at = [&](std::size_t i) { return task_.prompt.begin() + static_cast<std::ptrdiff_t>(i); };
  std::vector<TokenId> ids(at(shared_), at(task_.candidate_begin));
  for (std::size_t i = 0; i < coalition.size(); ++i)
    if (coalition[i]) ids.push_back(task_.prompt[task_.candidate_begin + i]);
  ids.insert(ids.end(), at(task_.candidate_end), task_.prompt.end());
  ids.insert(ids.end(), task_.answer.begin(), task_.answer.end() - 1);
  return ids;
}

std::vector<double> CoalitionScorer::score(const std::vector<Coalition>& coalitions) {
  const c10::InferenceMode guard;
  std::map<std::string, Coalition> unknown;
  for (const auto& coalition : coalitions) {
    UNPACT_EXPECT(coalition.size() == candidates());
    if (const auto key = key_of(coalition); !known_.contains(key)) unknown.emplace(key, coalition);
  }
  std::vector<Coalition> fresh;
  for (auto& [key, coalition] : unknown) fresh.push_back(std::move(coalition));
  if (!fresh.empty()) run(fresh);
  std::vector<double> scores;
  for (const auto& coalition : coalitions) scores.push_back(known_.at(key_of(coalition)));
  return scores;
}

void CoalitionScorer::run_remotely(const RemoteModel& remote, const std::vector<Coalition>& coalitions) {
  std::vector<std::vector<TokenId>> prompts;
  const auto context = task_.prompt.begin() + static_cast<std::ptrdiff_t>(shared_);
  for (const auto& coalition : coalitions) {
    auto& ids = prompts.emplace_back(task_.prompt.begin(), context);
    const auto rest = suffix(coalition);
    ids.insert(ids.end(), rest.begin(), rest.end() - static_cast<std::ptrdiff_t>(task_.answer.size() - 1));
  }
  const auto scores = mean_scores_by_remote(remote, prompts, task_.answer);
  require_finite(scores, "the log-probability of a shortened prompt");
  for (std::size_t i = 0; i < coalitions.size(); ++i) {
    known_[key_of(coalitions[i])] = scores[i];
    const auto positions = prompts[i].size() + task_.answer.size() - 1;
    work_ += {positions, positions, 1, task_.answer.size()};
  }
}

void CoalitionScorer::run(const std::vector<Coalition>& coalitions) {
  if (const auto* remote = remote_of(model_)) return run_remotely(*remote, coalitions);
  std::vector<std::vector<TokenId>> suffixes;
  for (const auto& coalition : coalitions) suffixes.push_back(suffix(coalition));
  const auto answer_tokens = static_cast<std::int64_t>(task_.answer.size());
  const auto prefix = static_cast<std::int64_t>(shared_);
  const auto targets_T = to_tensor(task_.answer, model_.device());
  for (const auto& batch : pack_by_length(
           suffixes.size(), [&](std::size_t i) { return suffixes[i].size(); }, token_budget_)) {
    std::vector<std::vector<TokenId>> sequences;
    for (const auto i : batch) sequences.push_back(suffixes[i]);
    const auto tokens_BS = pad_right(sequences, model_.device());
    const auto length = tokens_BS.size(1);
    std::vector<std::int64_t> rows;
    for (std::size_t b = 0; b < batch.size(); ++b)
      for (std::int64_t k = 0; k < answer_tokens; ++k)
        rows.push_back(static_cast<std::int64_t>(b) * length + static_cast<std::int64_t>(sequences[b].size()) -
                       answer_tokens + k);
    const auto positions = at::arange(prefix, prefix + length, tokens_BS.options());
    at::Tensor hidden_BSD;
    if (prefix > 0) {
      PrefixContext context(recording_.layers(), prefix, length);
      hidden_BSD = model_.hidden(tokens_BS, positions, context);
    } else {
      hidden_BSD = model_.hidden(tokens_BS);
    }
    const auto rows_RD = hidden_BSD.flatten(0, 1).index_select(0, to_tensor(rows, model_.device()));
    const auto values_R = target_log_probabilities(model_, rows_RD, targets_T.repeat({tokens_BS.size(0)}));
    const auto scores = to_doubles(values_R.view({tokens_BS.size(0), answer_tokens}).to(at::kDouble).mean(1));
    require_finite(scores, "the log-probability of a shortened prompt");
    for (std::size_t b = 0; b < batch.size(); ++b) {
      known_[key_of(coalitions[batch[b]])] = scores[b];
      work_.positions_naive += shared_ + sequences[b].size();
    }
    count_pass(work_, tokens_BS, tokens_BS.size(0) * answer_tokens);
  }
}

}  // namespace unpact
