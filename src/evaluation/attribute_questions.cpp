#include "unpact/evaluation/attribute_questions.hpp"

#include <algorithm>

#include "dealt_removals.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/progress.hpp"

namespace unpact {
namespace {

using Sets = std::vector<std::vector<Attribution>>;

/// Leave-one-out deals its work in its own way.
Sets remove_one_by_one(const Communicator& group, const Transformer& model, const LeaveOneOutEngine& engine,
                       const QuestionRange& range) {
  Sets sets;
  for (auto& results : deal_removals(group, model, engine, range)) {
    auto& set = sets.emplace_back();
    for (auto& result : results)
      set.push_back(result.answer_tokens == 0 ? Attribution() : attribution_of(std::move(result)));
  }
  return sets;
}

/// One question after the other, dealt over the ranks.
Sets deal_questions(const Communicator& group, const Transformer& model, const AttributionMethod& method,
                    const QuestionRange& range) {
  const auto ranks = static_cast<std::size_t>(group.size()), rank = static_cast<std::size_t>(group.rank()),
             count = range.last - range.first;
  Progress progress(range.label, static_cast<std::int64_t>((count + ranks - 1 - rank) / ranks), "prompts");  // this rank's
  return share_work(group, count, 1, [&](std::size_t begin, std::size_t end) {
    Sets sets;
    for (auto q = range.first + begin; q < range.first + end; ++q) {
      range.heed_stop();
      auto& set = sets.emplace_back();
      for (const auto& answer : range.answers[q])
        set.push_back(naming_question(range, q, [&] {
          return answer.empty() ? Attribution() : method.run(model, task_of(range.questions[q].prompt, answer), q);
        }));
      progress.advance();
    }
    return sets;
  });
}

}  // namespace

std::vector<std::vector<Attribution>> attribute_answer_sets(const Communicator& group, const Transformer& model,
                                                            const AttributionMethod& method,
                                                            const std::vector<AskedQuestion>& questions,
                                                            const AnswerSets& answers, const std::string& label,
                                                            const PageOptions& pages) {
  UNPACT_EXPECT(answers.size() == questions.size());
  method.check_model(model);
  return run_in_pages(pages, questions.size(), [&](std::size_t first, std::size_t last) {
    const bool all = last - first == questions.size();
    const QuestionRange range{questions,
                              answers,
                              first,
                              last,
                              all ? label : concat(label, ", prompts ", first + 1, " to ", last, " of ", questions.size()),
                              pages.pages != nullptr};
    const auto* engine = method.engine();
    return engine != nullptr ? remove_one_by_one(group, model, *engine, range) : deal_questions(group, model, method, range);
  });
}

std::vector<Attribution> attribute_answers(const Communicator& group, const Transformer& model,
                                           const AttributionMethod& method, const std::vector<AskedQuestion>& questions,
                                           const Answers& answers, const std::string& label, const PageOptions& pages) {
  AnswerSets sets;
  for (const auto& answer : answers) sets.push_back({answer});
  std::vector<Attribution> results;
  for (auto& set : attribute_answer_sets(group, model, method, questions, sets, label, pages))
    results.push_back(std::move(set.front()));
  return results;
}

ContributionRecord record_contributions(const std::vector<Attribution>& results, const Answers& answers,
                                        const KeyTokenOptions& keys, double noise_floor) {
  ContributionRecord record;
  for (std::size_t q = 0; q < results.size(); ++q) {
    const auto& result = results[q];
    record.answer_ids.add({answers[q].begin(), answers[q].end()});
    record.log_probabilities.add(result.log_probabilities);
    record.contributions.add(result.values);
    record.standard_errors.add(result.standard_errors);
    record.is_key_token.add(find_key_tokens(result.values, keys));
    record.is_uncertain.add(find_uncertain_key_tokens(result.values, result.standard_errors, keys, noise_floor));
    record.mean_log_probability.push_back(result.mean_log_probability);
    record.completeness_error.push_back(result.completeness_error);
    record.surrogate_r2.push_back(result.surrogate_r2);
  }
  return record;
}

double noise_floor_of(const Transformer& model, const AttributionMethod& method,
                      const std::vector<AskedQuestion>& questions) {
  constexpr std::size_t sample = 8;
  const AnswerSets gold_alone;
  const QuestionRange range{questions, gold_alone, 0, std::min(sample, questions.size()), "noise floor"};
  double largest = 0;
  for (std::size_t q = 0; q < range.last; ++q)
    largest = std::max(largest, naming_question(range, q, [&] {
                         return measure_noise_floor(method, model, task_of(questions[q].prompt, questions[q].gold_answer));
                       }));
  return largest;
}

}  // namespace unpact
