#pragma once
/// What the metrics want to know of a sequence that was scored, reduced where it was computed.
#include <cstdint>
#include <tuple>
#include <vector>

#include "unpact/comm/communicator.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/model/language_model.hpp"

namespace unpact {

/// Of the answer of one sequence; formulas in membership.hpp and memorization.hpp.
struct SequenceScores {
  std::uint64_t tokens = 0;
  double loss = 0, zlib = 0, min_k = 0, min_k_plus_plus = 0;
  double extraction = 0, extraction_open_unlearning = 0, exact = 0;
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.tokens, self.loss, self.zlib, self.min_k, self.min_k_plus_plus, self.extraction,
                    self.extraction_open_unlearning, self.exact);
  }
};

/// Scores a part's sequences, dealt over the ranks, finished pages from the disk. Collective over `group`.
/// @param min_k the share of Min-K. @throws RuntimeFailure where log-probabilities are not finite, naming the item.
std::vector<SequenceScores> score_part(const Communicator& group, const LanguageModel& model, const ScoredPart& part,
                                       double min_k, FinishedPages* pages, std::size_t save_every);

/// Greedy continuations of a part's prompts, as ids. Collective over `group`.
std::vector<std::vector<TokenId>> continue_part(const Communicator& group, const LanguageModel& model,
                                                const ContinuedPart& part, FinishedPages* pages, std::size_t save_every);

}  // namespace unpact
