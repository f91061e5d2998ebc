/// Full disks, damaged files and files of other programs.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>

#include "store/cell_support.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/store/cell_file.hpp"
#include "../../src/store/schema.hpp"
#include "../../src/store/seal.hpp"

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

/// Reading is one rank's work: here root does it while the others wait.
class DamagedFile : public testing::Test {
 protected:
  Communicator world = Communicator::world();
  SharedFolder folder{world};
  std::filesystem::path path = folder.path() / "cell.h5";
  CellRecord record = make_record({});
  std::string fingerprint = fingerprint_of(record.provenance);

  void write(const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

  /// Changes an attribute of the finished file.
  void set_attribute(const std::string& name, const std::string& text, bool seal = true) {
    {
      const hdf5::Id file(UNPACT_HDF5(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT)));
      const hdf5::Id attribute(UNPACT_HDF5(H5Aopen(file, name.c_str(), H5P_DEFAULT))), type = hdf5::text_type();
      const char* pointer = text.c_str();
      UNPACT_HDF5(H5Awrite(attribute, type, &pointer));
    }
    if (seal) append_seal(path);
  }
};

TEST_F(DamagedFile, IsNoFinishedCell) {
  if (!world.is_root()) return;
  EXPECT_FALSE(is_finished_cell(path, fingerprint));  // not there
  EXPECT_FALSE(is_finished_cell(folder.path(), fingerprint));
  write_cell_file({}, path, record);
  EXPECT_TRUE(is_finished_cell(path, fingerprint));
  EXPECT_FALSE(is_finished_cell(path, fingerprint + "0"));
  const std::string whole = read_file(path);
  for (const double part : {0.0, 0.001, 0.1, 0.5, 0.9, 0.999}) {
    write(whole.substr(0, static_cast<std::size_t>(static_cast<double>(whole.size()) * part)));
    EXPECT_FALSE(is_finished_cell(path, fingerprint)) << part;
    EXPECT_THROW(read_cell_file(path), UserError) << part;
  }
  write(whole.substr(0, whole.size() - 1));
  EXPECT_FALSE(is_finished_cell(path, fingerprint));
}

TEST_F(DamagedFile, IsRefusedForAnyFlippedBit) {
  if (!world.is_root()) return;
  write_cell_file({}, path, record);
  const std::string whole = read_file(path);
  Numbers numbers(3);
  for (int i = 0; i < 300; ++i) {
    std::string bytes = whole;
    char& byte = bytes[numbers.below(bytes.size())];
    byte = static_cast<char>(byte ^ (1 << numbers.below(8)));
    write(bytes);
    EXPECT_THROW(read_cell_file(path), UserError);
    EXPECT_FALSE(is_finished_cell(path, fingerprint));
  }
}

TEST_F(DamagedFile, IsRefusedWithBytesBehindTheSeal) {
  if (!world.is_root()) return;
  write_cell_file({}, path, record);
  write(read_file(path) + "x");
  EXPECT_FALSE(is_finished_cell(path, fingerprint));
}

TEST_F(DamagedFile, MustBeSealedAgainAfterAChange) {
  if (!world.is_root()) return;
  write_cell_file({}, path, record);
  set_attribute("judge", "another one", false);
  EXPECT_FALSE(is_finished_cell(path, fingerprint));
}

TEST_F(DamagedFile, OfAnotherSchemaOrMajorVersionIsRefused) {
  if (!world.is_root()) return;
  write_cell_file({}, path, record);
  set_attribute("schema_version", "1.7.3");
  EXPECT_TRUE(is_finished_cell(path, fingerprint));
  set_attribute("schema_version", "2.0.0");
  EXPECT_FALSE(is_finished_cell(path, fingerprint));
  try {
    read_cell_file(path);
    FAIL() << "must throw";
  } catch (const UserError& error) {
    EXPECT_THAT(error.reason(), HasSubstr("its schema version is 2.0.0, this program knows version 1.11.0"));
  }
  set_attribute("schema_version", "1.0.0");
  set_attribute("schema_name", "other");
  EXPECT_THROW(read_cell_file(path), UserError);
}

}  // namespace
}  // namespace unpact::test
