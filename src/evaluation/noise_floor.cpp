#include "unpact/evaluation/noise_floor.hpp"

#include <algorithm>

namespace unpact {

double noise_floor_of(const Transformer& model, const std::vector<AskedQuestion>& questions) {
  constexpr std::size_t sample = 8;
  double largest = 0;
  for (std::size_t q = 0; q < std::min(sample, questions.size()); ++q) {
    const auto& prompt = questions[q].prompt;
    largest = std::max(largest, measure_noise_floor(model, {prompt.ids, prompt.candidate_begin, prompt.candidate_end, questions[q].gold_answer}));
  }
  return largest;
}

}  // namespace unpact
