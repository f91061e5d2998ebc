#include "unpact/campaign/cell_names.hpp"

#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "unpact/campaign/last_finisher.hpp"

namespace unpact {
namespace {

class Names : public testing::Test {
 protected:
  Names() { std::filesystem::create_directory(folder_.path() / "cells"); }
  const testing_support::TemporaryFolder folder_;
  double time_ = 10;
  CellNames names_{folder_.path(), [this] { return time_; }};
};

TEST_F(Names, TellWhatWasThereFromWhatCame) {
  folder_.write("cells/old.h5", "");
  names_.refresh();
  folder_.write("cells/new.h5", "");
  folder_.write("cells/failed.failed.json", "");
  time_ += 2;
  names_.refresh();
  EXPECT_EQ(names_.glance("old"), CellQueue::Glance::old_file);
  EXPECT_EQ(names_.glance("new"), CellQueue::Glance::new_file);
  EXPECT_EQ(names_.glance("failed"), CellQueue::Glance::new_file);
  EXPECT_EQ(names_.glance("ne"), CellQueue::Glance::nothing);
}

TEST_F(Names, AreReadOnceASecondUnlessTheyMustBeNewer) {
  names_.refresh();
  folder_.write("cells/new.h5", "");
  time_ += 0.5;
  names_.refresh();
  names_.refresh(9);
  EXPECT_EQ(names_.glance("new"), CellQueue::Glance::nothing) << "half a second old, and read after 9";
  names_.refresh(10.25);
  EXPECT_EQ(names_.glance("new"), CellQueue::Glance::new_file);
}

// Another group takes a cell that it believes open, finds it done and gives it back. Whoever finishes in this moment is not held
// back by that claim, also if the cell was filed since the names were read: else nobody collects.
TEST_F(Names, ReadAfterTheClaimsShowThatAHeldCellHasEnded) {
  names_.refresh();
  folder_.write("cells/a.h5", "");
  time_ += 0.5;
  LastFinisher self({"a", "b"});
  const ClaimsListing listing{{{"a", {1}}}, time_};
  self.saw(listing, [&](const std::string& id) {
    names_.refresh(listing.time);
    return names_.glance(id) != CellQueue::Glance::nothing;
  });
  EXPECT_FALSE(self.others_go_on());
}

}  // namespace
}  // namespace unpact
