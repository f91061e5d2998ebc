#include "check_configuration.hpp"

#include "ini_text.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"
#include "unpact/evaluation/phrasings.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/evaluation/threshold_search.hpp"
#include "unpact/options/option_table.hpp"
#include "unpact/text/thought.hpp"

namespace unpact {
namespace {

/// A configuration must say the same when it is read again. Questions, answers and files that a single call is about are
/// no settings and may be any text.
void check_text(const Option& option) {
  const bool is_input =
      option.key.rfind("ask.", 0) == 0 || option.key.rfind("inspect.", 0) == 0 || option.key.rfind("status.", 0) == 0;
  if (std::holds_alternative<std::string*>(option.value) && !is_input) require_ini_value(option.key, value_text(option));
}

/// Results are filed under their names: MODEL__DATASET__METHOD__seedN with endings, and beside it temporary files whose
/// names hold this host's and the process's number.
void check_file_names(const Configuration& c) {
  constexpr std::size_t kLongest = 255, kEndings = 100;
  const std::size_t between = 3 * 2 + std::string("seed18446744073709551615").size();
  const auto length = c.model.name.size() + c.dataset.name.size() + c.method.name.size() + between;
  UNPACT_VALIDATE(length <= kLongest - kEndings,
                  concat("the names '", shortened(c.model.name, 60), "' (model.name, ", c.model.name.size(), " bytes), '",
                         shortened(c.dataset.name, 60), "' (dataset.name, ", c.dataset.name.size(), ") and '",
                         shortened(c.method.name, 60), "' (method.name, ", c.method.name.size(), ") are too long together"),
                  concat("results are filed under them, and the name of a file has at most ", kLongest, " bytes"),
                  concat("choose names of at most ", kLongest - kEndings - between, " bytes together"));
}

/// What asks for points that there are not, or that no method gives.
void check_points(const Configuration& c) {
  const auto& u = c.unlearn;
  const bool has_points = !u.save_points.empty(), mixes = u.mix != MixRule::none;
  UNPACT_VALIDATE(has_points || u.select == PointRule::last,
                  concat("option 'unlearn.select' is '", name_of_value(u.select), "', and there are no points"),
                  "unlearn.save_points is empty", "name points, e.g. unlearn.save_points = 1e, 2e");
  UNPACT_VALIDATE(has_points || !u.keep_points, "option 'unlearn.keep_points' is true, and there are no points",
                  "unlearn.save_points is empty", "name points, e.g. unlearn.save_points = 1e, 2e");
  const auto* option = has_points ? "unlearn.save_points" : "unlearn.mix";
  if (!has_points && !mixes) return;
  UNPACT_VALIDATE(!kind_of(c.method).answers_by_two,
                  concat("options '", option, "' and 'method.forget = ", c.method.forget, "' contradict each other"),
                  "the unlearned model answers by two models", "leave one of them out");
  UNPACT_VALIDATE(!has_points || c.method.reinforced != Reinforced::shared,
                  "options 'unlearn.save_points' and 'method.reinforced = shared' contradict each other",
                  "points of a reinforcement are not points of an unlearning; its strengths are its scales",
                  "sweep method.scale, or leave unlearn.save_points empty");
  UNPACT_VALIDATE(u.forget_sets.empty(), concat("options '", option, "' and 'campaign.sequence' contradict each other"),
                  "the steps of a sequence are cells of their own", "leave one of them out");
}

void check_endpoints(const Configuration& c) {
  if (!c.endpoint.unlearned.url.empty()) check_endpoint_url(c.endpoint.unlearned.url, "endpoint.unlearned");
  if (c.model.endpoint.url.empty()) return;
  check_endpoint_url(c.model.endpoint.url, "model.endpoint");
  UNPACT_VALIDATE(!c.model.make_target, "options 'model.endpoint' and 'model.make_target' contradict each other",
                  "nobody can fine-tune a model that only answers", "remove one of them");
}

void check_rows(const Configuration& configuration) {
  auto copy = configuration;
  for (const auto& option : option_table(copy)) {
    check_text(option);
    if (option.check) option.check(option);
  }
}

/// Probes and metrics that look at weights or hidden states.
void check_what_endpoints_give(const Configuration& c) {
  if (c.model.endpoint.url.empty() && c.endpoint.unlearned.url.empty()) return;
  for (const auto* row : chosen_probes(c.probe))
    UNPACT_VALIDATE(!row->reads_layers && !row->models, concat("option 'probe.use' names '", row->name, "'"),
                    "it needs the weights, and a model answers over HTTP", "leave the probe out");
  UNPACT_VALIDATE(!c.metric.depth, "option 'evaluation.depth' is true",
                  "it exchanges hidden states, and a model answers over HTTP", "leave it out");
}

void check_thoughts(const Configuration& c) {
  const auto prompt = c.prompt.resolve();
  UNPACT_VALIDATE(thinks(prompt) || prompt.thought_begin.empty(),
                  "option 'prompt.thought_begin' is set and prompt.thought_end is empty", "nothing would end a thought",
                  "set prompt.thought_end, such as \\n</think>\\n\\n");
  UNPACT_VALIDATE(!thinks(prompt) || (!trim(prompt.thought_begin).empty() && !trim(prompt.thought_end).empty()),
                  "options 'prompt.thought_begin' and 'prompt.thought_end' mark no thought",
                  "one of them is empty or white space, which an answer holds, too",
                  "set both, such as <think>\\n and \\n</think>\\n\\n");
  UNPACT_VALIDATE(
      c.dataset.trace_field.empty() || thinks(prompt),
      concat("options 'dataset.trace_field = ", c.dataset.trace_field, "' and 'prompt.thought_end' contradict each other"),
      "the entries have traces of thought, and the prompt's template has no place for them",
      "choose a model's template with thoughts (prompt.thought_begin, prompt.thought_end), or leave the field out");
}

}  // namespace

void check_endpoints(const Configuration& c, const std::string& job) {
  const bool takes_target = job == "ask" || job == "attribute" || job == "evaluate",
             takes_unlearned = takes_target && job != "attribute";
  const auto refuse = [&](const char* option, const std::string& url) {
    UNPACT_VALIDATE(url.empty(), concat("option '", option, "' is '", shortened(url), "'"),
                    concat(job, " cannot work with a model that answers over HTTP: it needs the weights"),
                    "give a model in a local folder; ask, attribute and evaluate take endpoints");
  };
  if (!takes_target) refuse("model.endpoint", c.model.endpoint.url);
  if (!takes_unlearned) refuse("endpoint.unlearned", c.endpoint.unlearned.url);
  if (takes_target && job != "ask") check_what_endpoints_give(c);
}

namespace {

/// What asks the target which words of a question carry its answer.
void check_attribution_of_questions(const Configuration& c) {
  const bool of_questions = c.unlearn.form == ExampleForm::questions;
  const bool weighs = c.method.weighting == WeightingKind::attribution;
  UNPACT_VALIDATE(!weighs || of_questions,
                  "options 'method.weighting = attribution' and 'unlearn.form = texts' contradict each other",
                  "a text has no question whose KeyTokens could be removed", "set unlearn.form = questions");
  UNPACT_VALIDATE(!weighs || c.unlearn.loss_on == LossOn::answer,
                  concat("options 'method.weighting = attribution' and 'unlearn.loss_on = ",
                         name_of_value(c.unlearn.loss_on), "' contradict each other"),
                  "contributions are those of a question to its answer", "set unlearn.loss_on = answer");
  UNPACT_VALIDATE(
      c.unlearn.phrased == 0 || of_questions,
      concat("options 'unlearn.phrased = ", c.unlearn.phrased, "' and 'unlearn.form = texts' contradict each other"),
      "a text has no question to put in other words", "set unlearn.form = questions, or unlearn.phrased = 0");
  trained_phrasings(c.probe, c.unlearn.phrased);
}

}  // namespace

void check_chosen_method(const Configuration& c) {
  check_method(c.method);
  check_points(c);
  UNPACT_VALIDATE(c.unlearn.train.clip == ClipRule::sum || kind_of(c.method).has_retain_term(c.method.retain) ||
                      c.method.anchor_weight > 0,
                  concat("options 'unlearn.clip = terms' and 'method.forget = ", c.method.forget,
                         "' with method.retain = ", name_of_value(c.method.retain), " contradict each other"),
                  "the loss has one term", "set unlearn.clip = sum, or add a retain term");
  UNPACT_VALIDATE(!kind_of(c.method).needs_questions || c.unlearn.form == ExampleForm::questions,
                  concat("options 'method.forget = ", c.method.forget, "' and 'unlearn.form = texts' contradict each other"),
                  "a text has no other answer", "set unlearn.form = questions");
  UNPACT_VALIDATE(c.method.weighting != WeightingKind::spans || c.unlearn.form == ExampleForm::questions,
                  "options 'method.weighting = spans' and 'unlearn.form = texts' contradict each other",
                  "nobody has said what a text names", "set unlearn.form = questions");
  check_attribution_of_questions(c);
  UNPACT_VALIDATE(c.unlearn.forget_sets.empty() || !kind_of(c.method).answers_by_two,
                  concat("options 'method.forget = ", c.method.forget, "' and 'unlearn.forget_sets' contradict each other"),
                  "the unlearned model answers by two models, and no training can start from it",
                  "leave the method out of a sequence");
  UNPACT_VALIDATE(c.unlearn.forget_sets.empty() || c.method.reinforced == Reinforced::own,
                  "options 'method.reinforced = shared' and 'unlearn.forget_sets' contradict each other",
                  "each set starts from a model of its own scale", "set method.reinforced = own");
  UNPACT_VALIDATE(
      c.train.lora_result == LoraResult::merged || !kind_of(c.method).answers_by_two,
      concat("options 'method.forget = ", c.method.forget, "' and 'train.lora_result = adapter' contradict each other"),
      "the unlearned model answers by two models, and no adapter folder says that", "use train.lora_result = merged");
  UNPACT_VALIDATE(!kind_of(c.method).answers_by_two || facts_of(c.attribution.method).takes_two_models,
                  concat("options 'method.forget = ", c.method.forget, "' and 'attribution.method = ", c.attribution.method,
                         "' contradict each other"),
                  "the unlearned model answers by two models, and the attribution reads the inside of one",
                  "use an attribution that removes, masks or replaces tokens, such as leave_one_out");
}

void check_bits(const Configuration& c, const std::string& job) {
  const auto& model = c.model;
  if (model.bits == AnsweringBits::all) return;
  UNPACT_VALIDATE(model.endpoint.url.empty() && c.endpoint.unlearned.url.empty(),
                  "option 'model.bits' and an endpoint contradict each other",
                  "who answers over HTTP has rounded its weights itself, or not", "leave model.bits out");
  const bool trains = job == "finetune" || job == "unlearn" || job == "reproduce" || model.make_target;
  UNPACT_VALIDATE(
      !trains, concat("option 'model.bits' is '", name_of_value(model.bits), "', and this trains"),
      job == "finetune" || job == "unlearn" || job == "reproduce"
          ? concat("the job ", job, " changes weights by less than a step of so few bits")
          : "model.make_target fine-tunes the target",
      "leave it out; ask, attribute and evaluate take it for models that are there, and the probe 'quantize' of a "
      "campaign asks what it has unlearned in few bits");
}

void check_configuration(const Configuration& c) {
  check_rows(c);
  check_file_names(c);
  check_train_options(c.finetune_training());
  check_train_options(c.unlearn_training());
  check_key_token_options(c.attribution.keys);
  check_attribution_settings(c.attribution.method, c.attribution.settings);
  if (c.model.replica == Replica::sharded) check_takes_shards(c.attribution.method);
  check_endpoints(c);
  check_probe_options(c.probe);
  judge_row(c.judge);
  check_changed_models(c.probe, c.judge);
  check_relearn_options(c.probe);
  check_metric_options(c.metric);
  check_thoughts(c);
  read_grid_axis(c.attribution.tune_alphas, "attribution.tune_alphas");
  read_grid_axis(c.attribution.tune_betas, "attribution.tune_betas");
  UNPACT_VALIDATE(c.unlearn.forget_sets.empty() || c.unlearn.form == ExampleForm::texts,
                  concat("option 'unlearn.forget_sets' is '", c.unlearn.forget_sets, "', and unlearn.form is 'questions'"),
                  "such sets are texts", "set unlearn.form = texts");
}

}  // namespace unpact
