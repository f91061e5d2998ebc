#include "findings.hpp"

#include <algorithm>

#include "unpact/comm/plain_words.hpp"
#include "unpact/core/codec.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::size_t kMostListed = 20;

/// One problem and all the places that have it.
struct Group {
  Finding first;
  std::vector<std::string> places;
};

/// Ranks that read the same find the same; numbers in a reason may differ.
void add(std::vector<Group>& groups, const Finding& finding) {
  for (auto& group : groups) {
    if (group.first.problem != finding.problem) continue;
    const bool known = std::find(group.places.begin(), group.places.end(), finding.where) != group.places.end();
    if (!known && group.first.reason != finding.reason) continue;
    if (!known) group.places.push_back(finding.where);
    return;
  }
  groups.push_back({finding, {finding.where}});
}

/// The places, of which only the first ones are named.
std::string where(const Group& group) {
  auto places = group.places;
  if (const auto count = places.size(); count > kMostListed) {
    places.resize(kMostListed);
    places.push_back(concat("and ", count - kMostListed, " more"));
  }
  return join(places, "; ");
}

/// Reasons that list something have a line for each.
std::string on_one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') line += ';';
    else if (c != ' ' || !line.ends_with(' ')) line += c;
  }
  return line;
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
  std::vector<Group> all;
  for (const auto& encoded : world.all_gather(encode(found_)))
    for (const auto& finding : decode<std::vector<Finding>>(encoded)) add(all, finding);
  if (all.empty()) return;
  const auto& first = all.front().first;
  if (all.size() == 1) throw UserError(concat(where(all[0]), ": ", first.problem), on_one_line(first.reason), first.hint);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < std::min(all.size(), kMostListed); ++i) {
    const auto& [finding, places] = all[i];
    lines.push_back(concat("(", i + 1, ") ", where(all[i]), ": ", finding.problem, ": ", on_one_line(finding.reason),
                           finding.hint.empty() ? "" : concat(" [", finding.hint, "]")));
  }
  if (all.size() > kMostListed) lines.push_back(concat("and ", all.size() - kMostListed, " more"));
  throw UserError(concat(whole, " has ", all.size(), " problems"), join(lines, ", "),
                  "nothing was trained or asked: correct them first");
}

}  // namespace unpact
