#include "unpact/campaign/session.hpp"

#include <gmock/gmock.h>

#include <ATen/Parallel.h>

#include "support/shared_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::message_of;

class SessionOf : public testing::Test {
 protected:
  static RunOptions cpu() {
    RunOptions options;
    options.device = DeviceChoice::cpu;
    return options;
  }
  Communicator world_ = Communicator::world();
  const testing_support::SharedFolder folder_{world_};
};

TEST_F(SessionOf, KnowsItsRanksAndTheirDevices) {
  const Session session(world_, cpu());
  EXPECT_TRUE(session.device().is_cpu());
  EXPECT_EQ(session.is_root(), world_.rank() == 0);
  ASSERT_EQ(static_cast<int>(session.devices().size()), world_.size());
  EXPECT_THAT(session.devices().back(), HasSubstr("cpu ("));
}

TEST_F(SessionOf, SetsTheNumberOfThreads) {
  const auto before = at::get_num_threads();
  auto options = cpu();
  options.threads = 2;
  const Session session(world_, options);
  EXPECT_EQ(at::get_num_threads(), 2);
  at::set_num_threads(before);
}

TEST_F(SessionOf, OpensALogOfEveryRank) {
  Session(world_, cpu()).open_output((folder_.path() / "out").string());
  world_.barrier();
  for (int rank = 0; rank < world_.size(); ++rank)
    EXPECT_TRUE(std::filesystem::exists(folder_.path() / concat("out/logs/rank-000", rank, ".log"))) << rank;
}

TEST_F(SessionOf, RefusesAnOutputThatCannotBeAFolder) {
  if (world_.is_root()) std::ofstream(folder_.path() / "file") << "in the way";
  world_.barrier();
  const Session session(world_, cpu());
  EXPECT_THAT(message_of<UserError>([&] { session.open_output((folder_.path() / "file/out").string()); }),
              HasSubstr("file/out"));
}

TEST(LibraryVersions, NameWhatNumbersDependOn) {
  const auto versions = library_versions();
  EXPECT_FALSE(versions.at("torch").empty());
  EXPECT_FALSE(versions.at("mpi").empty());
}

}  // namespace
}  // namespace unpact
