#include <algorithm>
#include <set>

#include "entries.hpp"
#include "unpact/core/error.hpp"
#include "unpact/data/dataset.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

struct ForgetSet {
  fs::path file;
  std::vector<std::string> texts;
};

std::vector<ForgetSet> read_sets(const fs::path& folder) {
  std::vector<ForgetSet> sets;
  std::error_code ignored;
  for (std::size_t number = 1;; ++number) {
    fs::path found;
    for (const auto* ending : {".json", ".jsonl", ".txt"})
      if (const auto file = folder / concat("forget_", number, ending); found.empty() && fs::is_regular_file(file, ignored))
        found = file;
    if (found.empty()) return sets;
    sets.push_back({found, read_texts(found)});
  }
}

/// A plain text file is one text: it holds another where that stands in it.
bool holds(const ForgetSet& larger, const std::set<std::string>& texts, const std::string& text) {
  return texts.contains(text) || (larger.texts.size() == 1 && larger.texts.front().find(text) != std::string::npos);
}

void require_nested(const ForgetSet& smaller, const ForgetSet& larger) {
  const std::set<std::string> texts(larger.texts.begin(), larger.texts.end());
  for (std::size_t i = 0; i < smaller.texts.size(); ++i)
    UNPACT_VALIDATE(holds(larger, texts, smaller.texts[i]), "the forget sets of growing size are not nested",
                    concat("text ", i + 1, " of ", smaller.file.string(), " is not in ", larger.file.string()),
                    "numbers at growing sizes compare only where each set holds the one before it; fetch MUSE's scal again");
}

void require_apart(const ForgetSet& one, const ForgetSet& other) {
  const std::set<std::string> texts(one.texts.begin(), one.texts.end());
  const auto shared = std::ranges::find_if(other.texts, [&](const auto& text) { return texts.contains(text); });
  UNPACT_VALIDATE(
      shared == other.texts.end(), "the forget sets of sequential unlearning share a text",
      concat("text ", shared - other.texts.begin() + 1, " of ", other.file.string(), " is in ", one.file.string()),
      "each step forgets documents of its own; fetch MUSE's sust again");
}

}  // namespace

std::vector<std::string> read_forget_set(const fs::path& folder, const std::string& chosen) {
  const auto slash = chosen.find('/');
  const auto kind = chosen.substr(0, slash), number = slash == std::string::npos ? "" : chosen.substr(slash + 1);
  const bool is_number = !number.empty() && number.size() < 4 && number.find_first_not_of("0123456789") == std::string::npos;
  UNPACT_VALIDATE((kind == "scal" || kind == "sust") && is_number && number.front() != '0',
                  concat("option 'dataset.forget_set' is '", chosen, "'"), "it names a folder and a number",
                  "give scal/1, scal/2 ... or sust/1, sust/2 ..., or leave it out");
  const auto sets = read_sets(folder / kind);
  const auto wanted = static_cast<std::size_t>(std::stoul(number));
  UNPACT_VALIDATE(wanted <= sets.size(), concat("the dataset has no forget set ", chosen),
                  concat("there are ", sets.size(), " files forget_1.json, forget_2.json ... in ", (folder / kind).string()),
                  "scripts/fetch-assets fetches MUSE's where it has them");
  for (std::size_t i = 1; i < sets.size(); ++i) {
    if (kind == "scal") require_nested(sets[i - 1], sets[i]);
    else
      for (std::size_t earlier = 0; earlier < i; ++earlier) require_apart(sets[earlier], sets[i]);
  }
  return sets[wanted - 1].texts;
}

}  // namespace unpact
