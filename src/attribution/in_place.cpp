// Candidates that keep their place: blocked from attention, or replaced by another id.
//
// Legend of shapes: B sequences of a wave, S recomputed positions, P positions in front of them, T answer tokens.
#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "methods.hpp"
#include "passes.hpp"
#include "remote_engine.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

/// A recorded prefix in front of the new tokens. In sequence b no position behind blocked[b] sees blocked[b]; the
/// position itself still does, so that no row of the softmax is empty.
class BlockingContext : public PrefixContext {
 public:
  BlockingContext(const std::vector<KeysValues>& recorded, std::int64_t length, std::int64_t new_tokens,
                  const at::Tensor& blocked_B)
      : PrefixContext(recorded, length, new_tokens) {
    const auto keys = at::arange(length + new_tokens, blocked_B.options()).view({1, 1, -1});
    const auto queries = at::arange(length, length + new_tokens, blocked_B.options()).view({1, -1, 1});
    const auto blocked = blocked_B.view({-1, 1, 1});
    open_BSK_ = (keys != blocked).logical_or(queries == blocked);
  }

  at::Tensor mask(std::int64_t window) const override {
    auto& mask = masks_[window];
    if (!mask.defined()) mask = open_BSK_.logical_and(PrefixContext::mask(window)).unsqueeze(1);
    return mask;
  }

 private:
  at::Tensor open_BSK_;
  mutable std::map<std::int64_t, at::Tensor> masks_;
};

/// One prompt: the base pass, then waves of neighbouring candidates, which are equally long.
class InPlaceRun {
 public:
  /// @param replacement id that stands in for a candidate; none: candidates are blocked.
  /// @param changes false: every candidate stays as it is, so that all scores are equal but for rounding.
  InPlaceRun(const Transformer& model, const AttributionTask& task, std::optional<TokenId> replacement,
             std::size_t token_budget, bool changes = true)
      : model_(model), task_(task), replacement_(replacement), token_budget_(token_budget), changes_(changes),
        input_(model_input(task)), targets_(to_tensor(task.answer, model.device())) {}

  Attribution run() {
    const std::vector<std::vector<TokenId>> whole = {input_};
    const auto tokens_1S = pad_right(whole, model_.device());
    const auto base =
        score(tokens_1S, model_.hidden(tokens_1S, at::arange(tokens_1S.size(1), tokens_1S.options()), recording_));
    require_finite(base, "the prompt's log-probability");
    result_.mean_log_probability = base[0];
    for (std::size_t first = 0; first < task_.candidates();) first = run_wave(first);
    require_finite(scores_, "a log-probability");
    for (const double score : scores_) result_.values.push_back(static_cast<float>(base[0] - score));
    result_.work.positions_naive = (task_.candidates() + 1) * input_.size();
    return std::move(result_);
  }

  /// LP by the base pass, then by the waves; after run().
  std::vector<double> scores() const {
    std::vector<double> all = {result_.mean_log_probability};
    all.insert(all.end(), scores_.begin(), scores_.end());
    return all;
  }

 private:
  /// The first position that changes (a blocked one's own row does not), and always the rows that predict the answer.
  std::size_t first_position(std::size_t candidate) const {
    const auto changed = task_.candidate_begin + candidate + (replacement_ ? 0 : 1);
    return std::min(changed, input_.size() - task_.answer.size());
  }

  std::size_t run_wave(std::size_t first) {
    const auto begin = first_position(first), rows = input_.size() - begin;
    const auto width = std::max<std::size_t>(1, std::min(token_budget_ / rows, std::max<std::size_t>(8, rows / 8)));
    const auto end = std::min(task_.candidates(), first + width);
    std::vector<std::vector<TokenId>> suffixes;
    std::vector<std::int64_t> blocked;
    for (auto candidate = first; candidate < end; ++candidate) {
      const auto at = task_.candidate_begin + candidate;
      auto& ids = suffixes.emplace_back(input_.begin() + static_cast<std::ptrdiff_t>(begin), input_.end());
      if (replacement_ && changes_) ids[at - begin] = *replacement_;
      blocked.push_back(changes_ ? static_cast<std::int64_t>(at) : -1);
    }
    const auto tokens_BS = pad_right(suffixes, model_.device());
    const auto prefix = static_cast<std::int64_t>(begin), length = static_cast<std::int64_t>(rows);
    const auto positions = at::arange(prefix, prefix + length, tokens_BS.options());
    at::Tensor hidden_BSD;
    if (replacement_) {
      PrefixContext context(recording_.layers(), prefix, length);
      hidden_BSD = model_.hidden(tokens_BS, positions, context);
    } else {
      BlockingContext context(recording_.layers(), prefix, length, to_tensor(blocked, model_.device()));
      hidden_BSD = model_.hidden(tokens_BS, positions, context);
    }
    const auto scores = score(tokens_BS, hidden_BSD);
    scores_.insert(scores_.end(), scores.begin(), scores.end());
    return end;
  }

  std::vector<double> score(const at::Tensor& tokens_BS, const at::Tensor& hidden_BSD) {
    count_pass(result_.work, tokens_BS, tokens_BS.size(0) * targets_.size(0));
    return to_doubles(mean_log_probabilities_B(model_, hidden_BSD, targets_));
  }

  const Transformer& model_;
  const AttributionTask& task_;
  std::optional<TokenId> replacement_;
  std::size_t token_budget_;
  bool changes_;
  std::vector<TokenId> input_;
  at::Tensor targets_;
  RecordingContext recording_;
  Attribution result_;
  std::vector<double> scores_;
};

class InPlace : public AttributionMethod {
 public:
  InPlace(std::optional<TokenId> replacement, std::size_t token_budget)
      : replacement_(replacement), token_budget_(token_budget) {}

  /// Waves of unchanged candidates beside the base pass.
  std::vector<std::vector<double>> equal_scores(const Transformer& model, const AttributionTask& task) const override {
    const c10::InferenceMode guard;
    auto scores = AttributionMethod::equal_scores(model, task);
    if (remote_of(model) != nullptr) return scores;
    InPlaceRun unchanged(model, task, replacement_, token_budget_, false);
    unchanged.run();
    for (const double score : unchanged.scores()) scores.front().push_back(score);
    return scores;
  }

 protected:
  Attribution attribute(const Transformer& model, const AttributionTask& task, std::uint64_t) const override {
    const c10::InferenceMode guard;
    require_task(model.config(), task);
    if (replacement_) check_baseline_id(model.config(), *replacement_);
    if (const auto* remote = remote_of(model)) return replace_remotely(*remote, task);
    return InPlaceRun(model, task, replacement_, token_budget_).run();
  }

 private:
  /// @pre there is a replacement: masks need weights, and the method's row says so.
  Attribution replace_remotely(const RemoteModel& remote, const AttributionTask& task) const {
    std::vector<std::vector<TokenId>> prompts = {task.prompt};
    for (auto at = task.candidate_begin; at < task.candidate_end; ++at)
      prompts.emplace_back(task.prompt)[at] = replacement_.value();
    const auto scores = mean_scores_by_remote(remote, prompts, task.answer);
    require_finite(scores, "a log-probability");
    Attribution result;
    result.mean_log_probability = scores.front();
    for (std::size_t i = 1; i < scores.size(); ++i) result.values.push_back(static_cast<float>(scores.front() - scores[i]));
    const auto positions = prompts.size() * (task.prompt.size() + task.answer.size() - 1);
    result.work = {positions, positions, prompts.size(), prompts.size() * task.answer.size()};
    return result;
  }

  std::optional<TokenId> replacement_;
  std::size_t token_budget_;
};

}  // namespace

std::unique_ptr<AttributionMethod> make_in_place_mask(std::size_t token_budget) {
  return std::make_unique<InPlace>(std::nullopt, token_budget);
}

std::unique_ptr<AttributionMethod> make_baseline_replacement(TokenId baseline, std::size_t token_budget) {
  return std::make_unique<InPlace>(baseline, token_budget);
}

}  // namespace unpact
