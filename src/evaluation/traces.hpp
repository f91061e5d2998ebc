#pragma once
/// Traces of thought judged by themselves, and their part in the contributions.
#include <vector>

#include "unpact/evaluation/attribute_questions.hpp"
#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/results/thought.hpp"

namespace unpact {

/// Whether each trace says the gold answer: the trace stands in the answer's place. Asks the judge that decides, or where that one
/// needs a model or a file ROUGE-L recall >= 0.5.
void judge_traces(const JudgeOptions& options, const std::vector<AskedQuestion>& questions, ThoughtRecord& record);

/// Every question behind a thought, whose trace is attributed where leave-one-out takes out tokens.
std::vector<AskedQuestion> behind_thoughts(const std::vector<AskedQuestion>& questions, const std::vector<Thought>& thoughts,
                                           const EvaluationOptions& options);

/// The same with the gold traces; with empty thoughts where the model is not to think, or the data have no traces.
std::vector<AskedQuestion> behind_gold_thoughts(const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                                                const EvaluationOptions& options);

/// The same questions with the candidates of `plain` alone.
std::vector<AskedQuestion> with_question_candidates(std::vector<AskedQuestion> questions,
                                                    const std::vector<AskedQuestion>& plain);

/// Takes the traces' part out of results for questions behind thoughts, which are then those of the questions' own tokens.
/// @param plain the questions themselves. @param behind what was attributed. @param answers without ends.
TraceContributions take_traces(std::vector<Attribution>& results, const std::vector<AskedQuestion>& plain,
                               const std::vector<AskedQuestion>& behind, const Answers& answers);

/// The trace's part of all positive contributions; NaN where none is positive.
double trace_share(const std::vector<float>& of_question, const std::vector<float>& of_trace);

}  // namespace unpact
