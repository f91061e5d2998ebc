#include "batched_engine.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

class BoundBatched : public BoundEngine {
 public:
  BoundBatched(const Transformer& model, std::size_t budget) : model_(model), budget_(budget) {}

  /// The unablated prompt is longer than the rest, so it goes alone.
  std::vector<AttributionPart> parts(const AttributionRequest& request) const override {
    const auto length = request.prompt.size() - 1 + request.answers.at(0).size() - 1, rows = request.removals.size() + 1;
    const auto width = std::max<std::size_t>(1, budget_ / length);
    std::vector<AttributionPart> parts = {{0, 1, length + 1}};
    for (std::size_t first = 1; first < rows; first += width)
      parts.push_back({first, std::min(rows, first + width), (std::min(rows, first + width) - first) * length});
    return parts;
  }

  std::vector<RemovalScores> run_part(const AttributionRequest& request, const AttributionPart& part) override {
    const c10::InferenceMode guard;
    const auto& answer = request.answers.at(0);
    const auto T = static_cast<std::int64_t>(answer.size());
    std::vector<std::vector<TokenId>> sequences;
    for (auto row = part.first_row; row < part.last_row; ++row) {
      auto ids = request.prompt;
      if (row > 0) ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(request.removals[row - 1].begin));
      ids.insert(ids.end(), answer.begin(), answer.end() - 1);
      sequences.push_back(std::move(ids));
    }
    const auto hidden_BSD = model_.hidden(pad_right(sequences, model_.device()));
    const auto rows_RD = hidden_BSD.narrow(1, hidden_BSD.size(1) - T, T).flatten(0, 1);
    const auto targets = to_tensor(answer, model_.device()).repeat({hidden_BSD.size(0)});
    const auto values = target_log_probabilities(model_, rows_RD, targets).to(at::kCPU);
    RemovalScores result;
    result.candidates = request.removals.size();
    result.answer_tokens = answer.size();
    result.log_probabilities.assign(values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel());
    result.work = {sequences.size() * sequences[0].size(), 0, 1, static_cast<std::uint64_t>(values.numel())};
    return {result};
  }

 private:
  const Transformer& model_;
  std::size_t budget_;
};

}  // namespace

std::unique_ptr<BoundEngine> BatchedEngine::open(const Transformer& model) const {
  return std::make_unique<BoundBatched>(model, token_budget_);
}

}  // namespace unpact
