#include "own_answers.hpp"

#include "choices.hpp"

namespace unpact {

std::vector<OwnAnswer> own_answers(const Communicator& group, const LanguageModel& model,
                                   const std::vector<std::vector<TokenId>>& prompts, const std::vector<std::size_t>& choices,
                                   AnswerStyle style, const EvaluationOptions& options, FinishedPages* pages) {
  const PageOptions kept{pages, "answers", static_cast<std::size_t>(options.attribution.save_every)};
  return run_in_pages(kept, prompts.size(), [&](std::size_t first, std::size_t last) {
    const auto begin = static_cast<std::ptrdiff_t>(first), end = static_cast<std::ptrdiff_t>(last);
    return answer_in_style(group, model, {prompts.begin() + begin, prompts.begin() + end},
                           {choices.begin() + begin, choices.begin() + end}, options.generation, style);
  });
}

}  // namespace unpact
