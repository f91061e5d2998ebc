#pragma once
/// Generated records, shared folders and raw views of HDF5 files for the tests of the record layer.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "unpact/comm/communicator.hpp"
#include "unpact/core/random.hpp"
#include "unpact/record/cell_record.hpp"
#include "unpact/record/hdf5.hpp"

namespace unpact::test {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// A folder that all ranks of the world see; root removes it at the end.
class SharedFolder {
 public:
  explicit SharedFolder(const Communicator& world) : world_(world) {
    std::string name = (std::filesystem::temp_directory_path() / "unpact-record-XXXXXX").string();
    if (world_.is_root() && ::mkdtemp(name.data()) == nullptr) name.clear();
    path_ = world_.broadcast(name, 0);
  }
  ~SharedFolder() {
    world_.barrier();
    std::error_code ignored;
    if (world_.is_root()) std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  /// Names of everything in it, hidden files too.
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) found.push_back(entry.path().filename().string());
    return found;
  }

 private:
  const Communicator& world_;
  std::filesystem::path path_;
};

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
