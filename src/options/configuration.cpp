#include "unpact/options/configuration.hpp"

#include "unpact/core/text.hpp"

namespace unpact {

PromptTemplate PromptOptions::resolve() const {
  PromptTemplate result;
  result.system = unescape(system);
  result.before_system = unescape(before_system);
  result.after_system = unescape(after_system);
  result.before_question = unescape(before_question);
  result.after_question = unescape(after_question);
  result.answer_prefix = unescape(answer_prefix);
  result.generation_prefix = unescape(generation_prefix);
  result.between_examples = unescape(between_examples);
  result.thought_begin = unescape(thought_begin);
  result.thought_end = unescape(thought_end);
  result.add_bos = add_bos;
  result.stop_strings.clear();
  for (const auto& text : split_list(stop, '|')) result.stop_strings.push_back(unescape(text));
  return result;
}

EvaluationOptions Configuration::evaluation_options() const {
  EvaluationOptions options{generation, attribution, judge, probe, run.seed, metric};
  options.metric.limit = static_cast<std::size_t>(dataset.limit);
  return options;
}

std::int64_t Configuration::longest_answer() const {
  constexpr std::int64_t kMarks = 24;  // tokens around a trace, at most: tokenizers that do not know the marks spell them
  if (judge_row(judge).wants_letters) return 1;
  return generation.max_new_tokens + (prompt.thought_end.empty() ? 0 : generation.longest_trace() + kMarks);
}

TrainOptions Configuration::unlearn_training() const {
  auto options = unlearn.train;
  options.seed = run.seed;
  options.execution = train;
  return options;
}

Cutting Configuration::unlearn_chunks() const {
  auto chunks = unlearn.chunks;
  if (chunks.length == 0) chunks.length = finetune.chunks.length;
  return chunks;
}

TrainOptions Configuration::finetune_training() const {
  auto options = finetune.train;
  options.seed = run.seed;
  options.execution = train;
  return options;
}

}  // namespace unpact
