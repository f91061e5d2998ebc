#include "unpact/campaign/results_reader.hpp"

#include <algorithm>

#include "unpact/comm/fail_together.hpp"
#include "unpact/core/text.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/text/terminal_text.hpp"

namespace unpact {
namespace {

/// In one word; a file that is there and cannot be used is broken.
std::string state_of(const WorkItem& item) {
  return item.state == WorkState::missing && !item.reason.empty() ? "broken" : name_of_value(item.state);
}

}  // namespace

std::string ResultsLook::text(const PooledTableOptions& options) const {
  const auto planned = finished.size() + absent.size();
  auto text = planned == 0 ? std::string("no cells") : concat(finished.size(), " of ", planned, " cells finished");
  text += "\n\n" + pooled_table(finished, absent, options);
  for (const auto& problem : problems) text += concat("problem: ", shortened(clean_for_terminal(problem), 300), "\n");
  return text;
}

ResultsLook ResultsReader::read() {
  auto status = status_.read();
  ResultsLook look;
  look.is_settled = status.is_settled();
  look.problems = std::move(status.problems);
  std::ranges::sort(status.items, {}, &WorkItem::id);
  for (const auto& item : status.items) {
    if (item.kind != WorkKind::cell) continue;
    auto state = state_of(item);
    if (item.state == WorkState::finished) {
      try {
        const auto when = std::filesystem::last_write_time(item.file);
        auto& seen = seen_[item.file];
        if (seen.when != when) seen = {when, read_cell_numbers(item.file)};
        look.finished.push_back(seen.cell);
        continue;
      } catch (const std::exception& error) {
        state = "broken";
        look.problems.push_back(one_line(error));
      }
    }
    look.absent.push_back({item.model, item.dataset, item.method, state});
  }
  return look;
}

}  // namespace unpact
