#include "pair_sections.hpp"

#include <algorithm>

#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

constexpr const char* kWord = "pair";
constexpr const char* kSpace = " \t";

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string listed(const std::string& what, const std::vector<std::string>& names) {
  return names.empty() ? concat("it names no ", what) : concat("its ", what, " are ", join(names, ", "));
}

}  // namespace

bool is_pair_section(const std::string& section) {
  const std::string word = kWord;
  return section.rfind(word, 0) == 0 && (section.size() == word.size() || section.find_first_of(kSpace) == word.size());
}

std::string names_of_pair(const std::string& section) { return trim(section.substr(std::string(kWord).size())); }

std::string pair_section(const PairName& pair) { return concat(kWord, " ", pair.model, " ", pair.dataset); }

PairName split_pair(const std::string& names, const std::vector<std::string>& models,
                    const std::vector<std::string>& datasets, const std::string& origin) {
  for (auto at = names.find_first_of(kSpace); at != std::string::npos; at = names.find_first_of(kSpace, at + 1)) {
    PairName pair{trim(names.substr(0, at)), trim(names.substr(at))};
    if (contains(models, pair.model) && contains(datasets, pair.dataset)) return pair;
  }
  std::vector<std::string> known;
  for (const auto& model : models)
    for (const auto& dataset : datasets) known.push_back(concat(model, " ", dataset));
  const auto near = closest_match(names, known);
  throw UserError(concat("section [", kWord, names.empty() ? "" : " ", names, "] is of no pair of this campaign"),
                  concat(origin, "; ", listed("models", models), ", ", listed("datasets", datasets)),
                  near.empty()
                      ? std::string("write [pair MODEL DATASET] with names of campaign.models and campaign.datasets")
                      : concat("did you mean [", kWord, " ", near, "]?"));
}

void check_key_of_pair(const std::string& key, const std::string& origin) {
  const auto section = key.substr(0, key.find('.')), name = key.substr(key.find('.') + 1);
  UNPACT_VALIDATE(name != "use" && !contains({"run", "campaign", "ask", "evaluate", "inspect", "status"}, section),
                  concat("option '", key, "' of a pair would change nothing"),
                  concat("it was given ", origin, ", and a campaign has one for all its pairs"),
                  concat("set it in [", section, "] of the configuration"));
}

}  // namespace unpact
