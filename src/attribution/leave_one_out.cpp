#include "unpact/attribution/leave_one_out.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "requests.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

void append(std::vector<float>& out, const at::Tensor& values) {
  const auto host = values.to(at::kCPU).contiguous();
  out.insert(out.end(), host.const_data_ptr<float>(), host.const_data_ptr<float>() + host.numel());
}

class ReferenceSession : public AttributionSession {
 public:
  explicit ReferenceSession(const Transformer& model) : model_(model) {}

  /// One removal a part.
  std::vector<AttributionPart> parts(const AttributionRequest& request) const override {
    check_request(model_.config(), request);
    std::vector<AttributionPart> parts;
    for (std::size_t row = 0; row <= request.removals.size(); ++row) {
      parts.push_back({row, row + 1, 0});
      for (const auto& answer : request.answers) parts.back().positions += input(request, row, answer).size();
    }
    return parts;
  }

  std::vector<AttributionResult> run_part(const AttributionRequest& request, const AttributionPart& part) override {
    const c10::InferenceMode guard;
    auto results = empty_results(request, part);
    for (auto row = part.first_row; row < part.last_row; ++row) {
      for (std::size_t a = 0; a < results.size(); ++a) {
        const auto& answer = request.answers[a];
        const std::vector<std::vector<TokenId>> sequence = {input(request, row, answer)};
        const auto T = static_cast<std::int64_t>(answer.size());
        const auto hidden_SD = model_.hidden(pad_right(sequence, model_.device())).squeeze(0);
        append(results[a].log_probabilities, target_log_probabilities(model_, hidden_SD.narrow(0, hidden_SD.size(0) - T, T),
                                                                      to_tensor(answer, model_.device())));
        results[a].work += {sequence[0].size(), 0, 1, answer.size()};
      }
    }
    check_finite(model_, request, part, results);
    return results;
  }

 private:
  /// Prompt without the removed tokens and all but the last answer token: what the model runs over.
  static std::vector<TokenId> input(const AttributionRequest& request, std::size_t row, const std::vector<TokenId>& answer) {
    auto ids = prompt_without(request, span_of_row(request, row));
    ids.insert(ids.end(), answer.begin(), answer.end() - 1);
    return ids;
  }

  const Transformer& model_;
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

std::vector<AttributionPart> AttributionSession::finer_parts(const AttributionRequest& request, std::size_t) const { return parts(request); }

std::vector<AttributionResult> AttributionSession::run(const AttributionRequest& request) {
  const auto all = parts(request);
  std::vector<AttributionResult> results;
  for (const auto& part : all) {
    auto next = run_part(request, part);
    if (results.empty()) {
      results = std::move(next);
      continue;
    }
    for (std::size_t a = 0; a < results.size(); ++a) {
      auto& values = results[a].log_probabilities;
      values.insert(values.end(), next[a].log_probabilities.begin(), next[a].log_probabilities.end());
      results[a].work += next[a].work;
    }
  }
  for (std::size_t a = 0; a < results.size(); ++a) results[a].work.positions_naive = naive_positions(request, a);
  return results;
}

AttributionResult LeaveOneOutEngine::run(const Transformer& model, const AttributionTask& task) const {
  return open(model)->run(AttributionRequest(task)).front();
}

std::unique_ptr<AttributionSession> ReferenceEngine::open(const Transformer& model) const { return std::make_unique<ReferenceSession>(model); }

std::unique_ptr<LeaveOneOutEngine> make_engine(const std::string& name, std::size_t token_budget) {
  if (name == "shared_prefix") return std::make_unique<SharedPrefixEngine>(token_budget);
  if (name == "reference") return std::make_unique<ReferenceEngine>();
  throw UserError(concat("option 'attribution.engine' is '", name, "'"), "known: shared_prefix, reference", "choose one of these");
}

double measure_noise_floor(const Transformer& model, const AttributionTask& task) {
  check_request(model.config(), AttributionRequest(task));
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
