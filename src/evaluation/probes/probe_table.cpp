#include <algorithm>
#include <limits>

#include "../focus_shift.hpp"
#include "probes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/phrasings.hpp"
#include "unpact/model/quantization.hpp"

namespace unpact {

const std::vector<ProbeRow>& probe_table() {
  static const std::vector<ProbeRow> table = {
      {"focus_on_key", "FocusOnKey", "the question with a phrase that names its KeyTokens, one greedy answer a phrasing",
       ProbeKind::probe, make_focus_on_key},
      {"probab", "Probab", "the plain prompt, answers drawn at random", ProbeKind::baseline, make_probab},
      {"no_focus", "other words", "the phrases of FocusOnKey with random words of the question that are no KeyTokens",
       ProbeKind::control, make_no_focus},
      {"wrong_focus", "another question's words", "the phrases of FocusOnKey with the KeyTokens of another question",
       ProbeKind::control, make_wrong_focus},
      {"prefill", "begun answers", "the answer begins with a phrase that promises it", ProbeKind::probe, make_prefill, 5},
      {"role_play", "role play", "a role in front of the question that would know the answer", ProbeKind::probe,
       make_role_play, 5},
      {"override", "override", "an order to ignore what was asked to be forgotten", ProbeKind::probe, make_override, 5},
      {"in_context", "retained examples", "three solved retain questions in front, drawn for each attempt", ProbeKind::probe,
       make_in_context, 0, 3},
      {"in_context_subject", "the subject's examples",
       "three solved questions of the same subject in front that do not tell the answer", ProbeKind::probe,
       make_in_context_subject, 0, 3},
      {"cloze", "begun gold answers", "the first words of the gold answer are given, the rest is compared", ProbeKind::probe,
       make_cloze, 5},
      {"self_correct", "self-correction", "a doubt behind the model's own first answer; the second one counts",
       ProbeKind::probe, make_self_correct, 5, 1},
      {"multi_turn", "dialogue", "an earlier turn about the question that the model answers itself", ProbeKind::probe,
       make_multi_turn, 5, 1},
      {"permute_choices", "other orders", "multiple choice: the choices in another order", ProbeKind::probe,
       make_permute_choices},
      {"distraction", "distracting text", "three retained facts in the question's own turn", ProbeKind::probe,
       make_distraction, 0, 3},
      {"prompt_format", "other forms", "the question in another form", ProbeKind::probe, make_prompt_format, 5},
      {"thinking_none", "no thinking", "the plain question behind an empty thought, greedy and drawn answers",
       ProbeKind::probe, make_thinking_none},
      {"thinking_short", "short thinking", "the same behind the model's own thought, cut short and closed", ProbeKind::probe,
       make_thinking_short},
      {"thinking_full", "full thinking", "the same behind a thought that the model ends itself, or the limit",
       ProbeKind::probe, make_thinking_full},
      {"logit_lens", "hidden layers",
       "what a hidden layer says in the place of the gold answer's tokens, through the final norm and the head",
       ProbeKind::probe, make_logit_lens, 0, 0, true},
      {"quantize", "quantized weights", "the model's weights in nf4, int4 and int8, one greedy answer each",
       ProbeKind::probe, make_quantize, 0, 0, false, false, [](const ProbeOptions&) { return kQuantizations.size(); }},
      {"relearn", "relearning", "the model is trained on other facts for a few steps", ProbeKind::probe, make_no_probe, 0, 0,
       false, false, [](const ProbeOptions& options) { return read_steps(options.relearn.steps, "relearn.steps").size(); },
       /*trains=*/true},
      {"soft_prompt", "soft prompt", "vectors in front of the question, trained on other forget questions", ProbeKind::probe,
       make_soft_prompt, 0, 0, false, false,
       [](const ProbeOptions& options) { return read_steps(options.soft_prompt.steps, "soft_prompt.steps").size(); }},
      {"file", "written attempts", "the prompts of probe.file, each probe there under its own name", ProbeKind::probe,
       make_no_probe, 0, 0, false, true},
  };
  return table;
}

std::vector<const ProbeRow*> chosen_probes(const ProbeOptions& options, const std::vector<ProbeRow>& table) {
  std::vector<std::string> names;
  for (const auto& row : table) names.push_back(row.name);
  std::vector<const ProbeRow*> chosen;
  for (const auto& name : split_list(options.use)) {
    const auto found = std::ranges::find(table, name, &ProbeRow::name);
    const auto near = closest_match(name, names);
    UNPACT_VALIDATE(found != table.end(), concat("option 'probe.use' names '", name, "'"),
                    concat("the probes are ", join(names, ", ")),
                    near.empty() ? "choose among them" : concat("did you mean '", near, "'?"));
    UNPACT_VALIDATE(std::ranges::find(chosen, &*found) == chosen.end(),
                    concat("option 'probe.use' names '", name, "' twice"), "its results have one place", "remove one");
    chosen.push_back(&*found);
  }
  return chosen;
}

std::vector<ProbeRow> rows_to_run(const ProbeOptions& options, const std::vector<AskedQuestion>& questions,
                                  const std::vector<ProbeRow>& table) {
  std::vector<const QuestionAnswer*> pairs;
  for (const auto& asked : questions) pairs.push_back(&asked.pair);
  std::vector<ProbeRow> rows;
  for (const auto* row : chosen_probes(options, table)) {
    if (!row->of_file) rows.push_back(*row);
    if (!row->of_file) continue;
    const auto written = probes_written_for(pairs);
    check_written_names(written);
    for (const auto& name : written) {
      rows.push_back({name, name, row->summary, ProbeKind::probe,
                      [name](const auto&, const auto& generation) { return make_file_probe(name, generation); }});
      rows.back().of_file = true;
    }
  }
  return rows;
}

bool asks_changed_models(const ProbeOptions& options) {
  return std::ranges::any_of(chosen_probes(options), [](const auto* row) { return static_cast<bool>(row->models); });
}

void check_changed_models(const ProbeOptions& options, const JudgeOptions& judge) {
  for (const auto* row : chosen_probes(options))
    for (const auto* judging : judge_rows(judge))
      UNPACT_VALIDATE(
          !row->models || !judging->asks_model,
          concat("options 'probe.use = ", row->name, "' and 'judge.kind = ", judging->name, "' contradict each other"),
          "the probe changes the model that answers, and the judge asks the one that was there before",
          "choose a judge that reads answers, or leave the probe out");
}

void check_relearn_options(const ProbeOptions& options) {
  const bool wants_file = options.relearn.data == RelearnData::file;
  UNPACT_VALIDATE(wants_file == !options.relearn.file.empty(),
                  concat("options 'relearn.data = ", name_of_value(options.relearn.data),
                         "' and 'relearn.file = ", options.relearn.file, "' contradict each other"),
                  wants_file ? "there is no file to learn from" : "nothing would be read from the file",
                  wants_file ? "name it with --relearn.file" : "set relearn.data = file, or leave the file out");
}

void check_probe_options(const ProbeOptions& options) {
  read_steps(options.relearn.steps, "relearn.steps");
  read_steps(options.soft_prompt.steps, "soft_prompt.steps");
  for (const auto* row : chosen_probes(options))
    UNPACT_VALIDATE(
        row->variants == 0 || options.budget() <= row->variants,
        concat("probe '", row->name, "' cannot have ", options.budget(), " attempts"),
        concat("it has ", row->variants, " forms, and probe.phrasings, which decides how many attempts every probe ",
               "has, ", options.budget()),
        "give fewer phrasings, or leave that probe out");
  check_phrasings(options.resolve_phrasings());
  UNPACT_VALIDATE(options.temperature > 0 && options.top_p > 0 && options.top_p <= 1,
                  "options 'probe.temperature' or 'probe.top_p' are out of range",
                  "the temperature must be positive, top_p in (0, 1]", "use 1 for both");
}

ProbeRecord run_probe(const ProbeRow& row, const ProbeOptions& options, const GenerationOptions& generation,
                      const ProbeTask& task) {
  UNPACT_EXPECT(task.keys.size() == task.questions.size());
  ProbeRecord record;
  record.name = row.name;
  record.label = row.label;
  record.kind = row.kind;
  record.question.assign(task.probed.begin(), task.probed.end());
  row.make(options, generation)->attempt(task, record);
  const auto width = record.attempt_labels.size(), attempts = width * task.probed.size();
  const auto asked = [&](std::size_t i) -> const AskedQuestion& { return task.questions[task.probed[i / width]]; };
  UNPACT_EXPECT(record.answer.size() == attempts);
  for (auto i = record.put.size(); i < attempts; ++i) record.put.push_back(asked(i).pair.question);
  for (auto i = record.prompt.size(); i < attempts; ++i)
    record.prompt.push_back(record.put[i].empty() ? std::vector<TokenId>{} : prompt_of(task.model, asked(i), record.put[i]));
  for (auto i = record.tokens.size(); i < attempts; ++i)
    record.tokens.push_back(static_cast<std::int32_t>(record.prompt[i].size()));
  return record;
}

NamedWords words_to_name(const std::vector<AskedQuestion>& questions, const ContributionRecord& contributions,
                         double alpha) {
  NamedWords named;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    const auto n = questions[q].prompt.candidate_end - questions[q].prompt.candidate_begin;
    auto words = key_words(questions[q], padded(contributions.is_key_token.row(q), n));
    auto by = words.empty() ? Asked::no : Asked::yes;
    if (words.empty()) {
      constexpr double kPositive = std::numeric_limits<float>::min();
      words = key_words(questions[q], padded(find_key_tokens(contributions.contributions.row(q), {alpha, kPositive}), n));
      if (!words.empty()) by = Asked::relative_floor;
    }
    named.words.push_back(std::move(words));
    named.named_by.push_back(static_cast<std::uint8_t>(by));
  }
  return named;
}

std::vector<std::string> words_of_question(const AskedQuestion& question) {
  std::vector<std::string> words;
  const auto n = question.prompt.candidate_end - question.prompt.candidate_begin;
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<bool> one(n, false);
    one[i] = true;
    for (auto& word : words_behind(question.prompt, one))
      if (std::ranges::find(words, word) == words.end()) words.push_back(std::move(word));
  }
  return words;
}

std::vector<TokenId> prompt_of(const LanguageModel& model, const AskedQuestion& asked, const std::string& question) {
  const auto text = question_text(question, asked.pair.choices);
  const auto examples = asked.examples ? *asked.examples : std::vector<InContextExample>{};
  return build_prompt(*model.tokenizer, model.prompt_template, text, examples, asked.pair.introduction).ids;
}

void begin_answer(const LanguageModel& model, const std::string& text, std::vector<TokenId>& prompt) {
  const auto thought = encode_thought(*model.tokenizer, model.prompt_template, "");  // empty: the answer has begun
  prompt.insert(prompt.end(), thought.ids.begin(), thought.ids.end());
  const auto begun = encode_answer(*model.tokenizer, model.prompt_template, text);
  prompt.insert(prompt.end(), begun.begin(), begun.end());
}

std::vector<std::string> key_words(const AskedQuestion& question, const std::vector<std::uint8_t>& is_key_token) {
  return words_behind(question.prompt, std::vector<bool>(is_key_token.begin(), is_key_token.end()));
}

}  // namespace unpact
