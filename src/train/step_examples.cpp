#include "step_examples.hpp"

#include <algorithm>

#include "unpact/core/random.hpp"

namespace unpact {

StepExamples::StepExamples(const std::vector<WeightedTerm>& terms, const TrainOptions& options)
    : terms_(terms), options_(options), first_examples_(terms.front().term->example_count()),
      total_steps_(count_steps(options, first_examples_)) {
  for (std::size_t k = 0; k < terms.size(); ++k)
    samplers_.emplace_back(terms[k].term->example_count(), random_bits(options.seed, stream_of("sampler"), k),
                           options.shuffle);
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
  const auto count = terms_[term].term->example_count();
  switch (terms_[term].sampling) {
    case Sampling::paired: return samplers_.front()[position] % count;
    case Sampling::uniform:
      return static_cast<std::int64_t>(random_below(static_cast<std::uint64_t>(count), options_.seed,
                                                    random_bits(stream_of("uniform"), 0, term),
                                                    static_cast<std::uint64_t>(position)));
    case Sampling::epoch: break;
  }
  return samplers_[term][position];
}

std::vector<MicroBatch> cut_into_micro_batches(const LossTerm& term, const std::vector<std::int64_t>& examples,
                                               const MicroBatchCut& cut) {
  const auto ranks = static_cast<std::size_t>(cut.ranks), size = static_cast<std::size_t>(cut.size);
  std::vector<std::int64_t> mine;
  for (std::size_t i = static_cast<std::size_t>(cut.rank); i < examples.size(); i += ranks) mine.push_back(examples[i]);
  std::stable_sort(mine.begin(), mine.end(), [&](auto a, auto b) { return term.length(a) > term.length(b); });
  std::vector<MicroBatch> batches;
  for (std::size_t begin = 0; begin < mine.size(); begin += size) {
    const auto first = mine.begin() + static_cast<std::ptrdiff_t>(begin);
    batches.push_back({{first, first + static_cast<std::ptrdiff_t>(std::min(size, mine.size() - begin))}, true});
  }
  if (!cut.equally_many) return batches;
  const auto most = (examples.size() + ranks - 1) / ranks;  // of rank 0
  const auto shortest =
      *std::min_element(examples.begin(), examples.end(), [&](auto a, auto b) { return term.length(a) < term.length(b); });
  while (batches.size() < (most + size - 1) / size) batches.push_back({{shortest}, false});
  return batches;
}

}  // namespace unpact
