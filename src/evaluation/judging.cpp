#include "judging.hpp"

#include "unpact/core/error.hpp"
#include "unpact/evaluation/measure_metrics.hpp"

namespace unpact {

double Judge::score_of(const QuestionAnswer& question, std::string_view answer) const {
  return score(question.answer, answer);
}

std::vector<double> Judge::scores(const AnswersToJudge& answers) const {
  std::vector<double> all;
  for (std::size_t i = 0; i < answers.answers.size(); ++i)
    all.push_back(score_of(answers.questions[i]->pair, answers.answers[i]));
  return all;
}

PageOptions AnswersToJudge::pages_of(const std::string& judge, std::size_t chunk) const {
  return {kept.pages, concat(judge, "_on_", kept.stage), page_of_chunks(kept.save_every, chunk)};
}

QuestionAnswer with_gold(QuestionAnswer pair, const std::string& gold) {
  pair.answer = gold;
  const bool had_entities = !pair.entities.empty();
  std::erase_if(pair.entities, [&](const auto& entity) { return gold.find(entity) == std::string::npos; });
  if (had_entities && pair.entities.empty()) pair.entities = {gold};
  pair.paraphrased.clear();
  pair.perturbed.clear();
  return pair;
}

AnswersToJudge own_answers_to_judge(const Communicator& group, const LanguageModel& model,
                                    const std::vector<AskedQuestion>& questions, const std::vector<std::string>& answers,
                                    const PageOptions& kept) {
  UNPACT_EXPECT(answers.size() == questions.size());
  AnswersToJudge all{group, model, {}, answers, {}, kept};
  for (const auto& asked : questions) {
    all.questions.push_back(&asked);
    all.prompts.push_back(asked.prompt.ids);
  }
  return all;
}

}  // namespace unpact
