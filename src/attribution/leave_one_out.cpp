#include "unpact/attribution/leave_one_out.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "unpact/core/error.hpp"
#include "unpact/model/scoring.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

void check_task(const ModelConfig& config, const AttributionTask& task) {
  UNPACT_EXPECT(task.candidate_begin <= task.candidate_end && task.candidate_end <= task.prompt.size());
  UNPACT_VALIDATE(task.candidates() > 0, "the prompt has no candidate tokens", "there is nothing to remove",
                  "give a question, or widen the candidates to the template");
  UNPACT_VALIDATE(!task.answer.empty(), "the answer is empty", "there is nothing to score", "give an answer");
  UNPACT_VALIDATE(task.prompt.size() > 1, "the prompt is a single token",
                  "without it the answer's first token would have nothing in front of it", "let the template add BOS");
  check_sequence(config, task.prompt, task.answer.size());
  check_sequence(config, task.answer, 0);
}

constexpr std::size_t kNothing = static_cast<std::size_t>(-1);

/// Prompt (without candidate `removed`, if not kNothing) and all but the last answer token: what the model runs over.
std::vector<TokenId> input_without(const AttributionTask& task, std::size_t removed) {
  auto ids = task.prompt;
  if (removed != kNothing) ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(task.candidate_begin + removed));
  ids.insert(ids.end(), task.answer.begin(), task.answer.end() - 1);
  return ids;
}

void append(std::vector<float>& out, const at::Tensor& values) {
  const auto host = values.to(at::kCPU).contiguous();
  out.insert(out.end(), host.const_data_ptr<float>(), host.const_data_ptr<float>() + host.numel());
}

void check_finite(const AttributionResult& result) {
  for (std::size_t i = 0; i < result.log_probabilities.size(); ++i)
    if (!std::isfinite(result.log_probabilities[i]))
      throw RuntimeFailure("the model gives a log-probability that is not finite",
                           concat("answer token ", i % result.answer_tokens, ", removal ", i / result.answer_tokens, " (0: none)"),
                           "inspect the checkpoint; an unlearned model may have diverged");
}

AttributionResult empty_result(const AttributionTask& task) {
  AttributionResult result;
  result.candidates = task.candidates();
  result.answer_tokens = task.answer.size();
  result.log_probabilities.reserve((result.candidates + 1) * result.answer_tokens);
  result.work.positions_naive = naive_positions(task);
  return result;
}

/// One task's run: the base pass, then waves of removals.
class SharedPrefixRun {
 public:
  SharedPrefixRun(const Transformer& model, const AttributionTask& task, std::size_t token_budget)
      : model_(model), task_(task), token_budget_(token_budget), result_(empty_result(task)),
        answer_tokens_(static_cast<std::int64_t>(task.answer.size())), targets_(to_tensor(task.answer, model.device())) {}

  AttributionResult run() {
    const std::vector<std::vector<TokenId>> base = {input_without(task_, kNothing)};
    const auto tokens_1S = pad_right(base, model_.device());
    const auto hidden_1SD = model_.hidden(tokens_1S, at::arange(tokens_1S.size(1), tokens_1S.options()), recording_);
    account(tokens_1S);
    score(hidden_1SD);
    for (std::size_t first = 0; first < task_.candidates();) first = run_wave(first);
    check_finite(result_);
    return std::move(result_);
  }

 private:
  /// Length of every sequence with one token removed.
  std::size_t removed_length() const { return task_.prompt.size() - 1 + task_.answer.size() - 1; }

  /// First position that a wave starting with removal `first` must recompute: all behind the removed token, and always
  /// the rows that predict the answer.
  std::size_t first_position(std::size_t first) const {
    return std::min(task_.candidate_begin + first, removed_length() - task_.answer.size());
  }

  /// Removals first..end share the prefix in front of `first`; the wave is as wide as the budget and the cost of
  /// recomputing what later removals would not need allow. @return the first removal of the next wave.
  std::size_t run_wave(std::size_t first) {
    const auto begin = first_position(first);
    const auto rows = removed_length() - begin;
    const auto width = std::max<std::size_t>(1, std::min(token_budget_ / rows, std::max<std::size_t>(8, rows / 8)));
    const auto end = std::min(task_.candidates(), first + width);
    std::vector<std::vector<TokenId>> suffixes;
    for (auto removal = first; removal < end; ++removal) {
      const auto ids = input_without(task_, removal);
      suffixes.emplace_back(ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.end());
    }
    const auto tokens_BS = pad_right(suffixes, model_.device());
    const auto prefix = static_cast<std::int64_t>(begin), length = static_cast<std::int64_t>(rows);
    PrefixContext context(recording_.layers(), prefix, length);
    score(model_.hidden(tokens_BS, at::arange(prefix, prefix + length, tokens_BS.options()), context));
    account(tokens_BS);
    return end;
  }

  /// The answer is predicted by the last T rows of every sequence.
  void score(const at::Tensor& hidden_BSD) {
    const auto rows_RD = hidden_BSD.narrow(1, hidden_BSD.size(1) - answer_tokens_, answer_tokens_).flatten(0, 1);
    append(result_.log_probabilities, target_log_probabilities(model_, rows_RD, targets_.repeat({hidden_BSD.size(0)})));
    result_.work.logit_rows += static_cast<std::uint64_t>(rows_RD.size(0));
  }

  void account(const at::Tensor& tokens_BS) {
    result_.work.positions += static_cast<std::uint64_t>(tokens_BS.numel());
    result_.work.model_calls += 1;
  }

  const Transformer& model_;
  const AttributionTask& task_;
  std::size_t token_budget_;
  AttributionResult result_;
  std::int64_t answer_tokens_;
  at::Tensor targets_;
  RecordingContext recording_;
};

}  // namespace

AttributionWork& AttributionWork::operator+=(const AttributionWork& other) {
  positions += other.positions;
  positions_naive += other.positions_naive;
  model_calls += other.model_calls;
  logit_rows += other.logit_rows;
  return *this;
}

std::vector<float> AttributionResult::contributions() const {
  const auto mean_of_row = [&](std::size_t row) {
    double sum = 0;
    for (std::size_t k = 0; k < answer_tokens; ++k) sum += log_probabilities[row * answer_tokens + k];
    return sum / static_cast<double>(answer_tokens);
  };
  std::vector<float> values;
  const double base = mean_of_row(0);
  for (std::size_t i = 0; i < candidates; ++i) values.push_back(static_cast<float>(base - mean_of_row(i + 1)));
  return values;
}

double AttributionResult::mean_log_probability() const {
  return unpact::mean_log_probability({log_probabilities.begin(), log_probabilities.begin() + static_cast<std::ptrdiff_t>(answer_tokens)});
}

AttributionResult ReferenceEngine::run(const Transformer& model, const AttributionTask& task) const {
  const c10::InferenceMode guard;
  check_task(model.config(), task);
  auto result = empty_result(task);
  const auto T = static_cast<std::int64_t>(task.answer.size());
  const auto targets = to_tensor(task.answer, model.device());
  for (std::size_t row = 0; row <= task.candidates(); ++row) {
    const std::vector<std::vector<TokenId>> sequence = {input_without(task, row == 0 ? kNothing : row - 1)};
    const auto hidden_SD = model.hidden(pad_right(sequence, model.device())).squeeze(0);
    append(result.log_probabilities, target_log_probabilities(model, hidden_SD.narrow(0, hidden_SD.size(0) - T, T), targets));
    result.work += {sequence[0].size(), 0, 1, task.answer.size()};
  }
  check_finite(result);
  return result;
}

AttributionResult SharedPrefixEngine::run(const Transformer& model, const AttributionTask& task) const {
  const c10::InferenceMode guard;
  check_task(model.config(), task);
  return SharedPrefixRun(model, task, token_budget_).run();
}

std::unique_ptr<LeaveOneOutEngine> make_engine(const std::string& name, std::size_t token_budget) {
  UNPACT_VALIDATE(token_budget > 0, "option 'attribution.token_budget' is 0", "not one sequence would fit", "use 4096");
  if (name == "shared_prefix") return std::make_unique<SharedPrefixEngine>(token_budget);
  if (name == "reference") return std::make_unique<ReferenceEngine>();
  throw UserError(concat("option 'attribution.engine' is '", name, "'"), "known: shared_prefix, reference", "choose one of these");
}

std::uint64_t naive_positions(const AttributionTask& task) {
  const std::uint64_t base = task.prompt.size() + task.answer.size() - 1;
  return base + task.candidates() * (base - 1);
}

double measure_noise_floor(const Transformer& model, const AttributionTask& task) {
  check_task(model.config(), task);
  // The same prompt alone, and four times over with a shorter neighbour, so that it sits at several places of a batch.
  const PromptAnswer item{task.prompt, task.answer};
  const PromptAnswer shorter{{task.prompt.begin(), task.prompt.end() - 1}, task.answer};
  const double alone = mean_log_probability(score_answers(model, {item}).front());
  double largest = 0;
  const auto scores = score_answers(model, {item, shorter, item, item, shorter, item}, 1 << 20);
  for (const std::size_t place : {0, 2, 3, 5}) largest = std::max(largest, std::abs(mean_log_probability(scores[place]) - alone));
  return largest;
}

}  // namespace unpact
