#include "unpact/campaign/last_finisher.hpp"

#include <gtest/gtest.h>

#include "campaign/dead_claim.hpp"
#include "core/temporary_folder.hpp"

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

TEST(LastFinisher, BelievesThatOthersWorkUnlessTheyAreSeenToBeDead) {
  const testing_support::TemporaryFolder folder;
  double time = 0;
  Claims claims(folder.path(), {45, 180, [&] { return time; }, "this job"});
  LastFinisher self({"a", "b"});
  EXPECT_FALSE(self.others_work(claims));
  testing_support::leave_claim_of_the_dead(folder.path(), "a");
  time = 2;
  EXPECT_FALSE(self.others_work(claims)) << "a dead process of this machine";
  folder.write("b.claim.1", R"({"host": "elsewhere", "job": "17", "pid": 1, "process": "x", "started": "then", "beat": 3})");
  EXPECT_FALSE(self.others_work(claims)) << "a round of questions reads the folder once";
  time = 4;
  EXPECT_TRUE(self.others_work(claims));
  folder.write("c.claim.1", "of no cell");
  self.clear_claims_of_the_dead(claims);
  EXPECT_EQ(claims.look().generations.size(), 2U) << "what may be alive, and what is no cell, stay";
  EXPECT_FALSE(claims.look().is_held("a"));
}

}  // namespace
}  // namespace unpact
