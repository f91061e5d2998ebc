#pragma once
/// Asking a model the questions of a dataset.
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "unpact/comm/communicator.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/evaluation/judge.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/text/thought.hpp"

namespace unpact {

/// A question as it is put to a model.
struct AskedQuestion {
  QuestionAnswer pair;
  bool in_forget_set = true;
  Prompt prompt;
  std::vector<TokenId> gold_answer;                               ///< the gold answer's tokens behind prompt and thought
  std::shared_ptr<const std::vector<InContextExample>> examples;  ///< those in front of it; null: none
  RemovalUnit unit = RemovalUnit::token;                          ///< what leave-one-out takes out at once
  Thought gold_thought = {};  ///< the gold trace between prompt and gold answer; no tokens where the model does not think
};

/// How a question is answered: with a text of the model's own, or with the letter of one of its choices.
enum class AnswerStyle { text, choice };

/// The dataset's questions, forget first, then retain, each with its prompt.
/// @param examples_shown in-context examples in front of each question (of its own set); 0: none.
/// @param limit at most this many of each set, 0: all. @throws UserError naming the question that does not work.
std::vector<AskedQuestion> ask_questions(const Dataset& dataset, const Tokenizer& tokenizer,
                                         const PromptTemplate& prompt_template, std::size_t examples_shown,
                                         std::size_t limit);

/// A model's own greedy answer.
struct OwnAnswer {
  std::vector<TokenId> ids;  ///< may be empty
  std::string text;
  Thought thought = {};     ///< in front of it; no tokens where the model does not think
  std::string trace = {};   ///< what a person reads of the thought
  std::uint8_t forced = 0;  ///< the thought did not end by itself before its limit
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.ids, self.text, self.thought.ids, self.thought.trace_begin, self.thought.trace_end, self.trace,
                    self.forced);
  }
};

/// Greedy answers to prompts, or with options.sample drawn ones, behind thoughts where the model thinks. Collective over `group`; the prompts are dealt over its
/// ranks by cost, every rank gets all answers.
std::vector<OwnAnswer> answer_prompts(const Communicator& group, const LanguageModel& model,
                                      const std::vector<std::vector<TokenId>>& prompts, const GenerationOptions& options,
                                      const std::vector<std::uint64_t>& streams = {});

/// "forget question 3": which question of the dataset `questions[index]` is.
std::string name_of_question(const std::vector<AskedQuestion>& questions, std::size_t index);

/// Refuses gold answers that hold BOS or an end token: the model would be scored on the end of its answer.
/// @throws UserError naming the question.
void check_gold_answers(const ModelConfig& config, const std::vector<AskedQuestion>& questions);

}  // namespace unpact
