#include "own_answers.hpp"

#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/choices.hpp"

namespace unpact {
namespace {

std::string encode(const OwnAnswer& answer) { return to_bytes(std::vector<std::uint64_t>{answer.ids.size()}) + to_bytes(answer.ids) + answer.text; }

OwnAnswer decode(const std::string& bytes) {
  constexpr auto head = sizeof(std::uint64_t);
  const auto count = from_bytes<std::uint64_t>(bytes.substr(0, head)).at(0) * sizeof(TokenId);
  UNPACT_EXPECT(head + count <= bytes.size());
  return {from_bytes<TokenId>(bytes.substr(head, count)), bytes.substr(head + count)};
}

}  // namespace

std::vector<OwnAnswer> own_answers(const Communicator& group, const LanguageModel& model, const std::vector<std::vector<TokenId>>& prompts,
                                   const std::vector<std::size_t>& choices, AnswerStyle style, const EvaluationOptions& options,
                                   FinishedPages* pages) {
  if (pages == nullptr) return answer_in_style(group, model, prompts, choices, options.generation, style);
  const auto save_every = static_cast<std::size_t>(options.attribution.save_every);
  const auto encoded = pages->run("answers", prompts.size(), save_every, [&](std::size_t first, std::size_t last) {
    const auto begin = static_cast<std::ptrdiff_t>(first), end = static_cast<std::ptrdiff_t>(last);
    std::vector<std::string> page;
    for (const auto& answer : answer_in_style(group, model, {prompts.begin() + begin, prompts.begin() + end},
                                              {choices.begin() + begin, choices.begin() + end}, options.generation, style))
      page.push_back(encode(answer));
    return page;
  });
  std::vector<OwnAnswer> answers;
  for (const auto& bytes : encoded) answers.push_back(decode(bytes));
  return answers;
}

}  // namespace unpact
