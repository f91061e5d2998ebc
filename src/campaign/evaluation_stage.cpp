#include "unpact/campaign/evaluation_stage.hpp"

#include <algorithm>
#include <cmath>

#include "stage_meter.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/evaluation/attribute_questions.hpp"
#include "unpact/evaluation/choices.hpp"
#include "unpact/evaluation/outcome.hpp"
#include "unpact/evaluation/probes.hpp"
#include "unpact/evaluation/verify.hpp"

namespace unpact {
namespace {

/// The model's greedy answers, those of finished pages from the disk.
std::vector<OwnAnswer> own_answers(const Communicator& group, const LanguageModel& model, const std::vector<std::vector<TokenId>>& prompts,
                                   const std::vector<std::size_t>& choices, AnswerStyle style, const Configuration& c, FinishedPages* pages) {
  const PageOptions kept{pages, "answers", static_cast<std::size_t>(c.attribution.save_every)};
  return run_in_pages(kept, prompts.size(), [&](std::size_t first, std::size_t last) {
    const auto begin = static_cast<std::ptrdiff_t>(first), end = static_cast<std::ptrdiff_t>(last);
    return answer_in_style(group, model, {prompts.begin() + begin, prompts.begin() + end}, {choices.begin() + begin, choices.begin() + end},
                           c.generation, style);
  });
}

const ContributionRecord& focused(const ModelRecord& model, const Configuration& c) {
  return c.attribution.focus_of == FocusOf::own ? model.own : model.gold;
}

/// The judge 'choice' wants letters, the others texts.
AnswerStyle style_of(const Configuration& c, const std::vector<AskedQuestion>& questions) {
  if (c.judge.kind != "choice") return AnswerStyle::text;
  for (const auto& asked : questions)
    UNPACT_VALIDATE(!asked.pair.choices.empty(), "option 'judge.kind' is 'choice'",
                    concat("the question \"", asked.pair.question, "\" has no choices"), "use it with multiple-choice datasets (wmdp, mmlu)");
  return AnswerStyle::choice;
}

void judge_answers(const Judge& judge, const std::vector<AskedQuestion>& questions, ModelRecord& record) {
  for (std::size_t q = 0; q < questions.size(); ++q) {
    record.score.push_back(judge.score(questions[q].pair.answer, record.answer[q]));
    record.is_right.push_back(judge.passes(record.score.back()));
  }
}

/// Contributions of both models must be of equal length to be compared; an empty own answer has none, which counts as
/// a model without KeyTokens.
template <class T>
std::vector<T> padded(std::vector<T> row, std::size_t size) {
  row.resize(size);
  return row;
}

FocusShiftRecord focus_shift(const CellRecord& record, const Configuration& c) {
  FocusShiftRecord shift;
  const auto& f = focused(record.target, c);
  const auto& g = focused(record.unlearned, c);
  for (std::size_t q = 0; q < record.questions.question.size(); ++q) {
    const auto n = std::max(f.contributions.row(q).size(), g.contributions.row(q).size());
    const auto f_keys = padded(f.is_key_token.row(q), n), g_keys = padded(g.is_key_token.row(q), n);
    shift.set_cosine.push_back(key_token_cosine(f_keys, g_keys));
    shift.contribution_cosine.push_back(
        contribution_cosine(padded(f.contributions.row(q), n), f_keys, padded(g.contributions.row(q), n), g_keys));
  }
  return shift;
}

ProbeRecord judge_probe(const ProbeResult& result, const Judge& judge, const std::vector<AskedQuestion>& questions) {
  ProbeRecord record{result.name, result.attempt_labels, {result.questions.begin(), result.questions.end()}, result.answers, {}, {}};
  const auto attempts = result.attempt_labels.size();
  for (std::size_t i = 0; i < result.answers.size(); ++i) {
    record.score.push_back(judge.score(questions[result.questions[i / attempts]].pair.answer, result.answers[i]));
    record.is_right.push_back(judge.passes(record.score.back()));
  }
  return record;
}

/// One flag a question: whether any attempt of the probe was right.
std::vector<std::uint8_t> recovered_by(const ProbeRecord& probe, std::size_t questions) {
  std::vector<std::uint8_t> recovered(questions, 0);
  const auto attempts = probe.attempt_labels.size();
  for (std::size_t i = 0; i < probe.is_right.size(); ++i)
    if (probe.is_right[i]) recovered[probe.question[i / attempts]] = 1;
  return recovered;
}

RateRecord record_rate(const std::string& name, const Rate& rate) { return {name, rate.count, rate.total, rate.value, rate.low, rate.high}; }

void add_right_shares(const CellRecord& record, std::vector<RateRecord>& rates) {
  for (const auto& [name, model] : {std::pair("target", &record.target), std::pair("unlearned", &record.unlearned)}) {
    for (const auto split : {Split::forget, Split::retain}) {
      std::uint64_t right = 0, total = 0;
      for (std::size_t q = 0; q < record.questions.split.size(); ++q) {
        if (record.questions.split[q] != static_cast<std::uint8_t>(split)) continue;
        right += model->is_right[q];
        ++total;
      }
      rates.push_back(record_rate(concat(name, "_right_", split == Split::forget ? "forget" : "retain"), wilson_rate(right, total)));
    }
  }
}

/// Checks a sample of the contributions to gold answers and keeps what was found.
void verify_contributions(const Communicator& group, const Transformer& model, const LeaveOneOutEngine& made_by,
                          const std::vector<AskedQuestion>& questions, const std::vector<std::vector<TokenId>>& answers,
                          const ContributionRecord& made, const Configuration& c, const std::string& label,
                          std::vector<VerificationRecord>& verification) {
  std::vector<std::vector<float>> contributions;
  for (std::size_t q = 0; q < questions.size(); ++q) contributions.push_back(made.contributions.row(q));
  if (const auto found = verify_attributions(group, model, made_by, questions, answers, contributions,
                                             static_cast<std::size_t>(c.attribution.settings.verify), label))
    verification.push_back(*found);
}

}  // namespace

QuestionRecord record_questions(const std::vector<AskedQuestion>& questions, const Tokenizer& tokenizer) {
  QuestionRecord record;
  for (const auto& asked : questions) {
    record.split.push_back(static_cast<std::uint8_t>(asked.in_forget_set ? Split::forget : Split::retain));
    record.question.push_back(asked.pair.question);
    record.gold_answer.push_back(asked.pair.answer);
    record.prompt.push_back(asked.prompt.text);
    record.token_ids.add({asked.prompt.ids.begin(), asked.prompt.ids.end()});
    std::vector<std::uint8_t> candidate(asked.prompt.ids.size(), 0);
    std::fill(candidate.begin() + static_cast<std::ptrdiff_t>(asked.prompt.candidate_begin),
              candidate.begin() + static_cast<std::ptrdiff_t>(asked.prompt.candidate_end), 1);
    record.is_candidate.add(candidate);
    for (const auto id : asked.prompt.ids) record.pieces.push_back(tokenizer.piece(id));
  }
  return record;
}

ModelRecord evaluate_model(const Communicator& group, const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                           const Configuration& c, const EvaluatedModel& evaluated, CellRecord& cell) {
  const auto& label = evaluated.label;
  const auto& device = model.transformer.device();
  const auto method = make_attribution_method(c.attribution.method, c.attribution.settings, c.run.seed, *model.tokenizer);
  method->check_model(model.transformer);
  ModelRecord record;
  const auto style = style_of(c, questions);
  std::vector<std::vector<TokenId>> prompts, gold, own;
  std::vector<std::size_t> choices;
  for (const auto& asked : questions) {
    prompts.push_back(asked.prompt.ids);
    gold.push_back(asked.gold_answer);
    choices.push_back(asked.pair.choices.size());
  }
  const StageMeter answering(group, device);
  for (auto& answer : own_answers(group, model, prompts, choices, style, c, evaluated.pages)) {
    record.answer.push_back(std::move(answer.text));
    own.push_back(std::move(answer.ids));
  }
  cell.work.push_back(answering.record(label + "_answers"));
  judge_answers(Judge(c.judge), questions, record);
  check_gold_answers(model.transformer.config(), questions);
  std::vector<std::vector<std::vector<TokenId>>> answers;
  for (std::size_t q = 0; q < questions.size(); ++q) answers.push_back({gold[q], own[q]});
  const StageMeter attributing(group, device);
  std::vector<Attribution> of_gold, of_own;
  for (auto& both : attribute_answer_sets(group, model.transformer, *method, questions, answers, label + ": contributions",
                                          {evaluated.pages, "attributions", static_cast<std::size_t>(c.attribution.save_every)})) {
    of_gold.push_back(std::move(both.at(0)));
    of_own.push_back(std::move(both.at(1)));
  }
  cell.work.push_back(attributing.record(label + "_attribution", {&of_gold, &of_own}));
  const auto& work = cell.work.back();
  log::info(concat(label, ": ", work.positions, " positions run for contributions, ", work.positions_naive, " without sharing; ",
                   std::isnan(work.peak_memory) ? "memory in use unknown" : concat("at most ", std::lround(work.peak_memory / (1 << 20)), " MiB in use")));
  if (const auto inexact = inexactness_of(c.attribution.method); !inexact.empty())
    log::info(concat(label, ": its contributions are inexact: ", inexact));
  const double noise = is_in_nats(c.attribution.method) ? evaluated.noise_floor : 0.0;
  record.gold = record_contributions(of_gold, gold, c.attribution.keys, noise);
  record.own = record_contributions(of_own, own, c.attribution.keys, noise);
  if (c.attribution.settings.verify > 0)
    verify_contributions(group, model.transformer, *method->engine(), questions, gold, record.gold, c, label, cell.verification);
  return record;
}

void compare_models(const Communicator& group, const LanguageModel& unlearned, const std::vector<AskedQuestion>& questions,
                    const Configuration& c, CellRecord& record) {
  const Judge judge(c.judge);
  std::vector<evaluation::Outcome> outcomes;
  std::vector<std::size_t> forgotten;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    outcomes.push_back(evaluation::classify(questions[q].in_forget_set, record.target.is_right[q], record.unlearned.is_right[q]));
    record.outcome.push_back(static_cast<std::uint8_t>(outcomes.back()));
    if (outcomes.back() == evaluation::Outcome::forgotten) forgotten.push_back(q);
  }
  record.focus_shift = focus_shift(record, c);

  const auto& keys_of = focused(c.probe.keys_of == KeysOf::target ? record.target : record.unlearned, c);
  std::vector<std::vector<std::string>> keys;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    const auto n = questions[q].prompt.candidate_end - questions[q].prompt.candidate_begin;
    keys.push_back(key_words(questions[q], padded(keys_of.is_key_token.row(q), n)));
  }
  const auto phrasings = c.probe.resolve_phrasings();
  auto sampling = c.generation;
  sampling.temperature = c.probe.temperature;
  sampling.top_p = c.probe.top_p;
  const StageMeter probing(group, unlearned.transformer.device());
  const auto style = style_of(c, questions);
  const auto focus = focus_on_key(group, unlearned, questions, forgotten, keys, phrasings, c.generation, style);
  record.work.push_back(probing.record("probe_focus_on_key"));
  const StageMeter sampling_meter(group, unlearned.transformer.device());
  const auto samples = probab(group, unlearned, questions, forgotten, phrasings.size(), sampling, style);
  record.work.push_back(sampling_meter.record("probe_probab"));
  add_right_shares(record, record.rates);
  for (const auto& result : {focus, samples}) {
    record.probes.push_back(judge_probe(result, judge, questions));
    record.rates.push_back(record_rate("recovery_" + result.name, recovery_rate(outcomes, recovered_by(record.probes.back(), questions.size()))));
  }
  record.rates.push_back(record_rate("destructive", destructive_rate(outcomes)));
  record.judge = judge.describe();
}

}  // namespace unpact
