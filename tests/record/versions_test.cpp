// Files of an older minor version: what was added later is missing, and everything else is there.
#include <gmock/gmock.h>

#include "record/record_support.hpp"
#include "unpact/core/error.hpp"
#include "unpact/record/cell_file.hpp"
#include "unpact/record/seal.hpp"

namespace unpact::test {
namespace {

class OlderFile : public testing::Test {
 protected:
  Communicator world = Communicator::world();
  SharedFolder folder{world};
  std::filesystem::path path = folder.path() / "cell.h5";

  /// Takes out of a file what 1.1 added to 1.0.
  void make_older() {
    {
      const hdf5::Id file(UNPACT_HDF5(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT)));
      for (const char* model : {"target", "unlearned"})
        for (const char* answer : {"gold", "own"})
          for (const char* name : {"standard_errors", "estimate", "key_token_uncertain", "mean_log_probability", "completeness_error", "surrogate_r2"})
            UNPACT_HDF5(H5Ldelete(file, concat("/", model, "/", answer, "/", name).c_str(), H5P_DEFAULT));
      for (const char* name : {"attribution_method", "attribution_settings"}) UNPACT_HDF5(H5Adelete(file, name));
    }
    append_seal(path);
  }
};

TEST_F(OlderFile, OfVersionOneZeroIsRead) {
  if (!world.is_root()) return;
  auto record = make_record({});
  record.attribution_method = "leave_one_out";
  write_cell_file({}, path, record);
  make_older();
  const auto read = read_cell_file(path);
  EXPECT_EQ(read.attribution_method, "leave_one_out");
  EXPECT_EQ(read.target.gold.contributions.values, record.target.gold.contributions.values);
  EXPECT_EQ(read.unlearned.own.is_key_token.offsets, record.unlearned.own.is_key_token.offsets);
  EXPECT_EQ(read.target.gold.is_uncertain.rows(), 0U);
  EXPECT_TRUE(read.target.gold.mean_log_probability.empty());
  EXPECT_EQ(read.rates.size(), record.rates.size());
}

}  // namespace
}  // namespace unpact::test
