#include <algorithm>

#include "../think.hpp"
#include "metric_sets.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::size_t kTextChunk = 4;

std::vector<TokenId> with_bos(const ModelConfig& config, const Tokenizer& tokenizer) {
  const auto bos = tokenizer.bos_id();
  return bos && *bos < config.vocabulary_size ? std::vector<TokenId>{*bos} : std::vector<TokenId>();
}

/// What others wrote cannot name special tokens.
std::vector<TokenId> plain_tokens(const Tokenizer& tokenizer, const std::string& text) {
  return tokenizer.encode_around(text, {{0, text.size()}}).ids;
}

/// A text whose every token but the first (BOS, where there is one) is scored; nothing for one of fewer than two.
void add_text(ScoredPart& part, const std::string& text, std::size_t most, const ModelConfig& config,
              const Tokenizer& tokenizer) {
  auto prompt = with_bos(config, tokenizer);
  auto ids = plain_tokens(tokenizer, text);
  most = std::min(most, static_cast<std::size_t>(config.max_positions));
  if (prompt.size() + ids.size() > most) ids.resize(most - prompt.size());
  if (prompt.empty() && !ids.empty()) {
    prompt.push_back(ids.front());
    ids.erase(ids.begin());
  }
  UNPACT_VALIDATE(!ids.empty(), "a text of the privacy sets has no tokens that could be scored", "it is too short",
                  "take it out of privleak/*.json");
  part.items.push_back({std::move(prompt), std::move(ids)});
}

ScoredPart text_part(const MetricTask& task, const ModelConfig& config, const Tokenizer& tokenizer) {
  const auto& options = task.options.metric;
  ScoredPart part{kTextsPart, {}, kTextChunk};
  for (const auto* texts : {&task.dataset.privacy_forget, &task.dataset.privacy_holdout})
    for (std::size_t i = 0; i < taken(texts->size(), options.limit); ++i)
      add_text(part, (*texts)[i], static_cast<std::size_t>(options.text_tokens), config, tokenizer);
  return part;
}

ContinuedPart passage_part(const MetricTask& task, const ModelConfig& config, const Tokenizer& tokenizer) {
  const auto& options = task.options.metric;
  ContinuedPart part{kPassagesPart, {}, options.passage_tokens};
  for (std::size_t i = 0; i < taken(task.dataset.passages.size(), options.limit); ++i) {
    auto ids = with_bos(config, tokenizer);
    const auto start = plain_tokens(tokenizer, task.dataset.passages[i].prompt);
    const auto room = config.max_positions - options.passage_tokens - static_cast<std::int64_t>(ids.size());
    UNPACT_VALIDATE(room > 0, concat("option 'evaluation.passage_tokens' is ", options.passage_tokens),
                    concat("the model's context holds ", config.max_positions, " tokens, the passage's start among them"),
                    "lower it");
    const auto kept = std::min(start.size(), static_cast<std::size_t>(room));  // of a longer start, its end
    ids.insert(ids.end(), start.end() - static_cast<std::ptrdiff_t>(kept), start.end());
    part.prompts.push_back(std::move(ids));
  }
  return part;
}

void require_fit(std::size_t tokens, const QuestionAnswer& pair, const ModelConfig& config) {
  UNPACT_VALIDATE(tokens <= static_cast<std::size_t>(config.max_positions),
                  concat(pair.where, ": the question with one of its answers does not fit the model"),
                  concat("it takes ", tokens, " tokens, the context holds ", config.max_positions),
                  "shorten it, take it out, or leave the metric out of evaluation.metrics");
}

/// The right answer, or its paraphrase, then the wrong ones, behind one prompt.
void add_alternatives(ScoredPart& part, const QuestionAnswer& pair, const std::vector<TokenId>& prompt,
                      const Tokenizer& tokenizer, const PromptTemplate& prompt_template, const ModelConfig& config) {
  if (pair.perturbed.empty()) return;
  const auto add = [&](const std::string& answer) {
    part.items.push_back({prompt, encode_answer(tokenizer, prompt_template, answer)});
    require_fit(prompt.size() + part.items.back().answer.size(), pair, config);
  };
  add(pair.paraphrased.empty() ? pair.answer : pair.paraphrased.front());
  for (const auto& wrong : pair.perturbed) add(wrong);
}

bool needs(const std::vector<const MetricRow*>& rows, MetricNeeds need) {
  return std::ranges::any_of(rows, [&](const auto* row) { return std::ranges::count(row->needs, need) > 0; });
}

void add_utility(const MetricTask& task, const ModelConfig& config, const Tokenizer& tokenizer,
                 const PromptTemplate& prompt_template, MetricWork& work) {
  ScoredPart scored{kUtilityPart, {}, kSequencesTogether};
  ContinuedPart continued{kUtilityPart, {}, task.options.generation.max_new_tokens};
  for (const auto& set : metric_sets(task)) {
    if (set.name != "real_authors" && set.name != "world_facts") continue;
    for (const auto* pair : set.pairs) {
      const auto prompt = build_prompt(tokenizer, prompt_template, pair->question);
      require_fit(prompt.ids.size() + static_cast<std::size_t>(continued.new_tokens), *pair, config);
      add_alternatives(scored, *pair, prompt.ids, tokenizer, prompt_template, config);
      continued.prompts.push_back(prompt.ids);
    }
  }
  work.scored.push_back(std::move(scored));
  work.continued.push_back(std::move(continued));
}

/// "1. {forget question} 2. {retain question}", as BLUR asks them, with twice the room for the answer.
ContinuedPart pair_part(const MetricTask& task, const Tokenizer& tokenizer, const PromptTemplate& prompt_template) {
  ContinuedPart part{kPairsPart, {}, 2 * task.options.generation.max_new_tokens};
  for (const auto& [forget, retain] : question_pairs(task)) {
    const auto& first = task.questions[forget];
    const auto text = concat("1. ", first.pair.question, " 2. ", task.questions[retain].pair.question);
    const auto& shown = first.examples ? *first.examples : std::vector<InContextExample>();
    part.prompts.push_back(build_prompt(tokenizer, prompt_template, text, shown, first.pair.introduction).ids);
  }
  return part;
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> question_pairs(const MetricTask& task) {
  std::vector<std::size_t> forget, retain;
  for (std::size_t q = 0; q < task.questions.size(); ++q) (task.questions[q].in_forget_set ? forget : retain).push_back(q);
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < std::min(forget.size(), retain.size()); ++i) pairs.emplace_back(forget[i], retain[i]);
  return pairs;
}

std::vector<MetricSet> metric_sets(const MetricTask& task) {
  std::vector<MetricSet> sets = {{"forget", {}}, {"retain", {}}, {"real_authors", {}}, {"world_facts", {}}};
  for (const auto& asked : task.questions) sets[asked.in_forget_set ? 0 : 1].pairs.push_back(&asked.pair);
  const auto add = [&](MetricSet& set, const std::vector<QuestionAnswer>& pairs) {
    for (std::size_t i = 0; i < taken(pairs.size(), task.options.metric.limit); ++i) set.pairs.push_back(&pairs[i]);
  };
  add(sets[2], task.dataset.real_authors);
  add(sets[3], task.dataset.world_facts);
  return sets;
}

MetricWork metric_work(const MetricTask& task, const ModelConfig& config, const Tokenizer& tokenizer,
                       const PromptTemplate& prompt_template) {
  const bool texts = !judge_row(task.options.judge).wants_letters;
  const auto rows = chosen_metrics(task.options.metric, {task.dataset, texts});
  MetricWork work;
  if (needs(rows, MetricNeeds::gold_answers)) {
    ScoredPart part{kGoldPart, {}, kSequencesTogether};
    for (const auto& asked : task.questions) part.items.push_back({prompt_of_gold(asked), asked.gold_answer});
    work.scored.push_back(std::move(part));
  }
  if (needs(rows, MetricNeeds::alternatives)) {
    ScoredPart part{kAlternativesPart, {}, kSequencesTogether};
    for (const auto& asked : task.questions)
      add_alternatives(part, asked.pair, prompt_of_gold(asked), tokenizer, prompt_template, config);
    work.scored.push_back(std::move(part));
  }
  if (needs(rows, MetricNeeds::utility_sets)) add_utility(task, config, tokenizer, prompt_template, work);
  if (needs(rows, MetricNeeds::privacy_texts)) work.scored.push_back(text_part(task, config, tokenizer));
  if (needs(rows, MetricNeeds::gradients)) work.differentiated.push_back(text_part(task, config, tokenizer));
  if (needs(rows, MetricNeeds::target_model)) {
    work.by_target = {kOwnPart, {}, kSequencesTogether};
    for (const auto& asked : task.questions) work.by_target.items.push_back({prompt_of_gold(asked), asked.gold_answer});
  }
  if (needs(rows, MetricNeeds::question_pairs)) work.continued.push_back(pair_part(task, tokenizer, prompt_template));
  if (needs(rows, MetricNeeds::passages)) work.continued.push_back(passage_part(task, config, tokenizer));
  return work;
}

std::int64_t longest_sequence(const MetricWork& work) {
  std::size_t longest = 0;
  auto scored = work.scored;
  scored.insert(scored.end(), work.differentiated.begin(), work.differentiated.end());
  scored.push_back(work.by_target);
  for (const auto& part : scored)
    for (const auto& item : part.items) longest = std::max(longest, item.prompt.size() + item.answer.size());
  for (const auto& part : work.continued)
    for (const auto& prompt : part.prompts)
      longest = std::max(longest, prompt.size() + static_cast<std::size_t>(part.new_tokens));
  return static_cast<std::int64_t>(longest);
}

}  // namespace unpact
