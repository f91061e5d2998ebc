#include "option_names.hpp"

#include "unpact/core/error.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {

const std::map<std::string, std::string>& option_aliases() {
  static const std::map<std::string, std::string> names = {
      {"model", "model.path"},  {"dataset", "dataset.use"}, {"method", "method.use"},    {"output", "run.output"},
      {"seed", "run.seed"},     {"prompt", "ask.prompt"},   {"answer", "ask.answer"},    {"input", "ask.input"},
      {"device", "run.device"}, {"watch", "status.watch"},  {"stage", "campaign.stage"}, {"export", "export.file"}};
  return names;
}

const std::vector<std::string>& option_switches() {
  static const std::vector<std::string> names = {"help", "print-config", "json", "tune", "dry-run", "retry-failed"};
  return names;
}

std::vector<std::string> known_keys() {
  Configuration scratch;
  std::vector<std::string> keys;
  for (const auto& option : option_table(scratch)) keys.push_back(option.key);
  return keys;
}

void refuse_unknown_key(const std::string& key, const std::string& origin) {
  auto candidates = known_keys();
  for (const auto& [alias, target] : option_aliases()) candidates.push_back(alias);
  for (const auto& name : option_switches()) candidates.push_back(name);
  candidates.push_back("config");
  const auto near = closest_match(key, candidates);
  throw UserError(concat("unknown option '", key, "'"), concat("it was given ", origin),
                  near.empty() ? std::string("see `unpact JOB --help`") : concat("did you mean '", near, "'?"));
}

}  // namespace unpact
