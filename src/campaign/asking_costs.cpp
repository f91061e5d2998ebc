#include <algorithm>
#include <cmath>
#include <span>

#include "judging_costs.hpp"
#include "unpact/attribution/method.hpp"
#include "unpact/core/text.hpp"
#include "unpact/evaluation/attribute_questions.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/evaluation/phrasings.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/inference/packed_pass.hpp"
#include "unpact/inference/prompt_tree.hpp"
#include "unpact/model/operation_count.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

bool writes_texts(const AskedModel& asked) { return !judge_row(asked.options.judge).wants_letters; }

using Page = std::span<const ToAnswer>;

/// Rows of one sequence after `front` positions.
double rows_cost(const ModelConfig& config, std::size_t rows, std::size_t front, std::size_t scored) {
  if (rows == 0) return 0;
  return pass_operations(
      config,
      {{0, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(front), 0, 0, static_cast<std::int64_t>(scored)}},
      false);
}

/// An answer's tokens but the first, each in a pass.
double steps_cost(const ModelConfig& config, std::size_t prompt, std::size_t steps) {
  return rows_cost(config, steps, prompt, steps) + 2 * head_size(config) * real(steps);
}

std::vector<PromptNode> tree_of(Page prompts) {
  std::vector<const std::vector<TokenId>*> texts;
  for (const auto& asked : prompts) texts.push_back(&asked.prompt);
  return prompt_tree(texts);
}

/// Every prompt by itself, as on ranks that share no beginning: no run takes more.
double whole_prompts_cost(const AskedModel& asked, Page prompts) {
  double sum = 0;
  for (const auto& one : prompts) sum += rows_cost(asked.config, one.prompt.size(), 0, 1) + 2 * head_size(asked.config);
  return sum;
}

/// Packed generation of one page: what prompts begin with alike runs once, then a row for each new token of each answer.
PlannedStage generated_cost(const AskedModel& asked, Page prompts, bool drawn) {
  const auto& config = asked.config;
  const auto most = static_cast<std::size_t>(asked.options.generation.max_new_tokens) - 1;
  PlannedStage cost;
  std::size_t answers = 0, longest = 0;
  for (const auto& node : tree_of(prompts)) {
    cost.low += rows_cost(config, node.length(), node.begin, node.prompts.empty() ? 0 : 1);
    if (node.prompts.empty()) continue;
    const auto times = drawn ? node.prompts.size() : std::size_t{1};  // greedy answers to one prompt are one
    std::size_t expected = 0;
    for (const auto i : node.prompts) expected = std::max(expected, prompts[i].expected);
    const auto steps = asked.rambles ? most : std::min(most, expected);
    cost.low += 2 * head_size(config) * real(times);
    cost.operations += real(times) * steps_cost(config, node.end, steps);
    answers += times;
    longest = std::max(longest, steps);
  }
  cost.operations += cost.low;
  cost.high = whole_prompts_cost(asked, prompts);
  for (const auto& one : prompts) cost.high += steps_cost(config, one.prompt.size(), most);
  cost.weight_reads = 1 + real(longest) * std::ceil(real(answers) / real(kMostSequences));
  return cost;
}

/// One padded batch of two models: the prompts at once, then a token of each sequence a pass, over all room of the cache.
PlannedStage batch_cost(const AskedModel& asked, Page prompts, const std::vector<std::size_t>& batch) {
  const auto& config = asked.config;
  const auto new_tokens = static_cast<std::size_t>(asked.options.generation.max_new_tokens);
  const auto longest = prompts[batch.front()].prompt.size();
  const double sequences = real(batch.size()), head = 2 * head_size(config) * sequences;
  const double first = forward_operations(config, static_cast<std::int64_t>(longest), 0, config.layers, sequences) + head;
  const double step =
      static_cast<double>(config.layers) * (2 * block_matrix_size(config) * sequences +
                                            attention_operations(config, sequences * real(longest + new_tokens))) +
      head;
  std::size_t expected = 0;
  for (const auto i : batch) expected = std::max(expected, prompts[i].expected);
  const double most = real(new_tokens - 1), steps = asked.rambles ? most : std::min(most, real(expected));
  PlannedStage cost;
  cost.low = first;
  cost.operations = first + steps * step;
  cost.high = first + most * step;
  cost.weight_reads = 1 + steps;
  return times(cost, 2);
}

PlannedStage padded_cost(const AskedModel& asked, Page prompts) {
  PlannedStage cost;
  const auto room = [&](std::size_t i) {
    return prompts[i].prompt.size() + static_cast<std::size_t>(asked.options.generation.max_new_tokens);
  };
  const auto budget = asked.options.generation.token_budget;
  for (const auto& batch : pack_by_length(prompts.size(), room, budget == 0 ? kPaddedPositions : budget))
    add(cost, batch_cost(asked, prompts, batch));
  return cost;
}

/// Letters are compared after the prompts, which they share.
PlannedStage chosen_cost(const AskedModel& asked, Page prompts) {
  std::vector<PromptAnswer> items;
  for (const auto& one : prompts)
    for (std::size_t letter = 0; letter < one.choices; ++letter)
      items.push_back({one.prompt, encode_answer(asked.tokenizer, asked.prompt_template, choice_letter(letter))});
  PlannedStage cost;
  cost.low = cost.operations = cost.high = scored_cost(asked, items);
  if (!asked.is_two) cost.high = std::max(cost.high, whole_prompts_cost(asked, prompts));
  return cost;
}

/// Prompts as they come together, page by page.
PlannedStage prompts_cost(const AskedModel& asked, const std::vector<ToAnswer>& prompts, std::size_t page, bool drawn) {
  PlannedStage cost;
  for (std::size_t begin = 0; begin < prompts.size(); begin += page) {
    const auto together = Page(prompts).subspan(begin, std::min(page, prompts.size() - begin));
    if (!writes_texts(asked)) add(cost, chosen_cost(asked, together));
    else add(cost, asked.is_two ? padded_cost(asked, together) : generated_cost(asked, together, drawn));
  }
  return cost;
}

std::size_t page_size(const AskedModel& asked) { return static_cast<std::size_t>(asked.options.attribution.save_every); }

/// A question with the gold answer and, unless it has no tokens, an own one of some length.
double removals_cost(const AskedModel& asked, const AskedQuestion& question, std::size_t own, bool context_is_there) {
  auto request = removal_request(question);
  const auto end = asked.tokenizer.eos_id();
  const std::size_t ends = asked.options.attribution.score_end && end && *end < asked.config.vocabulary_size ? 1 : 0;
  request.answers = {question.gold_answer};
  request.answers.front().resize(question.gold_answer.size() + ends);
  if (own > 0) request.answers.push_back(std::vector<TokenId>(own + ends, 0));
  if (request.removals.empty()) return 0;
  const auto& settings = asked.options.attribution.settings;
  if (asked.is_two || settings.engine == EngineKind::reference)
    return (asked.is_two ? 2 : 1) * cost_by_definition(asked.config, request).operations;
  return cost_of_removals(asked.config, request, context_is_there).operations;
}

double passes_cost(const AskedModel& asked, const AskedQuestion& question, std::size_t own) {
  const auto& a = asked.options.attribution;
  double sum = 0;
  for (const auto tokens : {question.gold_answer.size(), own}) {
    if (tokens == 0) continue;
    const auto candidates = question.prompt.candidate_end - question.prompt.candidate_begin;
    const auto length = static_cast<std::int64_t>(question.prompt.ids.size() + tokens - 1);
    sum += facts_of(a.method).passes(a.settings, real(candidates)) *
           (forward_operations(asked.config, length, 0, asked.config.layers) + 2 * head_size(asked.config) * real(tokens));
  }
  return asked.is_two ? 2 * sum : sum;
}

/// Puts a phrase where the phrasing has it. One that names every word of the question is the longest; each comes with a
/// comma. Its tokens are no others' ones, for which are unknown.
void add_phrase(std::vector<TokenId>& ids, const Prompt& prompt, const std::string& phrasing, std::size_t phrase,
                std::size_t attempt) {
  const auto words = 2 * (prompt.candidate_end - prompt.candidate_begin);
  const auto place = phrasing.starts_with("{question}") ? prompt.candidate_end : prompt.candidate_begin;
  ids.insert(ids.begin() + static_cast<std::ptrdiff_t>(place), phrase + words, -1 - static_cast<TokenId>(attempt));
}

/// Puts other questions with their answers in front of the question, about as long as those that a probe draws.
void show_others(std::vector<TokenId>& ids, const std::vector<AskedQuestion>& questions, std::size_t q, std::size_t count,
                 std::size_t attempt) {
  std::size_t tokens = 0;
  for (std::size_t i = 1; i <= count; ++i) {
    const auto& other = questions[(q + attempt * count + i) % questions.size()];
    tokens += other.prompt.candidate_end - other.prompt.candidate_begin + other.gold_answer.size() + 4;
  }
  const auto place = static_cast<std::ptrdiff_t>(questions[q].prompt.candidate_begin);
  ids.insert(ids.begin() + place, tokens, -1 - static_cast<TokenId>(attempt));
}

/// The prompt with another text instead of the question.
std::vector<TokenId> with_text(const AskedModel& asked, const Prompt& prompt, const std::string& text) {
  const auto begin = prompt.ids.begin();
  std::vector<TokenId> ids(begin, begin + static_cast<std::ptrdiff_t>(prompt.candidate_begin));
  const auto written = asked.tokenizer.encode(text).ids;
  ids.insert(ids.end(), written.begin(), written.end());
  ids.insert(ids.end(), begin + static_cast<std::ptrdiff_t>(prompt.candidate_end), prompt.ids.end());
  return ids;
}

/// Whose common beginning an engine keeps while a page lasts.
class KeptContexts {
 public:
  bool has(const AskedQuestion& question) {
    auto request = removal_request(question);
    if (request.removals.empty()) return false;
    const auto count = static_cast<std::ptrdiff_t>(shared_context(request));
    std::vector<TokenId> tokens(request.prompt.begin(), request.prompt.begin() + count);
    const bool known = std::ranges::find(kept_, tokens) != kept_.end();
    if (!known) kept_.push_back(std::move(tokens));
    return known;
  }
  void forget() { kept_.clear(); }

 private:
  std::vector<std::vector<TokenId>> kept_;
};

}  // namespace

PlannedStage answers_cost(const AskedModel& asked, const std::string& stage) {
  std::vector<ToAnswer> prompts;
  for (const auto& question : asked.questions)
    prompts.push_back({question.prompt.ids, question.gold_answer.size(), question.pair.choices.size(),
                       1 + question.pair.perturbed.size(), tokens_of_question(question)});
  auto cost = prompts_cost(asked, prompts, page_size(asked), /*drawn=*/false);
  add(cost, judges_cost(asked, prompts, 1, /*echoes=*/false));
  cost.stage = stage;
  return cost;
}

PlannedStage attribution_cost(const AskedModel& asked, const std::string& stage) {
  PlannedStage cost;
  cost.stage = stage;
  const bool by_removal = facts_of(asked.options.attribution.method).passes == nullptr;
  const auto most = writes_texts(asked) ? static_cast<std::size_t>(asked.options.generation.max_new_tokens) : std::size_t{1};
  KeptContexts contexts;
  for (std::size_t q = 0; q < asked.questions.size(); ++q) {
    const auto& question = asked.questions[q];
    if (q % page_size(asked) == 0) contexts.forget();
    const bool is_there = contexts.has(question);
    const auto with_own = [&](std::size_t own) {
      return by_removal ? removals_cost(asked, question, own, is_there) : passes_cost(asked, question, own);
    };
    const auto expected = asked.rambles ? most : std::min(most, question.gold_answer.size());
    cost.low += with_own(0);
    cost.operations += with_own(expected);
    cost.high += with_own(most);
  }
  return cost;
}

PlannedStages probe_costs(const AskedModel& asked, const std::string& prefix) {
  const auto phrasings = asked.options.probe.resolve_phrasings();
  std::size_t longest_phrase = 0;
  for (const auto& phrasing : phrasings)
    longest_phrase = std::max(longest_phrase, asked.tokenizer.encode(fill_phrasing(phrasing, "", {})).ids.size());
  PlannedStages stages;
  for (const auto& row : rows_to_run(asked.options.probe, asked.questions)) {
    const bool drawn = row.kind == ProbeKind::baseline, retain_alone = prefix == "retain_";
    if (retain_alone && (row.kind == ProbeKind::control || row.trains)) continue;
    const auto models = row.models ? row.models(asked.options.probe) : 0;
    std::vector<ToAnswer> prompts;
    std::vector<const AskedQuestion*> read;
    for (std::size_t q = 0; q < asked.questions.size(); ++q) {
      const auto& question = asked.questions[q];
      if (question.in_forget_set ? retain_alone : prefix == "probe_") continue;
      if (row.reads_layers) read.push_back(&question);
      if (row.reads_layers) continue;
      const auto put = [&](std::vector<TokenId> prompt) {
        prompts.push_back({std::move(prompt), question.gold_answer.size(), question.pair.choices.size(),
                           1 + question.pair.perturbed.size(), tokens_of_question(question)});
      };
      if (models > 0) put(question.prompt.ids);
      for (std::size_t a = 0; models == 0 && !row.of_file && a < phrasings.size(); ++a) {
        auto prompt = question.prompt.ids;
        if (row.shown > 0) show_others(prompt, asked.questions, q, row.shown, a);
        else if (!drawn) add_phrase(prompt, question.prompt, phrasings[a], longest_phrase, a);
        put(std::move(prompt));
      }
      for (const auto& written : question.pair.attempts)
        if (row.of_file && written.probe == row.name) put(with_text(asked, question.prompt, join(written.turns, "\n")));
    }
    auto cost = prompts_cost(asked, prompts, page_size(asked) * asked.options.probe.budget(), drawn);
    add(cost, layers_cost(asked, read));
    add(cost, judges_cost(asked, prompts, drawn ? asked.options.probe.budget() : 1, /*echoes=*/true));
    if (models > 0) cost = times(cost, static_cast<double>(models));
    if (row.name == "multi_turn")  // the model's own turns
      add(cost, prompts_cost(asked, prompts, page_size(asked) * asked.options.probe.budget(), drawn));
    if (row.name == "soft_prompt") add(cost, soft_prompt_cost(asked));
    cost.stage = prefix + row.name;
    cost.low = 0;
    stages.push_back(cost);
  }
  return stages;
}

PlannedStage continuation_cost(const AskedModel& asked, const std::vector<std::vector<TokenId>>& prompts,
                               std::int64_t new_tokens) {
  auto options = asked.options;
  options.judge = {};  // texts, whatever questions are answered with
  options.generation.max_new_tokens = new_tokens;
  const AskedModel writer{asked.config, asked.tokenizer, asked.prompt_template, asked.questions,
                          options,      asked.is_two,    asked.rambles};
  std::vector<ToAnswer> to_answer;
  for (const auto& prompt : prompts) to_answer.push_back({prompt, static_cast<std::size_t>(new_tokens), 0});
  return prompts_cost(writer, to_answer, page_of_chunks(page_size(asked), kSequencesTogether), /*drawn=*/false);
}

}  // namespace unpact
