#include "own_answers.hpp"

#include "choices.hpp"

namespace unpact {
namespace {

template <class T>
std::vector<T> part_of(const std::vector<T>& all, std::size_t first, std::size_t last) {
  if (all.empty()) return {};
  return {all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(last)};
}

}  // namespace

std::vector<OwnAnswer> answers_in_pages(const Communicator& group, const LanguageModel& model, const PromptsToAnswer& asked,
                                        const GenerationOptions& generation, AnswerStyle style, const PageOptions& pages) {
  return run_in_pages(pages, asked.prompts.size(), [&](std::size_t first, std::size_t last) {
    return answer_in_style(group, model, part_of(asked.prompts, first, last), part_of(asked.choices, first, last),
                           generation, style, part_of(asked.streams, first, last));
  });
}

PageOptions pages_of_probe(FinishedPages* pages, const std::string& stage, std::size_t save_every, std::size_t attempts) {
  return {pages, stage, save_every * attempts};
}

}  // namespace unpact
