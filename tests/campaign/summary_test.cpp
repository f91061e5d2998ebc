#include "unpact/campaign/summary.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <sstream>

namespace unpact {
namespace {

using testing::HasSubstr;

CellRecord record_with(const std::string& id, std::vector<RateRecord> rates) {
  CellRecord record;
  record.id = id;
  record.rates = std::move(rates);
  return record;
}

TEST(SummaryTable, HasARowACellWithShareAndCounts) {
  const auto table = summary_table({record_with("first", {{"unlearned_right_forget", 1, 3, 1.0 / 3, 0, 1}, {"destructive", 0, 0, std::nan(""), 0, 1}}),
                                    record_with(std::string(50, 'x'), {{"recovery_probab", 2, 2, 1, 0, 1}})});
  std::vector<std::string> lines;
  std::istringstream in(table);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[0], HasSubstr("FocusOnKey"));
  EXPECT_THAT(lines[1], HasSubstr("33.3 % (1/3)"));
  EXPECT_EQ(lines[1].substr(lines[0].find("destructive"), 2), "- ") << "of nothing there is no rate";
  EXPECT_EQ(lines[1].substr(lines[0].find("Probab"), 2), "- ") << "a rate that the record lacks";
  EXPECT_THAT(lines[2], HasSubstr("100.0 % (2/2)"));
  EXPECT_EQ(lines[0].size(), lines[2].size()) << "columns stay below their titles also with long names";
}

}  // namespace
}  // namespace unpact
