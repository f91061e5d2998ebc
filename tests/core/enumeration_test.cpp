#include "unpact/core/enumeration.hpp"

#include <gmock/gmock.h>

namespace unpact {

enum class Season { spring, summer, winter };
UNPACT_ENUMERATION(Season, "spring", "summer", "winter");

namespace {

TEST(Enumeration, NamesItsValuesInOrder) {
  EXPECT_THAT(names_of<Season>(), testing::ElementsAre("spring", "summer", "winter"));
  EXPECT_EQ(name_of_value(Season::winter), "winter");
}

TEST(EnumReference, ReadsAndSetsTheVariableByName) {
  Season season = Season::spring;
  const EnumReference reference(&season);
  EXPECT_TRUE(reference.assign("summer"));
  EXPECT_EQ(season, Season::summer);
  EXPECT_EQ(reference.name(), "summer");
}

TEST(EnumReference, LeavesTheVariableAloneForAnUnknownName) {
  Season season = Season::winter;
  EXPECT_FALSE(EnumReference(&season).assign("autumn"));
  EXPECT_FALSE(EnumReference(&season).assign(""));
  EXPECT_EQ(season, Season::winter);
}

}  // namespace
}  // namespace unpact
