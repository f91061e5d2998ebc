#include "unpact/attribution/leave_one_out.hpp"

#include <ATen/ATen.h>

#include "encoder_decoder.hpp"
#include "remote_engine.hpp"
#include "requests.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

void append(std::vector<float>& out, const at::Tensor& values) {
  const auto host = values.to(at::kCPU).contiguous();
  out.insert(out.end(), host.const_data_ptr<float>(), host.const_data_ptr<float>() + host.numel());
}

class BoundReference : public BoundEngine {
 public:
  explicit BoundReference(const Transformer& model) : model_(model) {}

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

  std::vector<RemovalScores> run_part(const AttributionRequest& request, const AttributionPart& part) override {
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

std::vector<float> RemovalScores::contributions() const {
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

double RemovalScores::mean_log_probability() const {
  return unpact::mean_log_probability(
      {log_probabilities.begin(), log_probabilities.begin() + static_cast<std::ptrdiff_t>(answer_tokens)});
}

RemovalScores of_first_targets(const std::vector<float>& log_probabilities, std::size_t candidates,
                               std::size_t answer_tokens) {
  const auto columns = log_probabilities.size() / (candidates + 1);
  UNPACT_EXPECT(columns >= answer_tokens && columns * (candidates + 1) == log_probabilities.size());
  RemovalScores kept{candidates, answer_tokens, {}, {}};
  kept.log_probabilities.reserve((candidates + 1) * answer_tokens);
  for (std::size_t r = 0; r <= candidates; ++r) {
    const auto row = log_probabilities.begin() + static_cast<std::ptrdiff_t>(r * columns);
    kept.log_probabilities.insert(kept.log_probabilities.end(), row, row + static_cast<std::ptrdiff_t>(answer_tokens));
  }
  return kept;
}

std::vector<AttributionPart> BoundEngine::finer_parts(const AttributionRequest& request, std::size_t) const {
  return parts(request);
}

std::vector<std::vector<RemovalScores>> BoundEngine::run_parts(const std::vector<RequestedPart>& parts) {
  std::vector<std::vector<RemovalScores>> results;
  for (const auto& [request, part] : parts) results.push_back(run_part(*request, part));
  return results;
}

std::vector<RemovalScores> BoundEngine::run(const AttributionRequest& request) {
  const auto all = parts(request);
  std::vector<RemovalScores> results;
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

RemovalScores LeaveOneOutEngine::run(const Transformer& model, const AttributionTask& task) const {
  return open(model)->run(AttributionRequest(task)).front();
}

std::unique_ptr<BoundEngine> ReferenceEngine::open(const Transformer& model) const {
  if (remote_of(model) != nullptr) return open_remote_engine(model);
  if (is_encoder_decoder(model.config())) return open_encoder_decoder(model, /*together=*/false);
  return std::make_unique<BoundReference>(model);
}

std::unique_ptr<LeaveOneOutEngine> make_engine(EngineKind kind, std::size_t token_budget) {
  if (kind == EngineKind::reference) return std::make_unique<ReferenceEngine>();
  return std::make_unique<SharedPrefixEngine>(token_budget);
}

}  // namespace unpact
