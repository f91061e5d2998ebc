#include "../../src/store/writer.hpp"

#include <gmock/gmock.h>

#include <numeric>

#include "store/cell_support.hpp"
#include "unpact/core/error.hpp"
#include "../../src/store/reader.hpp"
#include "unpact/comm/fail_together.hpp"

namespace unpact::test {
namespace {

using hdf5::RowRange;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ChunkRows, IsASixteenthBetweenBounds) {
  EXPECT_EQ(hdf5::chunk_rows(0, 4), 1U);
  EXPECT_EQ(hdf5::chunk_rows(10, 4), 10U);                         // less than 64 KiB: one chunk
  EXPECT_EQ(hdf5::chunk_rows(1 << 20, 4), (1U << 18) / 4);         // 4 MiB: 16 chunks
  EXPECT_EQ(hdf5::chunk_rows(std::size_t{1} << 32, 4), 1U << 18);  // 16 GiB: 1 MiB a chunk
  EXPECT_EQ(hdf5::chunk_rows(10, 5'000'000), 1U);
}

TEST(ShareOf, CoversTheRowsOnceAtChunkBounds) {
  for (const std::size_t rows : {0, 1, 7, 64, 65, 1000})
    for (const std::size_t chunk : {1, 8, 100})
      for (int ranks = 1; ranks <= 5; ++ranks) {
        const RowRange all{chunk * 3, chunk * 3 + rows};
        std::size_t next = all.first;
        for (int rank = 0; rank < ranks; ++rank) {
          const RowRange share = hdf5::share_of(all, chunk, rank, ranks);
          EXPECT_EQ(share.first, next);
          EXPECT_TRUE(share.first % chunk == 0 || share.size() == 0);
          next = share.last;
        }
        EXPECT_EQ(next, all.last);
      }
}

class WriterTest : public testing::Test {
 protected:
  Communicator world = Communicator::world();
  SharedFolder folder{world};
  std::filesystem::path path = folder.path() / "file.h5";
};

TEST_F(WriterTest, WritesCollectivelyInBatchesAndWithEmptyShares) {
  std::vector<std::int64_t> many(100'000);
  std::iota(many.begin(), many.end(), -5);
  {
    hdf5::Writer file(world, path, 4 << 20);
    file.set_batch_bytes(100'000);  // a chunk a rank and batch
    file.index_scale("/row", many.size(), "row");
    file.numbers<std::int64_t>({"/many", {"/row"}, "s", "many"}, many, {many.size()});
    file.index_scale("/one", 1, "all ranks but one have no share");
    EXPECT_GE(file.collective_writes(), world.size() > 1 ? 3U : 0U);
    file.close();
  }
  world.barrier();
  EXPECT_EQ(hdf5::Reader(path).numbers<std::int64_t>("/many"), many);
  EXPECT_THAT(hdf5::Reader(path).numbers<std::uint64_t>("/one"), ElementsAre(0));
}

TEST_F(WriterTest, KeepsShapesStringsAndEmptyExtents) {
  {
    hdf5::Writer file(world, path, 1 << 20);
    file.index_scale("/g/row", 2, "row");
    file.index_scale("/g/column", 3, "column");
    file.index_scale("/g/none", 0, "none");
    file.strings({"/g/text", {"/g/row", "/g/column"}, "1", "text"}, {"", "é", "abc", "東", "", "x"}, {2, 3});
    file.strings({"/g/no_text", {"/g/row", "/g/none"}, "1", "text"}, {}, {2, 0});
    file.numbers<float>({"/g/no_numbers", {"/g/none"}, "1", "numbers"}, {}, {0});
    file.close();
  }
  world.barrier();
  const hdf5::Reader file(path);
  EXPECT_THAT(file.strings("/g/text"), ElementsAre("", "é", "abc", "東", "", "x"));
  EXPECT_TRUE(file.strings("/g/no_text").empty());
  EXPECT_TRUE(file.numbers<float>("/g/no_numbers").empty());
  EXPECT_FALSE(file.has("/h/text"));
}

TEST_F(WriterTest, NamesTheHdf5CallThatFailed) {
  if (world.size() > 1) GTEST_SKIP() << "ends the job when ranks share the file";
  hdf5::Writer file(world, path, 0);
  file.index_scale("/row", 2, "row");
  try {
    file.index_scale("/row", 2, "row");
    FAIL() << "must throw";
  } catch (const RuntimeFailure& failure) {
    EXPECT_THAT(failure.problem(), HasSubstr("an HDF5 call failed on rank 0: H5Dcreate2"));
    EXPECT_THAT(failure.reason(), HasSubstr("name already exists"));
    EXPECT_THAT(failure.reason(), HasSubstr("writer.cpp:"));
  }
}

TEST_F(WriterTest, RefusesAnIndependentCompressedWrite) {
  if (world.size() == 1) GTEST_SKIP() << "needs two ranks";
  const hdf5::Id access(UNPACT_HDF5(H5Pcreate(H5P_FILE_ACCESS))), properties(UNPACT_HDF5(H5Pcreate(H5P_DATASET_CREATE)));
  UNPACT_HDF5(H5Pset_fapl_mpio(access, world.handle(), MPI_INFO_NULL));
  hdf5::Id file(UNPACT_HDF5(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access)));
  const hsize_t size = 10;
  UNPACT_HDF5(H5Pset_chunk(properties, 1, &size));
  UNPACT_HDF5(H5Pset_deflate(properties, 4));
  const hdf5::Id space(UNPACT_HDF5(H5Screate_simple(1, &size, nullptr)));
  const hdf5::Id data(UNPACT_HDF5(H5Dcreate2(file, "x", H5T_NATIVE_INT, space, H5P_DEFAULT, properties, H5P_DEFAULT)));
  const std::vector<int> values(10);
  EXPECT_THROW(UNPACT_HDF5(H5Dwrite(data, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data())), RuntimeFailure);
}

TEST_F(WriterTest, TellsAllRanksOfOneFailure) {
  const auto step = [&] {
    if (world.rank() == world.size() - 1) throw RuntimeFailure("p", "r", "h");
  };
  try {
    fail_together(world, step);
    FAIL() << "must throw";
  } catch (const RuntimeFailure& failure) {
    EXPECT_THAT(failure.problem(), testing::EndsWith("p"));
    EXPECT_EQ(failure.reason(), "r");
    EXPECT_EQ(failure.hint(), "h");
  }
  EXPECT_NO_THROW(fail_together(world, [] {}));
}

}  // namespace
}  // namespace unpact::test
