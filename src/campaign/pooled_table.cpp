#include "unpact/campaign/pooled_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "pooled_rows.hpp"
#include "unpact/core/text.hpp"
#include "unpact/text/terminal_text.hpp"

namespace unpact {
namespace {

constexpr std::size_t kProbe = 11, kFixed = 5 + 9 + 9 + 9 + 6 + 1;  // columns of a probe, and of what every line has
constexpr const char* kNone = "\u2013";
constexpr const char* kHalf = "*";

/// Where things stand in a line.
struct Layout {
  std::size_t width, method, verdict, probes;
};

std::string right_in(const std::string& text, std::size_t width) {
  const auto used = columns_of(text);
  return std::string(used < width ? width - used : 0, ' ') + text;
}

std::string trimmed_end(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

/// 34±8: 34 % with a half interval of 8 points.
std::string percent(const Rate& rate) {
  if (rate.total == 0) return kNone;
  char text[48];
  std::snprintf(text, sizeof text, "%.0f\u00B1%.0f", 100 * rate.value, 50 * (rate.high - rate.low));
  return text;
}

std::string shift_text(double shift) {
  if (std::isnan(shift)) return kNone;
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", shift);
  return text;
}

std::vector<std::string> wrapped(const std::string& text, std::size_t width, const std::string& indent = "") {
  std::vector<std::string> lines = {indent};
  for (const auto& word : split_list(text, ' ')) {
    auto& line = lines.back();
    if (line.size() > indent.size() && columns_of(line) + 1 + columns_of(word) > width) lines.push_back(indent + word);
    else line += (line.size() > indent.size() ? " " : "") + word;
  }
  for (auto& line : lines) line = trimmed_end(in_columns(line, width));
  return lines;
}

Layout layout_for(const std::vector<PooledRow>& rows, std::size_t probes, std::size_t width) {
  std::size_t method = 6;
  for (const auto& row : rows) method = std::max(method, columns_of(row.method));
  method = std::min<std::size_t>(width >= 90 ? 18 : 12, method);
  const auto fixed = method + kFixed;
  const auto verdict = std::clamp<std::size_t>(width > fixed ? width - fixed : 0, 14, 26);
  const auto room = width > fixed + verdict ? (width - fixed - verdict) / kProbe : 0;
  return {width, method, verdict, std::min(room, probes)};
}

std::string head_of(const Layout& layout, const std::vector<ProbeRecord>& probes) {
  auto head = concat(in_columns("method", layout.method), right_in("seeds", 6), right_in("forgot", 9), right_in("left", 9));
  for (std::size_t p = 0; p < layout.probes; ++p) head += right_in(trim(in_columns(probes[p].label, kProbe - 1)), kProbe);
  return concat(head, right_in("wrecked", 9), right_in("shift", 6), "  verdict");
}

/// As a terminal shows it: the verdict's word decides.
std::string coloured(const std::string& text, const std::string& verdict) {
  for (const auto& [word, colour] : {std::pair("insufficient", "33"), std::pair("destructive", "31"),
                                     std::pair("both", "35"), std::pair("neither", "32")})
    if (verdict.starts_with(word)) return concat("\033[", colour, "m", text, "\033[0m");
  return text;
}

std::string line_of(const PooledRow& row, const std::string& method, const Layout& layout, bool colours) {
  const auto said = concat(row.verdict, row.verdict.empty() || row.absent.empty() ? "" : "; ", row.absent);
  auto last = trimmed_end(in_columns(said, layout.verdict - 2));
  if (colours) last = coloured(last, row.verdict);
  auto line = concat(in_columns(method, layout.method), right_in(concat(row.seeds, row.on_half ? kHalf : ""), 6));
  if (row.seeds == 0) return concat(line, "  ", last);
  line += concat(right_in(std::to_string(row.forgotten), 9), right_in(percent(row.left), 9));
  for (std::size_t p = 0; p < layout.probes; ++p) line += right_in(percent(row.recovered[p]), kProbe);
  return concat(line, right_in(percent(row.wrecked), 9), right_in(shift_text(row.shift), 6), "  ", last);
}

/// A name that its column does not hold stands in a line of its own: settings of one method differ at their ends.
std::vector<std::string> lines_of(const PooledRow& row, const Layout& layout, bool colours) {
  if (columns_of(row.method) <= layout.method) return {line_of(row, row.method, layout, colours)};
  return {trimmed_end(in_columns(row.method, layout.width)), line_of(row, "", layout, colours)};
}

/// "Much is left by FocusOnKey: ga, npo; by what is still right: rmu." of the rows of a block; empty: nowhere.
std::string causes_of(const std::vector<const PooledRow*>& block) {
  std::vector<std::pair<std::string, std::string>> causes;
  for (const auto* row : block) {
    if (row->leaves_much.empty()) continue;
    const auto found = std::ranges::find(causes, row->leaves_much, &std::pair<std::string, std::string>::first);
    if (found == causes.end()) causes.emplace_back(row->leaves_much, row->method);
    else found->second += ", " + row->method;
  }
  std::string text;
  for (const auto& [cause, methods] : causes)
    text += concat(text.empty() ? "Much is left by " : "; by ", cause, ": ", methods);
  return text.empty() ? "" : clean_for_terminal(text) + ".";
}

}  // namespace

std::string pooled_table(const std::vector<CellRecord>& finished, const std::vector<AbsentCell>& absent,
                         const PooledTableOptions& options) {
  const auto probes = probes_in(finished);
  const auto rows = pooled_rows(finished, probes, absent);
  const auto layout = layout_for(rows, probes.size(), options.width);
  std::vector<std::pair<std::string, std::vector<const PooledRow*>>> blocks;
  for (const auto& row : rows) {
    const auto title = concat("# ", row.model, ", ", row.dataset);
    auto block = std::ranges::find(blocks, title, [](const auto& b) { return b.first; });
    if (block == blocks.end()) block = blocks.insert(blocks.end(), {title, {}});
    block->second.push_back(&row);
  }
  std::vector<std::string> lines;
  const auto add = [&](const std::vector<std::string>& more) { lines.insert(lines.end(), more.begin(), more.end()); };
  for (const auto& [title, block] : blocks) {
    add({trimmed_end(in_columns(title, layout.width)), head_of(layout, probes)});
    for (const auto* row : block) add(lines_of(*row, layout, options.colours));
    if (const auto causes = causes_of(block); !causes.empty()) add(wrapped(causes, layout.width));
    lines.emplace_back();
  }
  add(
      wrapped("In percent \u00B1 half a 95 % interval, seeds pooled. left: knowledge left; probes: recovery; wrecked: "
              "destructive rate.",
              layout.width));
  if (std::ranges::any_of(rows, &PooledRow::on_half))
    add(wrapped(concat(kHalf, ": a point or mixture was chosen on half of the questions; all numbers are of the others."),
                layout.width));
  std::vector<std::string> hidden;
  for (std::size_t p = layout.probes; p < probes.size(); ++p) hidden.push_back(clean_for_terminal(probes[p].label));
  if (!hidden.empty()) add(wrapped(concat("Without room here: recovery by ", join(hidden, ", "), "."), layout.width));
  return join(lines, "\n") + "\n";
}

}  // namespace unpact
