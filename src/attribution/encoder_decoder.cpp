#include "encoder_decoder.hpp"

#include <algorithm>

#include "requests.hpp"
#include "unpact/inference/answer_rows.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

class BoundEncoderDecoder final : public BoundEngine {
 public:
  BoundEncoderDecoder(const Transformer& model, bool together, std::size_t token_budget)
      : model_(model), together_(together), budget_(token_budget == 0 ? kPaddedTokens : token_budget) {}

  std::vector<AttributionPart> parts(const AttributionRequest& request) const override {
    check_request(model_.config(), request);
    std::vector<AttributionPart> parts;
    for (std::size_t row = 0; row <= request.removals.size(); ++row) {
      const auto positions = positions_of(request, row);
      const bool fits = together_ && !parts.empty() && parts.back().positions + positions <= budget_;
      if (!fits) parts.push_back({row, row, 0});
      parts.back().last_row = row + 1;
      parts.back().positions += positions;
    }
    return parts;
  }

  std::vector<RemovalScores> run_part(const AttributionRequest& request, const AttributionPart& part) override {
    auto results = empty_results(request, part);
    std::vector<PromptAnswer> items;
    for (auto row = part.first_row; row < part.last_row; ++row)
      for (const auto& answer : request.answers)
        items.push_back({prompt_without(request, span_of_row(request, row)), answer});
    const auto scores = together_ ? score_answers(model_, items, budget_) : score_by_passes(model_, items);
    for (std::size_t i = 0; i < items.size(); ++i) {
      auto& result = results[i % results.size()];
      result.log_probabilities.insert(result.log_probabilities.end(), scores[i].begin(), scores[i].end());
      result.work += {items[i].prompt.size() + items[i].answer.size(), 0, 1, items[i].answer.size()};
    }
    check_finite(model_, request, part, results);
    return results;
  }

 private:
  static std::size_t positions_of(const AttributionRequest& request, std::size_t row) {
    std::size_t positions = 0;
    for (const auto& answer : request.answers)
      positions += request.prompt.size() - span_of_row(request, row).size() + answer.size();
    return positions;
  }

  const Transformer& model_;
  bool together_;
  std::size_t budget_;
};

}  // namespace

std::unique_ptr<BoundEngine> open_encoder_decoder(const Transformer& model, bool together, std::size_t token_budget) {
  return std::make_unique<BoundEncoderDecoder>(model, together, token_budget);
}

}  // namespace unpact
