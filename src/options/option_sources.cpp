#include "option_sources.hpp"

#include <algorithm>
#include <boost/program_options.hpp>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "ini_reader.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {
namespace po = boost::program_options;
namespace fs = std::filesystem;
namespace {

/// Short names on the command line.
const std::map<std::string, std::string>& aliases() {
  static const std::map<std::string, std::string> names = {
      {"model", "model.path"},  {"dataset", "dataset.use"}, {"method", "method.use"},
      {"output", "run.output"}, {"seed", "run.seed"},       {"prompt", "ask.prompt"},
      {"answer", "ask.answer"}, {"input", "ask.input"},     {"device", "run.device"}};
  return names;
}

/// Options that are no settings: what the program itself shall do.
const std::vector<std::string> kSwitches = {"help", "print-config", "json", "tune", "dry-run", "retry-failed"};

/// What --json means to a job.
std::string json_key(const std::string& job) {
  if (job == "inspect") return "inspect.json";
  return job == "reproduce" ? "plan.json" : "ask.json";
}

constexpr const char* kChoicePrefix = "choice.";  // of sections and whole keys
const std::vector<std::string> kChoiceKinds = {"models", "datasets", "methods"};

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

enum class Place { configuration, choice_file };

po::options_description description_of_command_line() {
  po::options_description all;
  for (const auto& key : known_keys()) all.add_options()(key.c_str(), po::value<std::string>());
  for (const auto& [alias, target] : aliases()) all.add_options()(alias.c_str(), po::value<std::string>());
  for (const auto& name : kSwitches) all.add_options()(name.c_str(), po::bool_switch());
  all.add_options()("config", po::value<std::string>());
  all.add_options()("unlearned", po::value<std::string>());
  return all;
}

/// What one source says for one key.
struct Given {
  std::string key, text, origin;
};

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
    unknown_key(key, origin);
  } catch (const po::error& error) {
    throw UserError(concat("the options cannot be read: ", error.what()), origin, "see `unpact JOB --help`");
  }
}

std::vector<Given> parse_command_line(const std::string& job, const std::vector<std::string>& arguments) {
  constexpr const char* kOrigin = "on the command line";
  const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  po::positional_options_description positional;
  if (job == "inspect") positional.add("inspect.what", 1).add("inspect.path", 1);
  const auto described = description_of_command_line();
  const auto parsed = checked(kOrigin, [&] {
    return po::command_line_parser(arguments).options(described).positional(positional).style(style).run();
  });
  std::vector<Given> options;
  for (const auto& option : parsed.options) {
    const auto alias = aliases().find(option.string_key);
    // A switch carries no value.
    options.push_back({alias == aliases().end() ? option.string_key : alias->second,
                       option.value.empty() ? "true" : option.value.back(), kOrigin});
  }
  return options;
}

std::string read_configuration(const fs::path& path, const std::string& hint) {
  const auto problem = concat("cannot read the configuration ", path.string());
  std::ifstream in(path, std::ios::binary);
  UNPACT_VALIDATE(in.is_open(), problem, "there is no such file, or it may not be read", hint);
  UNPACT_VALIDATE(!fs::is_directory(path), problem, "it is a folder", hint);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  UNPACT_VALIDATE(!in.bad(), problem, "reading it failed", hint);
  return text;
}

bool begins_choice(const std::string& key, Place place) {
  return place == Place::configuration && key.rfind(kChoicePrefix, 0) == 0;
}

/// A section without a known name holds nothing that counts, although somebody meant it to.
void check_sections(const IniContent& content, Place place, const std::string& where) {
  std::vector<std::string> known;
  for (const auto& key : known_keys()) known.push_back(key.substr(0, key.find('.')));
  for (const auto& [name, line] : content.sections) {
    if (begins_choice(name, place) || std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto near = closest_match(name, known);
    throw UserError(concat("unknown section [", name, "]"), place_in_file(where, line),
                    near.empty() ? std::string("see `unpact JOB --help`") : concat("did you mean [", near, "]?"));
  }
}

/// Other programs end a value at a #. Here it belongs to the value: said once, because nothing else would show it.
void note_number_sign(const IniEntry& entry, const std::string& where) {
  static std::set<std::string> said;
  const auto place = place_in_file(where, entry.line);
  const auto at = entry.value.find('#');
  if (at == std::string::npos ||
      (at > 0 && entry.value.find(" #") == std::string::npos && entry.value.find("\t#") == std::string::npos))
    return;
  if (!said.insert(place).second || log::rank() != 0) return;
  log::warn(concat("the # in the value of '", entry.key, "' (", place,
                   ") belongs to the value: a comment stands on a line of its own"));
}

std::vector<Given> read_options(const fs::path& path, Place place, const std::string& hint) {
  const auto where = path.string();
  const auto content = parse_ini(read_configuration(path, hint), where);
  const auto known = known_keys();
  std::vector<Given> options;
  for (const auto& entry : content.entries) {
    const auto origin = place_in_file(where, entry.line);
    if (!begins_choice(entry.key, place) && std::find(known.begin(), known.end(), entry.key) == known.end())
      unknown_key(entry.key, origin);
    note_number_sign(entry, where);
    options.push_back({entry.key, entry.value, origin});
  }
  check_sections(content, place, where);
  return options;
}

/// "choice.models.NAME.section.key" as {"models.NAME", "section.key"}; names may hold dots, keys hold one.
std::pair<std::string, std::string> split_choice(const std::string& whole, const std::string& origin) {
  const auto rest = whole.substr(std::string(kChoicePrefix).size());
  const auto last = rest.rfind('.');
  const auto before = last == std::string::npos || last == 0 ? std::string::npos : rest.rfind('.', last - 1);
  if (before == std::string::npos) unknown_key(whole, origin);
  const auto key = rest.substr(before + 1), choice = rest.substr(0, before), kind = choice.substr(0, choice.find('.'));
  const auto keys = known_keys();
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) unknown_key(key, origin);
  if (std::find(kChoiceKinds.begin(), kChoiceKinds.end(), kind) == kChoiceKinds.end() || choice.size() <= kind.size() + 1)
    unknown_key(whole, origin);
  return {choice, key};
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
  std::vector<Given> own;
  std::map<std::string, std::vector<Given>> inside;
  for (auto& option : read_options(*config, Place::configuration, "check the path behind --config")) {
    if (!begins_choice(option.key, Place::configuration)) {
      own.push_back(std::move(option));
      continue;
    }
    const auto [choice, key] = split_choice(option.key, option.origin);
    option.key = key;
    inside[choice].push_back(std::move(option));
  }
  store(given_, own, root_);
  for (const auto& [choice, options] : inside) store(inside_[choice], options, root_);
}

OptionValues OptionSources::choice(const std::string& kind, const std::string& name) const {
  if (const auto it = inside_.find(concat(kind, ".", name)); it != inside_.end()) return it->second;
  const auto path = root_ / kind / (name + ".ini");
  const auto hint = concat("'", kind.substr(0, kind.size() - 1), ".use' and 'campaign.", kind,
                           "' name files of that folder without their .ini; "
                           "the configuration has no section [choice.",
                           kind, ".", name, "] either");
  OptionValues values;
  store(values, read_options(path, Place::choice_file, hint), path.parent_path());
  return values;
}

OptionValues OptionSources::merged() const {
  OptionValues values = given_;
  for (const auto& [key, kind] :
       {std::pair("model.use", "models"), std::pair("dataset.use", "datasets"), std::pair("method.use", "methods")}) {
    const auto it = values.find(key);
    if (it == values.end() || it->second.text.empty()) continue;
    values.merge(choice(kind, it->second.text));
  }
  return values;
}

}  // namespace unpact
