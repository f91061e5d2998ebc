#include "option_sources.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <optional>
#include <set>

#include "built_in_models.hpp"
#include "option_file.hpp"
#include "option_names.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {
namespace po = boost::program_options;
namespace fs = std::filesystem;
namespace {

/// What --json means to a job.
std::string json_key(const std::string& job) {
  if (job == "inspect") return "inspect.json";
  if (job == "status") return "status.json";
  return job == "reproduce" ? "plan.json" : "ask.json";
}

/// What --watch means to a job, and any other short name.
std::string key_of_alias(const std::string& job, const std::string& alias) {
  if (job == "inspect" && alias == "watch") return "inspect.watch";
  const auto found = option_aliases().find(alias);
  return found == option_aliases().end() ? alias : found->second;
}

po::options_description description_of_command_line() {
  po::options_description all;
  for (const auto& key : known_keys()) all.add_options()(key.c_str(), po::value<std::string>());
  for (const auto& [alias, target] : option_aliases()) all.add_options()(alias.c_str(), po::value<std::string>());
  for (const auto& name : option_switches()) all.add_options()(name.c_str(), po::bool_switch());
  all.add_options()("config", po::value<std::string>());
  all.add_options()("unlearned", po::value<std::string>());
  return all;
}

/// The first source that says something for a key counts; sources are stored from the strongest to the weakest.
void store(OptionValues& values, const std::vector<Given>& options, const fs::path& base, bool on_command_line = false) {
  std::map<std::string, std::string> seen;
  for (const auto& option : options) {
    const auto [first, is_new] = seen.try_emplace(option.key, option.origin);
    UNPACT_VALIDATE(is_new, concat("option '", option.key, "' appears twice"),
                    first->second == option.origin ? option.origin : concat(first->second, ", and ", option.origin),
                    "remove one of the two");
    values.try_emplace(option.key, OptionValue{option.text, option.origin, base, on_command_line});
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
    refuse_unknown_key(key, origin);
  } catch (const po::error& error) {
    throw UserError(concat("the options cannot be read: ", error.what()), origin, "see `unpact JOB --help`");
  }
}

/// `--watch` may stand alone: then it has the value that people mean.
std::vector<std::string> with_values(const std::vector<std::string>& arguments) {
  constexpr const char* kUsualWatch = "30";  // seconds
  std::vector<std::string> all;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    all.push_back(arguments[i]);
    const auto next = i + 1 < arguments.size() ? arguments[i + 1] : "";
    const bool has_value = !next.empty() && next.find_first_not_of("0123456789.") == std::string::npos;
    if (arguments[i] == "--watch" && !has_value) all.emplace_back(kUsualWatch);
  }
  return all;
}

std::vector<Given> parse_command_line(const std::string& job, const std::vector<std::string>& arguments) {
  constexpr const char* kOrigin = "on the command line";
  const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  po::positional_options_description positional;
  if (job == "inspect") positional.add("inspect.what", 1).add("inspect.path", 1);
  if (job == "status") positional.add("status.path", 1);
  const auto described = description_of_command_line();
  const auto parsed = checked(kOrigin, [&] {
    return po::command_line_parser(with_values(arguments)).options(described).positional(positional).style(style).run();
  });
  std::vector<Given> options;
  for (const auto& option : parsed.options) {
    // A switch carries no value.
    options.push_back({key_of_alias(job, option.string_key), option.value.empty() ? "true" : option.value.back(), kOrigin});
  }
  return options;
}

/// What the configuration's own sections say wins over its pairs; somebody meant the pair to be different.
void note_what_wins_over_pair(const std::vector<Given>& own, const Given& option, const std::string& pair) {
  static std::set<std::string> said;
  const auto it = std::find_if(own.begin(), own.end(), [&](const Given& o) { return o.key == option.key; });
  if (it == own.end() || !said.insert(option.origin).second || log::rank() != 0) return;
  log::warn(concat("'", option.key, "' of [pair ", pair, "] (", option.origin,
                   ") changes nothing: the same file sets it for all (", it->origin, "), which wins"));
}

/// @param own what the same file says for all pairs. @param models, datasets those that a pair can be of.
std::map<PairName, OptionValues> pairs_of(const std::vector<PairSection>& sections, const std::vector<Given>& own,
                                          const std::vector<std::string>& models, const std::vector<std::string>& datasets,
                                          const fs::path& base) {
  std::map<PairName, OptionValues> pairs;
  std::map<PairName, std::string> origins;
  for (const auto& section : sections) {
    const auto name = split_pair(section.names, models, datasets, section.origin);
    const auto [first, is_new] = origins.try_emplace(name, section.origin);
    UNPACT_VALIDATE(is_new, concat("section [pair ", section.names, "] appears twice"),
                    concat(first->second, ", and ", section.origin), "put all that the pair has into one of the two");
    for (const auto& option : section.options) {
      check_key_of_pair(option.key, option.origin);
      note_what_wins_over_pair(own, option, section.names);
    }
    store(pairs[name], section.options, base);
  }
  return pairs;
}

std::vector<std::string> keys_of(const std::map<std::string, std::string>& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

}  // namespace

std::string OptionValue::resolved(bool is_path) const {
  const bool relative = is_path && !text.empty() && !base.empty() && fs::path(text).is_relative();
  return relative ? (base / text).lexically_normal().string() : text;
}

std::string OptionValue::absolute(bool is_path) const {
  return is_path && !text.empty() ? fs::absolute(resolved(true)).lexically_normal().string() : text;
}

OptionSources::OptionSources(const std::string& job, const std::vector<std::string>& arguments,
                             const std::vector<std::string>& forced) {
  for (const auto& setting : forced) {
    const auto equals = setting.find('=');
    given_.try_emplace(setting.substr(0, equals), OptionValue{setting.substr(equals + 1), "by the campaign", {}, true});
  }
  store(given_, parse_command_line(job, arguments), {}, true);
  const auto take = [&](const std::string& key) -> std::optional<std::string> {
    const auto node = given_.extract(key);
    return node.empty() ? std::nullopt : std::optional(node.mapped().text);
  };
  for (const auto& name : {"help", "print-config"}) take(name);
  if (const auto dry = take("dry-run")) given_.try_emplace("run.dry_run", OptionValue{*dry, "on the command line", {}});
  if (const auto retry = take("retry-failed"))
    given_.try_emplace("campaign.retry_failed", OptionValue{*retry, "on the command line", {}});
  if (const auto json = take("json")) given_.try_emplace(json_key(job), OptionValue{*json, "on the command line", {}});
  if (const auto tune = take("tune")) given_.try_emplace("attribution.tune", OptionValue{*tune, "on the command line", {}});
  if (const auto folder = take("unlearned"))
    given_.try_emplace(job == "ask" ? "ask.unlearned" : "evaluate.unlearned",
                       OptionValue{*folder, "on the command line", {}});
  const auto config = take("config");
  if (!config) return;
  root_ = fs::path(*config).parent_path();
  take_configuration(*config);
}

void OptionSources::take_configuration(const fs::path& config) {
  std::vector<Given> own;
  std::map<std::string, std::vector<Given>> inside;
  const auto keys = known_keys();
  auto read = read_option_file(config, Place::configuration, "check the path behind --config");
  for (auto& option : read.options) {
    if (!begins_choice(option.key)) {
      own.push_back(std::move(option));
      continue;
    }
    const auto [choice, key] = split_choice(option.key, option.origin, keys);
    option.key = key;
    inside[choice].push_back(std::move(option));
  }
  // A part of a campaign, chosen on the command line, is still the campaign that the file's pairs are of.
  const auto named = [&](const char* list, const char* use) {
    std::vector<std::string> names = split_list(given(list) + "," + given(use));
    for (const auto& option : own)
      if (option.key == list || option.key == use)
        for (const auto& name : split_list(option.text)) names.push_back(name);
    return names;
  };
  const auto models = named("campaign.models", "model.use"), datasets = named("campaign.datasets", "dataset.use");
  store(given_, own, root_);
  for (const auto& [choice, options] : inside) store(inside_[choice], options, root_);
  pairs_ = pairs_of(read.pairs, own, models, datasets, root_);
}

OptionValues OptionSources::one_choice(const std::string& kind, const std::string& name) const {
  if (const auto it = inside_.find(concat(kind, ".", name)); it != inside_.end()) return it->second;
  const auto path = root_ / kind / (name + ".ini");
  OptionValues values;
  const auto built_in = built_in_models().find(name);
  if (kind == "models" && built_in != built_in_models().end() && !fs::exists(path)) {
    const auto where = concat("the program's own models/", name, ".ini");
    store(values, read_option_text(built_in->second, Place::choice_file, where).options, {});
    return values;
  }
  const auto names = kind == "probes"
                         ? std::string("'probe.suite' names a file")
                         : concat("'", kind.substr(0, kind.size() - 1), ".use' and 'campaign.", kind, "' name files");
  auto hint = concat(names, " of that folder without their .ini; the configuration has no section [choice.", kind, ".", name,
                     "] either");
  if (kind == "models") hint += concat("; the program brings ", join(keys_of(built_in_models()), ", "));
  store(values, read_option_file(path, Place::choice_file, hint).options, path.parent_path());
  return values;
}

OptionValues OptionSources::choice(const std::string& kind, const std::string& name) const {
  const auto use = kind.substr(0, kind.size() - 1) + ".use";
  OptionValues values;
  std::set<std::string> seen;
  for (std::string next = name; !next.empty();) {
    UNPACT_VALIDATE(seen.insert(next).second, concat("the choice '", name, "' of ", kind, " builds on itself"),
                    concat("'", use, "' leads back to '", next, "'"), concat("remove one '", use, "'"));
    auto own = one_choice(kind, next);
    const auto base = own.extract(use);
    for (const auto* other : {"model.use", "dataset.use", "method.use"})
      UNPACT_VALIDATE(own.count(other) == 0, concat("the choice '", next, "' of ", kind, " sets '", other, "'"),
                      "a choice builds on one of its own kind only", concat("set '", other, "' in the configuration"));
    values.merge(own);  // what is nearer wins
    next = base.empty() ? std::string() : base.mapped().text;
  }
  return values;
}

OptionValues OptionSources::pair(const std::string& model, const std::string& dataset) const {
  if (const auto it = pairs_.find({model, dataset}); it != pairs_.end()) return it->second;
  const auto path = root_ / "pairs" / concat(model, "__", dataset, ".ini");
  if (model.empty() || dataset.empty() || !fs::exists(path)) return {};
  const auto read = read_option_file(path, Place::choice_file, "correct that file");
  for (const auto& option : read.options) check_key_of_pair(option.key, option.origin);
  OptionValues values;
  store(values, read.options, path.parent_path());
  return values;
}

OptionValues OptionSources::merged() const {
  const auto model = given("model.use"), dataset = given("dataset.use"), method = given("method.use");
  OptionValues values = given_;  // from the strongest to the weakest
  if (!method.empty()) values.merge(choice("methods", method));
  values.merge(pair(model, dataset));
  if (!dataset.empty()) values.merge(choice("datasets", dataset));
  if (!model.empty()) values.merge(choice("models", model));
  if (const auto suite = given("probe.suite"); !suite.empty()) values.merge(one_choice("probes", suite));
  return values;
}

}  // namespace unpact
