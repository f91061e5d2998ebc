#pragma once
/// Answers behind thoughts.
#include <cstddef>
#include <vector>

#include "unpact/evaluation/questions.hpp"

namespace unpact {

/// Tokens that a model may write for one answer, thought included.
std::size_t most_new_tokens(const PromptTemplate& prompt_template, const GenerationOptions& options);

/// Thinks as options.thinking says, closes the thought, and answers. A thought that the model has not closed within its limit, or
/// has ended with EOS, is closed for it; one that it has closed goes on with the answer in the same run. A prompt that holds a
/// thought already (begin_answer) is only answered. On this rank; the same whatever stands beside a request, as generate().
std::vector<OwnAnswer> think_and_answer(const LanguageModel& model, const std::vector<GenerationRequest>& requests,
                                        const GenerationOptions& options);

/// Says in the log how many thoughts were closed by force, and the first of them.
void say_forced(const std::vector<OwnAnswer>& answers, const std::vector<AskedQuestion>& questions,
                const GenerationOptions& options, const std::string& label);

/// The prompt of a question, and the gold trace where the model thinks: what the gold answer stands behind when it is scored.
std::vector<TokenId> prompt_of_gold(const AskedQuestion& asked);

/// The question with a thought behind its prompt. @param attributes_trace makes the tokens from the question's first to the trace's
/// last candidates, those of the template between them included. The thought becomes its gold thought.
AskedQuestion behind_thought(const AskedQuestion& asked, const Thought& thought, bool attributes_trace);

}  // namespace unpact
