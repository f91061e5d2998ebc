#include "unpact/evaluation/phrasings.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "unpact/core/error.hpp"
#include "unpact/evaluation/evaluation_options.hpp"

namespace unpact {

const std::vector<std::string>& default_phrasings() {
  static const std::vector<std::string> phrasings = {
      "{question} Focus on {keys} to answer.", "{question} Pay attention to {keys}.",
      "{question} The key words are {keys}.",  "{question} Think of {keys} before you answer.",
      "Focus on {keys}. {question}",
  };
  return phrasings;
}

void refuse_unknown_fields(const std::string& text, const std::vector<std::string>& known) {
  for (auto begin = text.find('{'); begin != std::string::npos; begin = text.find('{', begin + 1)) {
    const auto end = text.find('}', begin);
    if (end == std::string::npos) return;
    const auto field = text.substr(begin, end - begin + 1);
    const bool is_name =
        std::all_of(field.begin() + 1, field.end() - 1, [](unsigned char c) { return std::isalpha(c) || c == '_'; });
    UNPACT_VALIDATE(!is_name || field.size() == 2 || std::ranges::find(known, field) != known.end(),
                    concat("the template '", shortened(text), "' cannot be used"), concat("it has an unknown field ", field),
                    concat("the fields are ", join(known, " and ")));
  }
}

void check_phrasings(const std::vector<std::string>& phrasings) {
  UNPACT_VALIDATE(!phrasings.empty(), "option 'probe.phrasings' is empty", "FocusOnKey needs at least one",
                  "remove the option to use the default");
  for (const auto& phrasing : phrasings) {
    refuse_unknown_fields(phrasing, {"{question}", "{keys}"});
    UNPACT_VALIDATE(phrasing.find("{question}") != std::string::npos && phrasing.find("{keys}") != std::string::npos,
                    concat("the phrasing '", phrasing, "' cannot be used"), "it must contain {question} and {keys}",
                    "e.g. {question} Focus on {keys} to answer.");
  }
}

std::string fill_phrasing(const std::string& phrasing, const std::string& question, const std::vector<std::string>& keys) {
  // From left to right, never looking at what was filled in: a question may contain braces.
  const std::pair<std::string, std::string> fields[] = {{"{question}", question}, {"{keys}", join(keys, ", ")}};
  std::string text;
  for (std::size_t at = 0; at < phrasing.size();) {
    const auto field = std::find_if(std::begin(fields), std::end(fields),
                                    [&](const auto& f) { return phrasing.compare(at, f.first.size(), f.first) == 0; });
    text += field == std::end(fields) ? phrasing.substr(at, 1) : field->second;
    at += field == std::end(fields) ? 1 : field->first.size();
  }
  return text;
}

std::vector<std::string> trained_phrasings(const ProbeOptions& options, std::int64_t count) {
  if (count == 0) return {};
  const auto all = options.resolve_phrasings();
  check_phrasings(all);
  const auto most = std::max<std::ptrdiff_t>(0, std::ssize(all) - static_cast<std::ptrdiff_t>(kHeldOutPhrasings));
  UNPACT_VALIDATE(count > 0 && count <= most, concat("option 'unlearn.phrased' is ", count),
                  concat("probe.phrasings has ", all.size(), ", and the first ", kHeldOutPhrasings,
                         " are held out: what a training has seen says little of what it hides"),
                  concat("set it to 0", most > 0 ? concat(" to ", most) : "", ", or name more in probe.phrasings"));
  const auto first = all.begin() + static_cast<std::ptrdiff_t>(kHeldOutPhrasings);
  return {first, first + count};
}

std::vector<std::string> ProbeOptions::resolve_phrasings() const {
  return phrasings.empty() ? default_phrasings() : split_list(phrasings, '|');
}

}  // namespace unpact
