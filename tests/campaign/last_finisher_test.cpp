#include "unpact/campaign/last_finisher.hpp"

#include <gtest/gtest.h>

namespace unpact {
namespace {

ClaimsListing held(const std::string& name) { return {{{name, {1}}}, 0}; }

bool goes_on(const std::string&) { return false; }

TEST(LastFinisher, IsWhoSeesNoCellHeldAfterItsOwn) {
  LastFinisher self({"a", "b"});
  self.saw(held("plan"), goes_on);
  EXPECT_FALSE(self.others_go_on()) << "no cell";
  self.saw(held("a"), goes_on);
  EXPECT_TRUE(self.others_go_on());
  self.saw({}, goes_on);
  EXPECT_TRUE(self.others_go_on()) << "whoever held it has finished after this one";
  self.finished();
  self.saw({}, goes_on);
  EXPECT_FALSE(self.others_go_on());
}

TEST(LastFinisher, IsNotHeldBackByAClaimOnACellThatHasEnded) {
  LastFinisher self({"a", "b"});
  self.saw(held("a"), [](const std::string& id) { return id == "a"; });
  EXPECT_FALSE(self.others_go_on()) << "whoever held it died before giving it back, or is about to look";
  self.saw(held("b"), [](const std::string& id) { return id == "a"; });
  EXPECT_TRUE(self.others_go_on());
}

}  // namespace
}  // namespace unpact
