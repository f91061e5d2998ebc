#include "unpact/evaluation/fit_questions.hpp"

#include <algorithm>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace {

std::size_t count_of(const std::vector<AskedQuestion>& questions, bool forget) {
  return static_cast<std::size_t>(std::ranges::count(questions, forget, &AskedQuestion::in_forget_set));
}

void refuse(const std::vector<AskedQuestion>& questions, std::size_t q, const ModelConfig& config, std::int64_t new_tokens) {
  const auto& where = questions[q].pair.where;
  throw UserError(concat(where, where.empty() ? "" : ": ", name_of_question(questions, q), " does not fit the model"),
                  concat("prompt and answer take ", tokens_of(questions[q], new_tokens), " tokens, its context holds ",
                         config.max_positions),
                  "lower generation.max_new_tokens or prompt.examples, or set dataset.skip_long = true, which leaves such "
                  "questions out");
}

}  // namespace

std::size_t tokens_of(const AskedQuestion& question, std::int64_t new_tokens) {
  return question.prompt.ids.size() +
         std::max(static_cast<std::size_t>(new_tokens), question.gold_thought.ids.size() + question.gold_answer.size());
}

std::size_t fit_questions(std::vector<AskedQuestion>& questions, const ModelConfig& config, std::int64_t new_tokens,
                          bool skip_long) {
  const auto fits = [&](const AskedQuestion& question) {
    return tokens_of(question, new_tokens) <= static_cast<std::size_t>(config.max_positions);
  };
  const auto first = std::ranges::find_if_not(questions, fits);
  if (first == questions.end()) return 0;
  if (!skip_long) refuse(questions, static_cast<std::size_t>(first - questions.begin()), config, new_tokens);
  const auto all = questions.size();
  const bool had_forget = count_of(questions, true) > 0, had_retain = count_of(questions, false) > 0;
  std::erase_if(questions, [&](const AskedQuestion& question) { return !fits(question); });
  for (const bool forget : {true, false})
    UNPACT_VALIDATE(
        count_of(questions, forget) > 0 || !(forget ? had_forget : had_retain),
        concat("no ", forget ? "forget" : "retain", " question fits the model"),
        concat("its context holds ", config.max_positions, " tokens, and dataset.skip_long leaves out what is longer"),
        "lower generation.max_new_tokens or prompt.examples");
  log::info(concat(all - questions.size(), " of ", all, " questions do not fit the model's context of ",
                   config.max_positions, " tokens and are left out (dataset.skip_long)"));
  return all - questions.size();
}

}  // namespace unpact
