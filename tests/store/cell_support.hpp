#pragma once
/// Generated records and raw views of HDF5 files for the tests of the record layer.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "support/shared_folder.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/core/random.hpp"
#include "unpact/results/cell.hpp"
#include "../../src/store/hdf5.hpp"

namespace unpact::test {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using testing_support::SharedFolder;

/// Numbers that depend on the seed alone.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : seed_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return random_below(bound, seed_, 1, next_++); }
  double normal() { return random_normal(seed_, 2, next_++); }
  double uniform() { return random_uniform(seed_, 3, next_++); }
  std::string text(std::size_t longest) {
    static const std::vector<std::string> words = {"Zürich", "東京", "a", "🙂", "naïve", "the", "“quoted”", "\n", "𝛼β"};
    std::string result;
    for (std::size_t i = below(longest + 1); i > 0; --i) result += words[below(words.size())] + " ";
    return result;
  }

 private:
  std::uint64_t seed_, next_ = 0;
};

struct RecordShape {
  std::size_t questions = 9, candidates = 6, answer_tokens = 4;
  bool with_forgotten = true, attributed = true;
  std::uint64_t seed = 7;
};

CellRecord make_record(const RecordShape& shape);

/// Every dataset of a file: its path and its values as stored bytes, with type and shape in front.
std::map<std::string, std::string> raw_datasets(const std::filesystem::path& path);

/// Fails the test where two records differ; NaN equals NaN.
void expect_equal(const CellRecord& a, const CellRecord& b);

}  // namespace unpact::test
