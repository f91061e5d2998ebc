#include "unpact/campaign/configuration.hpp"

#include <boost/program_options.hpp>
#include <fstream>
#include <map>
#include <optional>
#include <set>

#include "option_table.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/probes.hpp"

namespace unpact {
namespace po = boost::program_options;
namespace fs = std::filesystem;
namespace {

/// Short names on the command line.
const std::map<std::string, std::string>& aliases() {
  static const std::map<std::string, std::string> names = {
      {"model", "model.path"}, {"dataset", "dataset.use"}, {"method", "method.use"}, {"output", "run.output"},
      {"seed", "run.seed"},    {"prompt", "ask.prompt"},   {"answer", "ask.answer"}, {"input", "ask.input"},
      {"device", "run.device"}};
  return names;
}

/// Options that are no settings: what the program itself shall do.
const std::vector<std::string> kSwitches = {"help", "print-config", "json"};

struct Value {
  std::string text, origin;
  fs::path base;  ///< folder that a relative input path is meant from
};

/// The first value that a source gives for a key counts; sources are stored from the strongest to the weakest.
using Values = std::map<std::string, Value>;

std::vector<std::string> known_keys() {
  Configuration scratch;
  std::vector<std::string> keys;
  for (const auto& option : option_table(scratch)) keys.push_back(option.key);
  return keys;
}

[[noreturn]] void unknown_key(const std::string& key, const std::string& origin) {
  auto candidates = known_keys();
  for (const auto& [alias, target] : aliases()) candidates.push_back(alias);
  for (const auto& name : kSwitches) candidates.push_back(name);
  candidates.push_back("config");
  const auto near = closest_match(key, candidates);
  throw UserError(concat("unknown option '", key, "'"), concat("it was given ", origin),
                  near.empty() ? std::string("see `unpact JOB --help`") : concat("did you mean '", near, "'?"));
}

po::options_description description(bool for_command_line) {
  po::options_description all;
  for (const auto& key : known_keys()) all.add_options()(key.c_str(), po::value<std::string>());
  if (!for_command_line) return all;
  for (const auto& [alias, target] : aliases()) all.add_options()(alias.c_str(), po::value<std::string>());
  for (const auto& name : kSwitches) all.add_options()(name.c_str(), po::bool_switch());
  all.add_options()("config", po::value<std::string>());
  all.add_options()("unlearned", po::value<std::string>());
  return all;
}

void store(Values& values, const po::parsed_options& parsed, const std::string& origin, const fs::path& base) {
  std::set<std::string> seen;
  for (const auto& option : parsed.options) {
    const auto alias = aliases().find(option.string_key);
    const auto& key = alias == aliases().end() ? option.string_key : alias->second;
    UNPACT_VALIDATE(seen.insert(key).second, concat("option '", key, "' appears twice"), origin, "remove one of the two");
    // A switch carries no value.
    values.try_emplace(key, Value{option.value.empty() ? "true" : option.value.back(), origin, base});
  }
}

/// Boost's messages in our grammar.
template <class Parse>
po::parsed_options checked(const std::string& origin, const Parse& parse) {
  try {
    return parse();
  } catch (const po::unknown_option& error) {
    std::string key = error.get_option_name();
    key.erase(0, key.find_first_not_of('-'));
    unknown_key(key, origin);
  } catch (const po::error& error) {
    throw UserError(concat("the options cannot be read: ", error.what()), origin, "see `unpact JOB --help`");
  }
}

po::parsed_options parse_command_line(const std::string& job, const std::vector<std::string>& arguments) {
  const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  po::positional_options_description positional;
  if (job == "inspect") positional.add("inspect.what", 1).add("inspect.path", 1);
  auto described = description(true);
  return checked("on the command line",
                 [&] { return po::command_line_parser(arguments).options(described).positional(positional).style(style).run(); });
}

void store_file(Values& values, const fs::path& path, const std::string& hint) {
  std::ifstream in(path);
  UNPACT_VALIDATE(in.is_open(), concat("cannot read the configuration ", path.string()), "there is no such file", hint);
  auto described = description(false);
  const auto origin = concat("in ", path.string());
  const auto parsed = checked(origin, [&] { return po::parse_config_file(in, described, /*allow_unregistered=*/false); });
  store(values, parsed, origin, path.parent_path());
}

/// Adds the choice file that `key` names, if any.
void store_choice(Values& values, const std::string& key, const std::string& folder, const fs::path& root) {
  const auto it = values.find(key);
  if (it == values.end() || it->second.text.empty()) return;
  const auto path = root / folder / (it->second.text + ".ini");
  store_file(values, path, concat("'", key, "' names a file of that folder without its .ini"));
}

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
  check_train_options(c.finetune.train);
  check_train_options(c.unlearn_training());
  check_method(c.method);
  check_key_token_options(c.attribution.keys);
  check_phrasings(c.probe.resolve_phrasings());
  const Judge judge(c.judge);
  c.prompt.resolve();
  check_choice("run.device", c.run.device, {"auto", "cpu", "cuda"});
  check_choice("dataset.kind", c.dataset.kind, {"muse", "tofu"});
  check_choice("unlearn.form", c.unlearn.form, {"questions", "texts"});
  check_choice("unlearn.loss_on", c.unlearn.loss_on, {"answer", "all"});
  check_choice("finetune.loss_on", c.finetune.loss_on, {"answer", "all"});
  check_choice("probe.keys_of", c.probe.keys_of, {"target", "unlearned"});
  check_choice("attribution.focus_of", c.attribution.focus_of, {"own", "gold"});
  check_choice("attribution.engine", c.attribution.engine, {"shared_prefix", "reference"});
  check_lists("finetune.sets", c.finetune.sets, {"forget", "retain"});
  check_lists("finetune.parts", c.finetune.parts, {"questions", "texts", "focus"});
  const auto positive = [](const char* key, std::int64_t value) {
    UNPACT_VALIDATE(value > 0, concat("option '", key, "' is ", value), "it must be positive", "correct the value");
  };
  positive("generation.max_new_tokens", c.generation.max_new_tokens);
  positive("attribution.token_budget", c.attribution.token_budget);
  positive("campaign.ranks_per_cell", c.campaign.ranks_per_cell);
  UNPACT_VALIDATE(c.prompt.examples >= 0 && c.dataset.limit >= 0 && c.run.threads >= 0, "a count is negative",
                  "prompt.examples, dataset.limit and run.threads must be >= 0", "correct the value");
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
  if (!method_overrides.schedule.empty()) options.schedule = method_overrides.schedule;
  options.seed = run.seed;
  return options;
}

CommandLine::CommandLine(std::string job, std::vector<std::string> arguments) : job_(std::move(job)), arguments_(std::move(arguments)) {}

Configuration CommandLine::resolve(const std::vector<std::string>& forced) const {
  const auto current = fs::path();
  Values values;
  for (const auto& setting : forced) {
    const auto equals = setting.find('=');
    values.try_emplace(setting.substr(0, equals), Value{setting.substr(equals + 1), "by the campaign", current});
  }
  store(values, parse_command_line(job_, arguments_), "on the command line", current);
  const auto take = [&](const std::string& key) -> std::optional<std::string> {
    const auto node = values.extract(key);
    return node.empty() ? std::nullopt : std::optional(node.mapped().text);
  };
  for (const auto& name : {"help", "print-config"}) take(name);
  if (const auto json = take("json")) values.try_emplace("ask.json", Value{*json, "on the command line", current});
  if (const auto folder = take("unlearned"))
    values.try_emplace(job_ == "ask" ? "ask.unlearned" : "evaluate.unlearned", Value{*folder, "on the command line", current});
  fs::path root = "configs";
  if (const auto config = take("config")) {
    store_file(values, *config, "check the path behind --config");
    root = fs::path(*config).parent_path();
  }
  store_choice(values, "model.use", "models", root);
  store_choice(values, "dataset.use", "datasets", root);
  store_choice(values, "method.use", "methods", root);

  Configuration configuration;
  for (const auto& option : option_table(configuration)) {
    const auto it = values.find(option.key);
    if (it == values.end()) continue;
    const bool relative = option.is_path && !it->second.text.empty() && !it->second.base.empty() && fs::path(it->second.text).is_relative();
    assign(option, relative ? (it->second.base / it->second.text).lexically_normal().string() : it->second.text, it->second.origin);
  }
  // What the choice files say is merged in: the configuration stands for itself.
  configuration.model.use.clear();
  configuration.dataset.use.clear();
  configuration.method_use.clear();
  configuration.finetune.train.seed = configuration.run.seed;
  configuration.generation.seed = configuration.run.seed;
  check(configuration);
  return configuration;
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

std::string to_ini(const Configuration& configuration) {
  Configuration copy = configuration;
  std::string text, section;
  for (const auto& option : option_table(copy)) {
    const auto dot = option.key.find('.');
    if (option.key.substr(0, dot) != section) {
      section = option.key.substr(0, dot);
      text += concat(text.empty() ? "" : "\n", "[", section, "]\n");
    }
    text += concat(option.key.substr(dot + 1), " = ", value_text(option), "\n");
  }
  return text;
}

}  // namespace unpact
