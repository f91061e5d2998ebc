/// From a job's arguments to its configuration, and back to text.
#include <algorithm>
#include <set>
#include <tuple>

#include "check_configuration.hpp"
#include "ini_text.hpp"
#include "option_sources.hpp"
#include "unpact/core/error.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {
namespace {

bool is_path_option(const std::string& key) {
  Configuration scratch;
  for (const auto& option : option_table(scratch))
    if (option.key == key) return option.role == Role::input_path;
  return false;
}

/// unlearn.epochs for method.epochs.
std::string replaced_key(const std::string& key) { return "unlearn" + key.substr(key.find('.')); }

/// Whether the command line sets the option of [unlearn] and not that of [method]: then it wins over what a method's file
/// says for itself.
bool is_overruled(const Option& option, const std::function<bool(const std::string&)>& is_on_command_line) {
  return option.role == Role::instead && is_on_command_line(replaced_key(option.key)) && !is_on_command_line(option.key);
}

/// Whether the option of [unlearn] has its value from the option of [method] that stands for it, in the configuration itself.
bool is_replaced(const std::string& key, const OptionSources& sources) {
  Configuration scratch;
  for (const auto& option : option_table(scratch)) {
    if (option.role != Role::instead || replaced_key(option.key) != key || !sources.is_given(option.key)) continue;
    const auto unset = value_text(option);
    assign(option, sources.given(option.key), "in the configuration");
    return value_text(option) != unset;
  }
  return false;
}

/// What a pair sets and nothing stronger does.
OptionValues left_to_pair(const OptionSources& sources, const std::string& model, const std::string& dataset) {
  auto values = sources.pair(model, dataset);
  std::erase_if(values, [&](const auto& item) { return sources.is_given(item.first) || is_replaced(item.first, sources); });
  return values;
}

/// A campaign's lists say what its cells are; the command line must not seem to say something else.
void refuse_what_lists_replace(const OptionSources& sources) {
  for (const auto& [key, list, shortest] :
       {std::tuple("run.seed", "campaign.seeds", "--seed"), std::tuple("model.use", "campaign.models", "--model.use"),
        std::tuple("dataset.use", "campaign.datasets", "--dataset"),
        std::tuple("method.use", "campaign.methods", "--method")})
    UNPACT_VALIDATE(
        !sources.is_on_command_line(key) || sources.given(list).empty(),
        concat("option '", key, "' (", shortest, ") would change nothing here"),
        concat("the campaign's cells follow '", list, " = ", sources.given(list), "'"),
        concat("use --", list, " ", sources.given(key),
               key == std::string("run.seed") ? ", or set run.seed, the target's own seed, in the configuration file" : ""));
}

/// Whether the method is the one that runs: what a campaign's cells share is resolved before their methods are known.
bool has_own_method(const Configuration& c, bool is_campaign, const std::vector<std::string>& forced) {
  const auto chosen = std::ranges::find_if(forced, [](const auto& setting) { return setting.starts_with("method.use="); });
  if (chosen != forced.end()) return *chosen != "method.use=";
  return !is_campaign || c.campaign.methods.empty();
}

}  // namespace

void apply_method_overrides(Configuration& configuration) {
  Configuration defaults;
  const auto table = option_table(configuration), unset = option_table(defaults);
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].role != Role::instead || value_text(table[i]) == value_text(unset[i])) continue;
    const auto replaced =
        std::find_if(table.begin(), table.end(), [&](const Option& o) { return o.key == replaced_key(table[i].key); });
    assign(*replaced, value_text(table[i]), concat("from ", table[i].key));
    assign(table[i], value_text(unset[i]), "by default");
  }
}

CommandLine::CommandLine(std::string job, std::vector<std::string> arguments)
    : job_(std::move(job)), arguments_(std::move(arguments)) {}

Configuration CommandLine::resolve(const std::vector<std::string>& forced) const {
  const OptionSources sources(job_, arguments_, forced);
  const bool is_campaign = job_ == "reproduce";
  if (is_campaign && forced.empty()) refuse_what_lists_replace(sources);
  const auto values = sources.merged();
  const auto is_on_command_line = [&](const std::string& key) {
    const auto it = values.find(key);
    return it != values.end() && it->second.on_command_line;
  };
  Configuration configuration;
  for (const auto& option : option_table(configuration)) {
    const auto it = values.find(option.key);
    if (it != values.end() && !is_overruled(option, is_on_command_line))
      assign(option, it->second.resolved(option.role == Role::input_path), it->second.origin);
  }
  apply_method_overrides(configuration);
  if (is_campaign && !sources.is_given("campaign.seeds")) configuration.campaign.seeds = concat(configuration.run.seed);
  // What the choice files say is merged in: the configuration stands for itself.
  configuration.model.use.clear();
  configuration.dataset.use.clear();
  configuration.method_use.clear();
  configuration.probe.suite.clear();
  // A model that was unlearned before says itself how (run_evaluate).
  if (job_ != "evaluate") configuration.method.name = name_of(configuration.method);
  configuration.finetune.train.seed = configuration.run.seed;
  configuration.generation.seed = configuration.run.seed;
  check_configuration(configuration);
  if (has_own_method(configuration, is_campaign, forced)) check_chosen_method(configuration);
  check_endpoints(configuration, job_);
  check_bits(configuration, job_);
  return configuration;
}

std::string CommandLine::printed() const {
  if (job_ != "reproduce") return to_ini(with_absolute_paths(resolve()));
  // A single choice is a campaign's list of one. Without `use` what is resolved here is what all cells share.
  auto configuration = with_absolute_paths(resolve({"model.use=", "dataset.use=", "method.use="}));
  auto& campaign = configuration.campaign;
  const OptionSources sources(job_, arguments_, {});
  if (sources.given("method.name").empty()) configuration.method.name.clear();  // each cell makes its own
  std::string choices;
  std::set<std::string> in_choices;
  const auto add = [&](const std::string& section, const OptionValues& values) {
    choices += concat("\n", ini_section(section));
    for (const auto& [key, value] : values) {
      choices += ini_line(key, key, value.absolute(is_path_option(key)));
      in_choices.insert(key);
    }
  };
  for (const auto& [kind, names, use] :
       {std::tuple("models", &campaign.models, "model.use"), std::tuple("datasets", &campaign.datasets, "dataset.use"),
        std::tuple("methods", &campaign.methods, "method.use")}) {
    if (names->empty()) *names = sources.given(use);
    for (const auto& name : split_list(*names)) add(concat("choice.", kind, ".", name), sources.choice(kind, name));
  }
  for (const auto& model : split_list(campaign.models))
    for (const auto& dataset : split_list(campaign.datasets))
      if (const auto values = left_to_pair(sources, model, dataset); !values.empty())
        add(pair_section({model, dataset}), values);
  // What only choices set must not stand in the campaign's own sections, whose values would win. They shall win where the
  // command line overrules the methods.
  const auto own = ini_text(option_table(configuration), [&](const Option& option) {
    return in_choices.count(option.key) == 0 || sources.is_given(option.key) || is_replaced(option.key, sources) ||
           is_overruled(option, [&](const std::string& key) { return sources.is_on_command_line(key); });
  });
  return own + choices;
}

bool CommandLine::wants_help() const {
  return std::find(arguments_.begin(), arguments_.end(), "--help") != arguments_.end();
}

bool CommandLine::wants_configuration() const {
  return std::find(arguments_.begin(), arguments_.end(), "--print-config") != arguments_.end();
}

}  // namespace unpact
