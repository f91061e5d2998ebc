#include "unpact/campaign/last_finisher.hpp"

#include <gtest/gtest.h>

namespace unpact {
namespace {

ClaimsListing held(const std::string& name) { return {{{name, {1}}}, 0}; }

TEST(LastFinisher, IsWhoSeesNoCellHeldAfterItsOwn) {
  LastFinisher self({"a", "b"});
  self.saw(held("plan"));
  EXPECT_FALSE(self.others_go_on()) << "no cell";
  self.saw(held("a"));
  EXPECT_TRUE(self.others_go_on());
  self.saw({});
  EXPECT_TRUE(self.others_go_on()) << "whoever held it has finished after this one";
  self.finished();
  self.saw({});
  EXPECT_FALSE(self.others_go_on());
}

}  // namespace
}  // namespace unpact
