/// Full disks, damaged files and files of other programs.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>

#include "record/record_support.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/record/cell_file.hpp"
#include "unpact/record/schema.hpp"

namespace unpact::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// No file of this process may grow beyond a size: writes fail with EFBIG, as they fail with ENOSPC on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

/// About 1.5 MB, most of it incompressible.
CellRecord large_record() { return make_record({.questions = 150, .candidates = 60, .answer_tokens = 60}); }

class FullDisk : public testing::TestWithParam<rlim_t> {
 protected:
  Communicator world = Communicator::world();
  SharedFolder folder{world};
  std::filesystem::path path = folder.path() / "cell.h5";

  void expect_failure(const CellRecord& record, bool limited) {
    {
      const FileSizeLimit limit(limited ? GetParam() : RLIM_INFINITY);
      EXPECT_THROW(write_cell_file(world, path, record), RuntimeFailure);
    }
    world.barrier();
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_THAT(folder.names(), IsEmpty());
    world.barrier();
    write_cell_file(world, path, record);  // and with space again, all is well
    expect_equal(record, read_cell_file(path));
  }
};

TEST_P(FullDisk, OnEveryRankIsAnErrorOnEveryRank) { expect_failure(large_record(), true); }

TEST_P(FullDisk, OnTheRootIsAnErrorOnEveryRank) { expect_failure(large_record(), world.is_root()); }

TEST_P(FullDisk, KeepsAnOlderFile) {
  write_cell_file(world, path, make_record({}));
  {
    const FileSizeLimit limit(GetParam());
    EXPECT_THROW(write_cell_file(world, path, large_record()), RuntimeFailure);
  }
  expect_equal(make_record({}), read_cell_file(path));
  world.barrier();
  EXPECT_THAT(folder.names(), ElementsAre("cell.h5"));
}

INSTANTIATE_TEST_SUITE_P(AfterBytes, FullDisk, testing::Values(8'000, 60'000, 300'000, 900'000));

}  // namespace
}  // namespace unpact::test
