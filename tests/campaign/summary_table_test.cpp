#include <gmock/gmock.h>

#include <cmath>
#include <sstream>

#include "unpact/campaign/summary_table.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;

CellRecord record_with(const std::string& id, std::vector<Rate> rates) {
  CellRecord record;
  record.id = id;
  record.rates = std::move(rates);
  return record;
}

ProbeRecord probe(const std::string& name, const std::string& label) {
  ProbeRecord record;
  record.name = name;
  record.label = label;
  return record;
}

std::vector<std::string> lines_of(const std::vector<CellRecord>& records) {
  std::vector<std::string> lines;
  std::istringstream in(summary_table(records));
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(SummaryTable, HasARowACellWithShareAndCounts) {
  auto first =
      record_with("first", {{"unlearned_right_forget", 1, 3, 1.0 / 3, 0, 1}, {"destructive", 0, 0, std::nan(""), 0, 1}});
  first.probes = {probe("focus_on_key", "FocusOnKey"), probe("probab", "Probab")};
  auto second = record_with(std::string(50, 'x'), {{"recovery_probab", 2, 2, 1, 0, 1}});
  second.probes = first.probes;
  const auto lines = lines_of({first, second});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[0], HasSubstr("FocusOnKey"));
  EXPECT_LT(lines[0].find("FocusOnKey"), lines[0].find("Probab"));
  EXPECT_THAT(lines[1], HasSubstr("33.3 % (1/3)"));
  EXPECT_EQ(lines[1].substr(lines[0].find("destructive"), 2), "- ") << "of nothing there is no rate";
  EXPECT_EQ(lines[1].substr(lines[0].find("Probab"), 2), "- ") << "a rate that the record lacks";
  EXPECT_THAT(lines[2], HasSubstr("100.0 % (2/2)"));
  EXPECT_EQ(lines[0].size(), lines[2].size()) << "columns stay below their titles also with long names";
}

TEST(SummaryTable, ShowsTheProbesOfItsRecords) {
  auto labelled = record_with("a", {{"recovery_echo", 1, 2, 0.5, 0, 1}});
  labelled.probes = {probe("echo", "The question once more")};
  const auto lines = lines_of({labelled, record_with("b", {{"recovery_other", 1, 4, 0.25, 0, 1}})});
  EXPECT_THAT(lines[0], testing::Not(HasSubstr("FocusOnKey")));
  EXPECT_EQ(lines[1].substr(lines[0].find("The question once more"), 12), "50.0 % (1/2)");
  EXPECT_EQ(lines[2].substr(lines[0].find("other"), 12), "25.0 % (1/4)") << "a rate of an older file is called by its name";
}

TEST(SummaryTable, PutsTheJudgesMeasuredErrorsBesideEachRate) {
  const auto record = record_with("a", {{"unlearned_right_forget", 1, 3, 1.0 / 3, 0, 1},
                                        {"destructive", 1, 4, 0.25, 0, 1},
                                        {"false_accept", 2, 20, 0.1, 0, 1},
                                        {"false_reject", 0, 0, std::nan(""), 0, 1}});
  const auto lines = lines_of({record, record_with("b", {{"destructive", 1, 2, 0.5, 0, 1}})});
  EXPECT_THAT(lines[1], testing::AllOf(HasSubstr("33.3 % (1/3; fa 10.0)"), HasSubstr("25.0 % (1/4; fa 10.0)")));
  EXPECT_THAT(lines[2], HasSubstr("50.0 % (1/2)"));
  EXPECT_THAT(lines.back(), HasSubstr("per cent of known wrong answers that the deciding judge accepts"));
}

TEST(SummaryTable, ShowsTheHalfThatChoseNothing) {
  const auto chosen = record_with("a", {{"knowledge_left", 8, 10, 0.8, 0, 1}, {"reported_knowledge_left", 1, 5, 0.2, 0, 1}});
  const auto lines = lines_of(
      {chosen, record_with("b", {{"knowledge_left", 1, 2, 0.5, 0, 1}, {"reported_knowledge_left", 0, 0, 0, 0, 1}})});
  EXPECT_THAT(lines[1], HasSubstr("20.0 % (1/5 of the half)"));
  EXPECT_THAT(lines[2], HasSubstr("50.0 % (1/2)"));
  EXPECT_THAT(lines.back(), testing::StartsWith("of the half: the cell's point or mixture was chosen on the other half"));
}

TEST(SummaryTable, HasASecondOneOfMetricsWhereThereAreSome) {
  auto first = record_with("a", {}), second = record_with("b", {});
  auto& row = first.metrics.rows.emplace_back();
  row.name = "knowmem_forget";
  row.target = 0.75;
  row.unlearned = 0.125;
  const auto lines = lines_of({first, second});
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_EQ(lines[3], "");
  EXPECT_THAT(lines[4], HasSubstr("KnowMem forget"));
  EXPECT_EQ(lines[5].substr(lines[4].find("KnowMem"), 12), "0.125 (0.75)");
  EXPECT_EQ(lines[6].substr(lines[4].find("KnowMem"), 2), "- ");
  EXPECT_THAT(lines[4], testing::Not(HasSubstr("VerbMem"))) << "no cell has it";
}

}  // namespace
}  // namespace unpact
