#include "unpact/campaign/cell.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <sstream>

namespace unpact {
namespace {

using testing::HasSubstr;

TEST(CellId, NamesModelDatasetMethodAndSeed) {
  Configuration c;
  c.model.name = "llama-2.7b";
  c.dataset.name = "news";
  c.method.name = "npo_gd";
  c.run.seed = 18446744073709551615U;
  EXPECT_EQ(cell_id(c), "llama-2.7b__news__npo_gd__seed18446744073709551615");
}

TEST(CellId, IsSafeAsAFileName) {
  Configuration c;
  c.model.name = "../../etc/passwd";
  c.dataset.name = "a b*?\n\\\"";
  c.method.name = "\xC3\xA4|;$(x)";
  const auto id = cell_id(c);
  for (const char character : id)
    EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(character)) || character == '-' || character == '_' || character == '.') << id;
  EXPECT_EQ(cell_file("folder", id).parent_path(), "folder/cells");
  EXPECT_EQ(cell_file("folder", id).filename(), id + ".h5");
}

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
