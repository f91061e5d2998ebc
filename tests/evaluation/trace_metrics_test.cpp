#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "../../src/evaluation/metrics/punkt.hpp"
#include "../../src/evaluation/metrics/traces.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Json trace_rows() {
  const auto file = std::filesystem::path(UNPACT_FIXTURES) / "evaluation/traces.json";
  return std::string(UNPACT_FIXTURES).empty() || !std::filesystem::exists(file) ? Json() : read_json_file(file);
}

TEST(Punkt, EndsSentencesAtMarksButNotBehindInitials) {
  EXPECT_THAT(punkt_sentences("Let me think. J. Smith is 3. of all? (Yes.) \"No!\" he said."),
              ElementsAre("Let me think.", "J. Smith is 3. of all?", "(Yes.)", "\"No!\"", "he said."));
  EXPECT_THAT(punkt_sentences(" \n"), IsEmpty());
  EXPECT_THAT(punkt_sentences("no end"), ElementsAre("no end"));
}

TEST(Punkt, CutsAsNltkDoes) {
  const auto rows = trace_rows();
  if (rows.is_null()) GTEST_SKIP() << "no fixtures: run tests/evaluation/make_fixtures.py and set UNPACT_FIXTURES";
  ASSERT_GE(rows.size(), 800U);
  for (const auto& row : rows)
    EXPECT_EQ(punkt_sentences(row["own"].get<std::string>()), row["sentences"].get<std::vector<std::string>>())
        << row["own"];
}

TEST(TraceSteps, AreThoseOfRougeScore) {
  const auto rows = trace_rows();
  if (rows.is_null()) GTEST_SKIP() << "no fixtures: run tests/evaluation/make_fixtures.py and set UNPACT_FIXTURES";
  for (const auto& row : rows)  // the same few operations on doubles; the sum may be in another order
    EXPECT_NEAR(trace_steps(row["gold"].get<std::string>(), row["own"].get<std::string>()), row["steps"].get<double>(),
                1e-12)
        << row["gold"] << row["own"];
}

TEST(TraceSteps, CountEachGoldSentenceOnceByItsBestStep) {
  EXPECT_DOUBLE_EQ(trace_steps("Ann lives in Tarn. The mayor is Bo.", "The mayor is Bo. Ann sleeps."), (0.25 + 1) / 2);
  EXPECT_DOUBLE_EQ(trace_steps("Ann lives.", ""), 0);
  EXPECT_DOUBLE_EQ(trace_steps("", "Ann lives."), 0);
}

}  // namespace
}  // namespace unpact
