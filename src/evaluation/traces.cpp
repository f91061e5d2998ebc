#include "traces.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>

#include "think.hpp"
#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/judge.hpp"

namespace unpact {
namespace {

/// A judge that reads any text on the spot.
std::unique_ptr<const Judge> judge_of_traces(const JudgeOptions& options) {
  const auto& row = judge_row(options);
  const bool reads = row.reads_answers && !row.wants_letters && !row.asks_model && !row.asks_judge;
  return make_judge(reads ? options : JudgeOptions{});
}

void add_nothing(TraceContributions& record) {
  record.token_ids.add({});
  record.log_probabilities.add({});
  record.contributions.add({});
  record.trace_share.push_back(std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

void judge_traces(const JudgeOptions& options, const std::vector<AskedQuestion>& questions, ThoughtRecord& record) {
  if (record.trace.empty()) return;
  const auto judge = judge_of_traces(options);
  for (std::size_t q = 0; q < questions.size(); ++q) {
    record.score.push_back(judge->score_of(questions[q].pair, record.trace[q]));
    record.is_right.push_back(judge->passes(record.score.back()));
  }
}

std::vector<AskedQuestion> behind_thoughts(const std::vector<AskedQuestion>& questions, const std::vector<Thought>& thoughts,
                                           const EvaluationOptions& options) {
  UNPACT_EXPECT(thoughts.size() == questions.size());
  std::vector<AskedQuestion> behind;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    const bool by_token = options.attribution.method == kLeaveOneOut && questions[q].unit == RemovalUnit::token;
    behind.push_back(behind_thought(questions[q], thoughts[q], by_token));
  }
  return behind;
}

std::vector<AskedQuestion> behind_gold_thoughts(const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                                                const EvaluationOptions& options) {
  std::vector<Thought> thoughts;
  for (const auto& asked : questions)
    thoughts.push_back(options.generation.thinking == Thinking::none
                           ? encode_thought(*model.tokenizer, model.prompt_template, "")
                           : asked.gold_thought);
  return behind_thoughts(questions, thoughts, options);
}

std::vector<AskedQuestion> with_question_candidates(std::vector<AskedQuestion> questions,
                                                    const std::vector<AskedQuestion>& plain) {
  for (std::size_t q = 0; q < questions.size(); ++q) questions[q].prompt.candidate_end = plain[q].prompt.candidate_end;
  return questions;
}

double trace_share(const std::vector<float>& of_question, const std::vector<float>& of_trace) {
  const auto positive = [](const std::vector<float>& values) {
    double sum = 0;
    for (const auto value : values) sum += std::max(0.0, static_cast<double>(value));
    return sum;
  };
  const double trace = positive(of_trace), all = trace + positive(of_question);
  return all > 0 ? trace / all : std::numeric_limits<double>::quiet_NaN();
}

TraceContributions take_traces(std::vector<Attribution>& results, const std::vector<AskedQuestion>& plain,
                               const std::vector<AskedQuestion>& behind, const Answers& answers) {
  TraceContributions record;
  for (std::size_t q = 0; q < results.size(); ++q) {
    auto& result = results[q];
    const auto& thought = behind[q].gold_thought;
    const auto own = plain[q].prompt.candidate_end - plain[q].prompt.candidate_begin, all = result.values.size();
    if (all <= own || answers[q].empty()) {
      add_nothing(record);
      continue;
    }
    const auto answer_tokens = answers[q].size(), columns = result.log_probabilities.size() / (all + 1);
    const auto removals = of_first_targets(result.log_probabilities, all, answer_tokens);
    const auto contributions = removals.contributions();
    const auto first = all - (thought.trace_end - thought.trace_begin);  // the trace's tokens come last
    const auto values = contributions.begin();
    const std::vector<float> of_question(values, values + static_cast<std::ptrdiff_t>(own)),
        of_trace(values + static_cast<std::ptrdiff_t>(first), contributions.end());
    record.trace_share.push_back(trace_share(of_question, of_trace));
    record.token_ids.add({thought.ids.begin() + static_cast<std::ptrdiff_t>(thought.trace_begin),
                          thought.ids.begin() + static_cast<std::ptrdiff_t>(thought.trace_end)});
    const auto rows = removals.log_probabilities.begin() + static_cast<std::ptrdiff_t>((first + 1) * answer_tokens);
    record.log_probabilities.add({rows, removals.log_probabilities.end()});
    record.contributions.add(of_trace);
    result.values.resize(own);
    if (!result.standard_errors.empty()) result.standard_errors.resize(own);
    result.log_probabilities.resize((own + 1) * columns);
  }
  return record;
}

}  // namespace unpact
