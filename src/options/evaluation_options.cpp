#include "sections.hpp"

#include "unpact/core/text.hpp"
#include "unpact/evaluation/metric.hpp"
#include "unpact/evaluation/probe.hpp"

namespace unpact {
namespace {

/// The names of a table's rows.
template <class Row>
std::string listed(const std::vector<Row>& table) {
  std::vector<std::string> names;
  for (const auto& row : table) names.push_back(row.name);
  return join(names, ", ");
}

void add_generation(OptionTable& t, GenerationOptions& g) {
  t.push_back({"generation.max_new_tokens", "longest answer", &g.max_new_tokens, kEvaluation, positive()});
  t.push_back(
      {"generation.thinking",
       "of models that think (prompt.thought_end): none (an empty thought), short (cut after short_trace_tokens) or full",
       &g.thinking, kEvaluation});
  t.push_back({"generation.trace_tokens", "full: longest trace of thought, which is closed by force there", &g.trace_tokens,
               kEvaluation, positive()});
  t.push_back(
      {"generation.short_trace_tokens", "short: longest trace of thought", &g.short_trace_tokens, kEvaluation, positive()});
  t.push_back({"generation.token_budget",
               "positions whose keys and values answers hold at once; 0: as the free memory allows", &g.token_budget,
               kNothing});
}

void add_attribution(OptionTable& t, AttributionOptions& a) {
  t.push_back({"attribution.method", join(attribution_methods(), ", "), &a.method, kEvaluation});
  t.push_back(
      {"attribution.engine", "leave_one_out, hierarchical: shared_prefix or reference", &a.settings.engine, kEvaluation});
  t.push_back({"attribution.token_budget", "tokens that run at once; 0: as the free memory allows", &a.settings.token_budget,
               kEvaluation, at_least(0, "it is a number of tokens", "use 0, which lets the free memory decide")});
  t.push_back(
      {"attribution.unit", "leave_one_out takes out one token, word or sentence at a time", &a.settings.unit, kEvaluation});
  t.push_back({"attribution.verify",
               "questions that leave_one_out repeats by its definition, in float32; log and file tell the difference",
               &a.settings.verify, kEvaluation, at_least(0, "it is a number of questions", "use 0 to verify none")});
  t.push_back({"attribution.score_end",
               "leave_one_out: the file's log-probabilities get a column for the end of the answer, for weights of losses",
               &a.score_end, kEvaluation});
  t.push_back({"attribution.baseline",
               "baseline, integrated_gradients: auto (unknown, padding or EOS token), a token id, or (the latter) zero",
               &a.settings.baseline, kEvaluation});
  t.push_back({"attribution.steps", "integrated_gradients: points of the integral", &a.settings.steps, kEvaluation});
  t.push_back({"attribution.permutations", "shapley: orders, an even number", &a.settings.permutations, kEvaluation});
  t.push_back({"attribution.samples", "lime: random masks", &a.settings.samples, kEvaluation});
  t.push_back({"attribution.keep_probability", "lime: of a token in a mask", &a.settings.keep_probability, kEvaluation});
  t.push_back({"attribution.surrogate", "lime: lasso or ridge", &a.settings.surrogate, kEvaluation});
  t.push_back({"attribution.penalty", "lime: of the surrogate's coefficients", &a.settings.penalty, kEvaluation});
  t.push_back({"attribution.keep_sentences", "hierarchical: sentences whose words are taken out one by one",
               &a.settings.keep_sentences, kEvaluation});
  t.push_back({"attribution.keep_words", "hierarchical: words whose tokens are taken out one by one", &a.settings.keep_words,
               kEvaluation});
  t.push_back({"attribution.save_every", "prompts that are stored together while a job runs", &a.save_every, kEvaluation,
               positive()});
  t.push_back({"attribution.alpha", "KeyTokens: share of the largest contribution", &a.keys.alpha, kEvaluation});
  t.push_back({"attribution.beta", "KeyTokens: nats per answer token", &a.keys.beta, kEvaluation});
  t.push_back({"attribution.tune", "attribute: search alpha and beta on a grid instead (short: --tune)", &a.tune, kNothing});
  t.push_back(
      {"attribution.tune_objective", "auto, labels (F1 against labelled key words) or effect", &a.tune_objective, kNothing});
  t.push_back({"attribution.tune_alphas", "from:to:step, or a list", &a.tune_alphas, kNothing});
  t.push_back({"attribution.tune_betas", "from:to:step, or a list", &a.tune_betas, kNothing});
  t.push_back(
      {"attribution.focus_of", "answers whose KeyTokens are compared and named: own or gold", &a.focus_of, kEvaluation});
}

void add_judge(OptionTable& t, JudgeOptions& j) {
  t.push_back(
      {"judge.kind", concat("one or several, of which the first decides: ", listed(judge_table())), &j.kind, kEvaluation});
  t.push_back({"judge.threshold", "score from which an answer is right", &j.threshold, kEvaluation});
  t.push_back(
      {"judge.verdicts",
       "external: JSON lines {id, right}; answers without a verdict are written to the folder of that name and .open",
       &j.verdicts,
       kNothing,
       {},
       Role::input_path});
  t.push_back({"judge.model",
               "local_model: folder of the model that is asked yes or no; empty: the one that has answered",
               &j.model,
               kNothing,
               {},
               Role::input_path});
  t.push_back({"judge.model_checksum", "SHA-256 that its weights and config.json must have, as results name it; empty: any",
               &j.model_checksum, kEvaluation});
  t.push_back(
      {"judge.question", "local_model: what it is asked, with {question}, {gold} and {answer}", &j.question, kEvaluation});
  t.push_back({"judge.yes", "local_model: how it goes on where an answer is right", &j.yes, kEvaluation});
  t.push_back({"judge.no", "local_model: and where it is wrong", &j.no, kEvaluation});
  t.push_back({"judge.passages",
               "style: JSON lines {author, text}, from which the judge learns how each author writes",
               &j.passages,
               kNothing,
               {},
               Role::input_path});
  t.push_back({"judge.passages_checksum", "SHA-256 that this file must have, as results name it; empty: any",
               &j.passages_checksum, kEvaluation});
  t.push_back({"judge.stem", "compare Porter stems", &j.stem, kEvaluation});
}

/// The phrasings are also what a target may be taught to understand (finetune.parts = focus).
/// @param attempts the file of them, which is a part of the dataset.
/// @param generator the model that writes them in the job `probe`.
void add_probe(OptionTable& t, ProbeOptions& p, std::string& attempts, std::string& generator) {
  t.push_back({"probe.suite", "choice file probes/NAME.ini beside the configuration: study, standard or thorough", &p.suite,
               kNothing});
  t.push_back(
      {"probe.use", concat("separated by commas, of ", listed(probe_table()), "; empty: none"), &p.use, kEvaluation});
  t.push_back(
      {"probe.file",
       "prompts for the forget questions, JSON lines or a list (docs/probes.md), which the probe 'file' asks; empty: none",
       &attempts,
       kNothing,
       {},
       Role::input_path});
  t.push_back({"probe.generator",
               "job probe: folder of a model that writes attempts of the probe 'paraphrase'; empty: none",
               &generator,
               kNothing,
               {},
               Role::input_path});
  t.push_back({"probe.phrasings", "of FocusOnKey, separated by |, with {question} and {keys}; empty: five built-in ones",
               &p.phrasings, kTarget | kEvaluation});
  t.push_back({"probe.keys_of", "whose KeyTokens FocusOnKey names: target or unlearned", &p.keys_of, kEvaluation});
  t.push_back(
      {"probe.arms",
       "once a model and dataset, put every probe's questions to the target (ceiling) and to campaign.floor_model (floor)",
       &p.arms, kEvaluation});
  t.push_back({"probe.temperature", "of Probab's samples", &p.temperature, kEvaluation, positive("use 1")});
  t.push_back({"probe.top_p", "of Probab's samples", &p.top_p, kEvaluation, share("use 1")});
}

/// Of the probe relearn.
void add_relearn(OptionTable& t, RelearnOptions& r) {
  t.push_back({"relearn.data",
               "what the model is taught: forget_part (of the forget questions; the others are asked), retain or file",
               &r.data, kEvaluation});
  t.push_back({"relearn.file",
               "data = file: questions with answers, JSON lines or a list; one that tells an asked answer is refused",
               &r.file,
               kNothing,
               {},
               Role::input_path});
  t.push_back({"relearn.file_checksum", "SHA-256 that this file must have; empty: any", &r.file_checksum, kEvaluation});
  t.push_back({"relearn.share", "forget_part: of the forget questions that are taught, by hash of the subject or question",
               &r.share, kEvaluation, share_inside("use 0.5")});
  t.push_back(
      {"relearn.steps", "optimizer steps after which the model is asked, in ascending order", &r.steps, kEvaluation});
  t.push_back({"relearn.learning_rate", "AdamW's, constant", &r.learning_rate, kEvaluation, positive("use 1e-5")});
  t.push_back({"relearn.weight_decay", "AdamW's", &r.weight_decay, kEvaluation,
               at_least(0, "it takes a share of each weight away", "use 0")});
  t.push_back({"relearn.batch_size", "examples a step, over all ranks", &r.batch_size, kEvaluation, positive("use 4")});
}

/// Of the probe soft_prompt.
void add_soft_prompt(OptionTable& t, SoftPromptOptions& s) {
  t.push_back(
      {"soft_prompt.tokens", "vectors in front of the question", &s.tokens, kEvaluation, in_range(1, 1024, "use 8")});
  t.push_back(
      {"soft_prompt.steps", "optimizer steps after which the model is asked, in ascending order", &s.steps, kEvaluation});
  t.push_back({"soft_prompt.learning_rate", "Adam's", &s.learning_rate, kEvaluation, positive("use 0.01")});
  t.push_back({"soft_prompt.batch_size", "questions a step", &s.batch_size, kEvaluation, positive("use 8")});
}

/// A retrained model's results decide numbers of cells alone: the target's own are measured without it.
void add_metrics(OptionTable& t, MetricOptions& m) {
  t.push_back({"evaluation.metrics",
               concat("none, or separated by commas, of auto (those that have what they need), ", listed(metric_table())),
               &m.use, kEvaluation});
  t.push_back({"evaluation.passage_tokens", "verbmem: new tokens behind the start of a passage", &m.passage_tokens,
               kEvaluation, positive("use MUSE's 128")});
  t.push_back({"evaluation.text_tokens", "tokens of a privacy text; longer ones are cut", &m.text_tokens, kEvaluation,
               at_least(2, "the first token of a text is not scored")});
  t.push_back({"evaluation.min_k", "share of the least likely tokens in Min-K % and Min-K %++", &m.min_k, kEvaluation,
               share("use MUSE's 0.4")});
  t.push_back({"evaluation.published_auc", "MUSE's AUC of its retrained model, for privleak_published; 0: none",
               &m.published_auc, kEvaluation, in_range(0, 1, "it is a share, such as 0.4772")});
  t.push_back(
      {"evaluation.depth",
       "put states of the unlearned model, and of campaign.floor_model, into the target: in which blocks is the answer?",
       &m.depth, kEvaluation});
  t.push_back({"evaluation.depth_threshold",
               "nats a token that the answer must lose by the floor model's states for a block to count in a depth score",
               &m.depth_threshold, kCell, at_least(0, "it is a drop", "use 0.05")});
  t.push_back({"evaluation.retrained",
               "results file (baselines/NAME.h5) whose target is a model trained without the forget set; empty: none",
               &m.retrained,
               kNothing,
               {},
               Role::input_path});
  t.push_back(
      {"evaluation.retrained_checksum", "SHA-256 that this file must have; empty: any", &m.retrained_checksum, kCell});
}

}  // namespace

void add_evaluation_options(OptionTable& table, Configuration& configuration) {
  add_generation(table, configuration.generation);
  add_attribution(table, configuration.attribution);
  add_judge(table, configuration.judge);
  add_probe(table, configuration.probe, configuration.dataset.attempts, configuration.exported.generator);
  add_relearn(table, configuration.probe.relearn);
  add_soft_prompt(table, configuration.probe.soft_prompt);
  add_metrics(table, configuration.metric);
}

}  // namespace unpact
