#include "findings.hpp"

#include <algorithm>

#include "unpact/comm/plain_words.hpp"
#include "unpact/core/codec.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::size_t kMostListed = 20;

/// Ranks that read the same find the same; numbers in a reason may differ.
bool is_known(const std::vector<Finding>& all, const Finding& finding) {
  return std::any_of(all.begin(), all.end(),
                     [&](const Finding& known) { return known.where == finding.where && known.problem == finding.problem; });
}

}  // namespace

bool Findings::note(const std::string& where, const std::function<void()>& call) {
  try {
    call();
    return true;
  } catch (const std::exception& error) {
    const auto plain = in_plain_words(error);
    found_.push_back({where, plain.problem, plain.reason, plain.hint});
    return false;
  }
}

void Findings::refuse(const Communicator& world, const std::string& whole) const {
  std::vector<Finding> all;
  for (const auto& encoded : world.all_gather(encode(found_)))
    for (auto& finding : decode<std::vector<Finding>>(encoded))
      if (!is_known(all, finding)) all.push_back(std::move(finding));
  if (all.empty()) return;
  if (all.size() == 1) throw UserError(concat(all[0].where, ": ", all[0].problem), all[0].reason, all[0].hint);
  std::string lines;
  for (std::size_t i = 0; i < std::min(all.size(), kMostListed); ++i)
    lines += concat("\n  ", i + 1, ". ", all[i].where, ": ", all[i].problem, "\n     ", all[i].reason,
                    all[i].hint.empty() ? "" : concat(" (", all[i].hint, ")"));
  if (all.size() > kMostListed) lines += concat("\n  and ", all.size() - kMostListed, " more");
  throw UserError(concat(whole, " has ", all.size(), " problems"), lines,
                  "nothing was trained or asked: correct them first");
}

}  // namespace unpact
