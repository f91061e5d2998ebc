#include "unpact/options/configuration.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "option_sources.hpp"
#include "unpact/options/option_table.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/probes.hpp"
#include "unpact/evaluation/threshold_search.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

void check_choice(const char* key, const std::string& value, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return;
  throw UserError(concat("option '", key, "' is '", value, "'"), "it is not one of the known values", concat("use ", join(known, ", ")));
}

void check_lists(const char* key, const std::string& value, const std::vector<std::string>& known) {
  const auto items = split_list(value);
  UNPACT_VALIDATE(!items.empty(), concat("option '", key, "' is empty"), "nothing would be done", concat("use ", join(known, ", ")));
  for (const auto& item : items) check_choice(key, item, known);
}

/// Refuses text that an INI file would give back changed: a configuration must say the same when it is read again.
/// Questions, answers and files that a single call is about are no settings and may be any text.
void check_text(const Configuration& c) {
  Configuration copy = c;
  for (const auto& option : option_table(copy)) {
    const auto* const* text = std::get_if<std::string*>(&option.value);
    const bool is_input = option.key.rfind("ask.", 0) == 0 || option.key.rfind("inspect.", 0) == 0;
    if (text == nullptr || is_input) continue;
    UNPACT_VALIDATE((*text)->find_first_of("#\n\r") == std::string::npos && trim(**text) == **text,
                    concat("option '", option.key, "' holds text that a configuration file cannot"),
                    "a # starts a comment there, line ends and spaces at an end are lost",
                    option.key.rfind("prompt.", 0) == 0 ? "write \\x23 for a #, \\n for a line end, \\s for a space at an end"
                                                         : "choose text without them");
  }
}

void check(const Configuration& c) {
  check_text(c);
  check_train_options(c.finetune_training());
  check_train_options(c.unlearn_training());
  check_method(c.method);
  check_key_token_options(c.attribution.keys);
  check_attribution_settings(c.attribution.method, c.attribution.settings);
  check_phrasings(c.probe.resolve_phrasings());
  const Judge judge(c.judge);
  c.prompt.resolve();
  check_choice("run.device", c.run.device, {"auto", "cpu", "cuda"});
  check_choice("dataset.kind", c.dataset.kind, {"muse", "tofu", "wmdp", "mmlu"});
  check_choice("unlearn.form", c.unlearn.form, {"questions", "texts"});
  check_choice("unlearn.loss_on", c.unlearn.loss_on, {"answer", "all"});
  check_choice("unlearn.chunk_rule", c.unlearn.chunk_rule, {"muse", "open_unlearning"});
  check_choice("unlearn.retain_sampling", c.unlearn.retain_sampling, {"epoch", "uniform", "paired"});
  UNPACT_VALIDATE(!kind_of(c.method).needs_questions || c.unlearn.form == "questions",
                  concat("options 'method.forget = ", c.method.forget, "' and 'unlearn.form = texts' contradict each other"),
                  "a text has no other answer", "set unlearn.form = questions");
  check_choice("finetune.loss_on", c.finetune.loss_on, {"answer", "all"});
  check_choice("probe.keys_of", c.probe.keys_of, {"target", "unlearned"});
  check_choice("attribution.focus_of", c.attribution.focus_of, {"own", "gold"});
  check_choice("attribution.tune_objective", c.attribution.tune_objective, {"auto", "labels", "effect"});
  read_grid_axis(c.attribution.tune_alphas, "attribution.tune_alphas");
  read_grid_axis(c.attribution.tune_betas, "attribution.tune_betas");
  removal_unit_of(c.attribution.unit);
  UNPACT_VALIDATE(c.attribution.verify >= 0, concat("option 'attribution.verify' is ", c.attribution.verify),
                  "it is a number of questions", "use 0 to verify none");
  check_choice("attribution.engine", c.attribution.engine, {"shared_prefix", "reference"});
  check_lists("finetune.sets", c.finetune.sets, {"forget", "retain"});
  check_lists("finetune.parts", c.finetune.parts, {"questions", "texts", "focus"});
  const auto positive = [](const char* key, std::int64_t value) {
    UNPACT_VALIDATE(value > 0, concat("option '", key, "' is ", value), "it must be positive", "correct the value");
  };
  positive("generation.max_new_tokens", c.generation.max_new_tokens);
  UNPACT_VALIDATE(c.attribution.token_budget >= 0, concat("option 'attribution.token_budget' is ", c.attribution.token_budget),
                  "it is a number of tokens", "use 0, which lets the free memory decide");
  positive("attribution.save_every", c.attribution.save_every);
  positive("campaign.ranks_per_cell", c.campaign.ranks_per_cell);
  positive("inspect.ranks", c.inspect.ranks);
  UNPACT_VALIDATE(c.prompt.examples >= 0 && c.dataset.limit >= 0 && c.run.threads >= 0, "a count is negative",
                  "prompt.examples, dataset.limit and run.threads must be >= 0", "correct the value");
  UNPACT_VALIDATE(std::isfinite(c.run.time_limit) && c.run.time_limit >= 0, concat("option 'run.time_limit' is ", c.run.time_limit),
                  "it must be a number of minutes >= 0", "use 0 for no limit");
  constexpr std::int64_t kMostThreads = 4096;  // more are a mistake, and LibTorch would die on them
  UNPACT_VALIDATE(c.run.threads <= kMostThreads, concat("option 'run.threads' is ", c.run.threads),
                  concat("it must be at most ", kMostThreads), "use the number of cores of a rank");
  UNPACT_VALIDATE(c.unlearn.chunk_length > 1 && c.finetune.chunk_length > 1, "option 'chunk_length' is too small",
                  "a piece holds BOS and at least one token", "use 2048");
  UNPACT_VALIDATE(c.probe.temperature > 0 && c.probe.top_p > 0 && c.probe.top_p <= 1, "options 'probe.temperature' or 'probe.top_p' are out of range",
                  "the temperature must be positive, top_p in (0, 1]", "use 1 for both");
}

}  // namespace

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
  result.add_bos = add_bos;
  result.stop_strings.clear();
  for (const auto& text : split_list(stop, '|')) result.stop_strings.push_back(unescape(text));
  return result;
}

std::vector<std::string> ProbeOptions::resolve_phrasings() const {
  return phrasings.empty() ? default_phrasings() : split_list(phrasings, '|');
}

TrainOptions Configuration::unlearn_training() const {
  auto options = unlearn.train;
  if (method_overrides.learning_rate >= 0) options.learning_rate = method_overrides.learning_rate;
  if (method_overrides.epochs >= 0) options.epochs = method_overrides.epochs;
  if (method_overrides.max_steps >= 0) options.max_steps = method_overrides.max_steps;
  if (method_overrides.batch_size >= 0) options.batch_size = method_overrides.batch_size;
  if (!method_overrides.schedule.empty()) options.schedule = parse_schedule(method_overrides.schedule);
  options.seed = run.seed;
  options.execution = train;
  return options;
}

TrainOptions Configuration::finetune_training() const {
  auto options = finetune.train;
  options.seed = run.seed;
  options.execution = train;
  return options;
}

CommandLine::CommandLine(std::string job, std::vector<std::string> arguments) : job_(std::move(job)), arguments_(std::move(arguments)) {}

Configuration CommandLine::resolve(const std::vector<std::string>& forced) const {
  const auto values = OptionSources(job_, arguments_, forced).merged();
  Configuration configuration;
  for (const auto& option : option_table(configuration))
    if (const auto it = values.find(option.key); it != values.end()) assign(option, it->second.resolved(option.is_path), it->second.origin);
  // What the choice files say is merged in: the configuration stands for itself.
  configuration.model.use.clear();
  configuration.dataset.use.clear();
  configuration.method_use.clear();
  // A model that was unlearned before says itself how (run_evaluate).
  if (job_ != "evaluate") configuration.method.name = name_of(configuration.method);
  configuration.finetune.train.seed = configuration.run.seed;
  configuration.generation.seed = configuration.run.seed;
  check(configuration);
  return configuration;
}

namespace {

bool is_path_option(const std::string& key) {
  Configuration scratch;
  for (const auto& option : option_table(scratch))
    if (option.key == key) return option.is_path;
  return false;
}

/// A campaign's keys that only its choices set must not stand in its own sections, whose values would win.
std::string to_ini(const Configuration& configuration, const std::set<std::string>& left_out) {
  Configuration copy = configuration;
  std::string text, section;
  for (const auto& option : option_table(copy)) {
    if (left_out.count(option.key) != 0) continue;
    const auto dot = option.key.find('.');
    if (option.key.substr(0, dot) != section) {
      section = option.key.substr(0, dot);
      text += concat(text.empty() ? "" : "\n", "[", section, "]\n");
    }
    text += concat(option.key.substr(dot + 1), " = ", value_text(option), "\n");
  }
  return text;
}

}  // namespace

std::string CommandLine::printed() const {
  if (job_ != "reproduce") return to_ini(with_absolute_paths(resolve()));
  // A single choice is a campaign's list of one. Without `use` what is resolved here is what all cells share.
  auto configuration = with_absolute_paths(resolve({"model.use=", "dataset.use=", "method.use="}));
  auto& campaign = configuration.campaign;
  const OptionSources sources(job_, arguments_, {});
  if (!sources.is_given("method.name")) configuration.method.name.clear();  // each cell makes its own
  std::string choices;
  std::set<std::string> left_to_choices;
  for (const auto& [kind, names, use] : {std::tuple("models", &campaign.models, "model.use"), std::tuple("datasets", &campaign.datasets, "dataset.use"),
                                         std::tuple("methods", &campaign.methods, "method.use")}) {
    if (names->empty()) *names = sources.given(use);
    for (const auto& name : split_list(*names)) {
      choices += concat("\n[choice.", kind, ".", name, "]\n");
      for (const auto& [key, value] : sources.choice(kind, name)) {
        choices += concat(key, " = ", value.absolute(is_path_option(key)), "\n");
        if (!sources.is_given(key)) left_to_choices.insert(key);
      }
    }
  }
  return to_ini(configuration, left_to_choices) + choices;
}

bool CommandLine::wants_help() const { return std::find(arguments_.begin(), arguments_.end(), "--help") != arguments_.end(); }

bool CommandLine::wants_configuration() const {
  return std::find(arguments_.begin(), arguments_.end(), "--print-config") != arguments_.end();
}

Configuration with_absolute_paths(Configuration configuration) {
  for (const auto& option : option_table(configuration)) {
    if (!option.is_path) continue;
    auto& path = *std::get<std::string*>(option.value);
    if (!path.empty()) path = fs::absolute(path).lexically_normal().string();
  }
  return configuration;
}

std::string to_ini(const Configuration& configuration) { return to_ini(configuration, {}); }

}  // namespace unpact
