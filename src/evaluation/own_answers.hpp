#pragma once
/// A model's answers to many prompts, kept on the disk while a job runs.
#include <cstdint>
#include <vector>

#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// What is asked, and how.
struct PromptsToAnswer {
  std::vector<std::vector<TokenId>> prompts;
  std::vector<std::size_t> choices;    ///< of each prompt
  std::vector<std::uint64_t> streams;  ///< of each prompt's random numbers; empty: 0
};

/// answer_in_style(), with the answers of finished pages from the disk. Collective over `group`; every rank gets all.
std::vector<OwnAnswer> answers_in_pages(const Communicator& group, const LanguageModel& model, const PromptsToAnswer& asked,
                                        const GenerationOptions& generation, AnswerStyle style, const PageOptions& pages);

/// Pages of a probe's stage: all attempts on so many questions, whose prompts begin alike.
PageOptions pages_of_probe(FinishedPages* pages, const std::string& stage, std::size_t save_every, std::size_t attempts);

}  // namespace unpact
