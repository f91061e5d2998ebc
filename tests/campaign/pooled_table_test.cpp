#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "unpact/campaign/pooled_table.hpp"
#include "../../src/campaign/verdict.hpp"
#include "unpact/core/text.hpp"
#include "unpact/evaluation/statistics.hpp"
#include "unpact/text/terminal_text.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Rate named(const std::string& name, std::uint64_t count, std::uint64_t total) {
  auto rate = wilson_rate(count, total);
  rate.name = name;
  return rate;
}

/// A cell whose target knows 20 questions; `left` of them are still right, `back` are won back by the probe alone.
CellRecord cell_of(const std::string& method, std::int64_t seed, std::uint64_t left, std::uint64_t back,
                   std::uint64_t destroyed) {
  CellRecord cell;
  cell.id = concat(method, seed);
  cell.model = "tiny";
  cell.dataset = "news";
  cell.method = method;
  cell.provenance.seed = seed;
  const auto forgotten = 20 - left;
  cell.outcome.assign(forgotten, static_cast<std::uint8_t>(Outcome::forgotten));
  cell.outcome.resize(20, static_cast<std::uint8_t>(Outcome::retained));
  cell.focus_shift.set_cosine.assign(20, 1);
  if (forgotten > 1) cell.focus_shift.set_cosine[0] = 0.5, cell.focus_shift.set_cosine[1] = kNaN;
  cell.probes.resize(2);
  cell.probes[0].name = "focus_on_key", cell.probes[0].label = "FocusOnKey";
  cell.probes[1].name = "no_focus", cell.probes[1].label = "other words", cell.probes[1].kind = ProbeKind::control;
  cell.rates = {named("recovery_focus_on_key", back, forgotten),
                named("recovery_no_focus", forgotten, forgotten),
                named("still_right", left, 20),
                named("knowledge_left", left + back, 20),
                named("destructive", 20, 20),
                named("destructive_held_out", destroyed, 10)};
  return cell;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> words_of(const std::string& line) { return split_list(line, ' '); }

TEST(PooledTable, AddsTheCountsOfSeeds) {
  const auto lines =
      lines_of(pooled_table({cell_of("ga", 1, 0, 4, 0), cell_of("ga", 2, 10, 5, 1), cell_of("npo", 1, 20, 0, 10)},
                            {{"tiny", "news", "ga", "missing"}, {"tiny", "news", "tv", "running"}}));
  EXPECT_EQ(lines[0], "# tiny, news");
  EXPECT_THAT(words_of(lines[1]), testing::ElementsAre("method", "seeds", "forgot", "left", "FocusOnKey", "other",
                                                       "wor\u2026", "wrecked", "shift", "verdict"));
  // 19/40 known are left (Wilson 32.9 to 62.5), 9/30 recovered (16.7 to 47.9), 30/30 by the control, 1/20 wrecked (0.9 to 23.6):
  // statsmodels.stats.proportion.proportion_confint(count, total, method="wilson").
  // Of 20 and of 10 forgotten questions one each has shifted by half, one each has no KeyTokens: 1 / 28.
  EXPECT_THAT(lines[2],
              HasSubstr("ga         2       30    48\u00B115      30\u00B116      100\u00B16     5\u00B111  0.04  insuff"));
  EXPECT_THAT(lines[2], HasSubstr("1 mis"));
  EXPECT_THAT(words_of(lines[3]),
              testing::ElementsAre("npo", "1", "0", "100\u00B18", "\u2013", "\u2013", "100\u00B114", "\u2013", "both"));
  EXPECT_THAT(words_of(lines[4]), testing::ElementsAre("tv", "0", "1", "running"));
  EXPECT_EQ(lines[5], "Much is left by FocusOnKey: ga; by what is still right: npo.");
}

TEST(PooledTable, FitsItsColumnsWhateverNamesSay) {
  auto hostile = cell_of("a_method_with_a_very_long_name", 1, 0, 20, 0);
  hostile.model = std::string("\u6a21\u578b\x1b[31m") + std::string(90, 'm');
  hostile.probes[0].label = "\u202eevil";
  for (int i = 0; i < 5; ++i) {
    auto& probe = hostile.probes.emplace_back();
    probe.name = concat("more", i), probe.label = concat("one more probe ", i);
  }
  for (const std::size_t width : {72, 100}) {
    const auto text = pooled_table({hostile, cell_of("ga", 1, 0, 4, 0)}, {}, {.width = width});
    for (const auto& line : lines_of(text)) EXPECT_LE(columns_of(line), width) << line;
    EXPECT_THAT(
        text, testing::AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\u202e")), HasSubstr("Without room here: recovery by")));
  }
  EXPECT_THAT(pooled_table({hostile}, {}, {.colours = true}), HasSubstr("\x1b[33minsufficient"));
  EXPECT_THAT(pooled_table({}, {}), testing::StartsWith("In percent"));
}

TEST(PooledTable, CountsTheHalfThatChoseNothingAndSaysSo) {
  auto chosen = cell_of("ga", 1, 0, 20, 0);  // all comes back, but not of the half that reports
  chosen.trajectory.role.assign(20, static_cast<std::uint8_t>(PointRole::choose));
  std::fill(chosen.trajectory.role.begin() + 10, chosen.trajectory.role.end(), static_cast<std::uint8_t>(PointRole::report));
  for (const auto& [name, count] :
       {std::pair("recovery_focus_on_key", 1), std::pair("knowledge_left", 1), std::pair("destructive_held_out", 5)})
    chosen.rates.push_back(named(std::string(kReportedPrefix) + name, static_cast<std::uint64_t>(count), 10));
  const auto lines = lines_of(pooled_table({chosen, cell_of("npo", 1, 20, 0, 0)}, {}));
  EXPECT_THAT(lines[2], HasSubstr("ga        1*       10    10\u00B119      10\u00B119"));
  EXPECT_THAT(lines[2], HasSubstr("50\u00B126  0.00  destructive"));
  EXPECT_THAT(lines[3], HasSubstr("npo        1 "));
  EXPECT_THAT(pooled_table({chosen}, {}), HasSubstr("\n*: a point or mixture was chosen on half of the questions;"));
  EXPECT_THAT(pooled_table({cell_of("ga", 1, 0, 20, 0)}, {}), Not(HasSubstr("*")));
  chosen.rates.resize(6);  // of a file without such rates
  EXPECT_THAT(lines_of(pooled_table({chosen}, {}))[2], HasSubstr("nothing to judge"));
}

TEST(Verdict, IsThatOfTheReport) {
  const auto high = wilson_rate(90, 100), low = wilson_rate(2, 100), none = wilson_rate(0, 0);
  EXPECT_EQ(verdict_on(high, low), "insufficient");
  EXPECT_EQ(verdict_on(low, high), "destructive");
  EXPECT_EQ(verdict_on(high, high), "both");
  EXPECT_EQ(verdict_on(low, low), "neither");
  EXPECT_EQ(verdict_on(wilson_rate(2, 5), low), "insufficient (uncertain)");
  EXPECT_EQ(verdict_on(none, low), "nothing to forget");
  EXPECT_EQ(verdict_on(none, high), "nothing to forget, destructive");
  EXPECT_EQ(verdict_on(high, none), "nothing known on the retain set");
  EXPECT_EQ(verdict_on(none, none), "nothing to judge");
}

TEST(Verdict, NamesWhatLeavesMuch) {
  const auto left = wilson_rate(40, 100);
  EXPECT_EQ(what_leaves_much(left, wilson_rate(31, 100), {{"a", 9}}), "what is still right");
  EXPECT_EQ(what_leaves_much(left, wilson_rate(10, 100), {{"a", 5}, {"b", 25}}), "b");
  EXPECT_EQ(what_leaves_much(left, wilson_rate(10, 100), {{"a", 15}, {"b", 20}}), "several probes together");
  EXPECT_EQ(what_leaves_much(wilson_rate(30, 100), wilson_rate(10, 100), {{"a", 20}}), "");
  EXPECT_EQ(what_leaves_much(wilson_rate(0, 0), wilson_rate(0, 0), {}), "");
}

}  // namespace
}  // namespace unpact
