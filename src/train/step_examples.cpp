#include "unpact/train/step_examples.hpp"

#include <algorithm>

#include "unpact/core/random.hpp"

namespace unpact {

StepExamples::StepExamples(std::vector<DrawnSet> sets, const TrainOptions& options)
    : sets_(std::move(sets)), options_(options), first_examples_(sets_.front().examples),
      total_steps_(count_steps(options, first_examples_)) {
  for (std::size_t k = 0; k < sets_.size(); ++k)
    samplers_.emplace_back(sets_[k].examples, random_bits(options.seed, stream_of("sampler"), k), options.shuffle);
}

std::vector<std::int64_t> StepExamples::of(std::size_t term, std::int64_t step) const {
  std::vector<std::int64_t> examples;
  const auto begin = first_position(options_, first_examples_, step);
  auto end = begin + options_.batch_size;
  if (options_.step_rule == StepRule::per_epoch) end = std::min(end, first_position(options_, first_examples_, step + 1));
  else if (options_.max_steps == 0) end = std::min(end, options_.epochs * first_examples_);
  for (auto position = begin; position < end; ++position) examples.push_back(at(term, position));
  return examples;
}

std::int64_t StepExamples::at(std::size_t term, std::int64_t position) const {
  const auto count = sets_[term].examples;
  switch (sets_[term].sampling) {
    case Sampling::paired: return samplers_.front()[position] % count;
    case Sampling::uniform:
      return static_cast<std::int64_t>(random_below(static_cast<std::uint64_t>(count), options_.seed,
                                                    random_bits(stream_of("uniform"), 0, term),
                                                    static_cast<std::uint64_t>(position)));
    case Sampling::epoch: break;
  }
  return samplers_[term][position];
}

}  // namespace unpact
