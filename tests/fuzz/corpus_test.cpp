/// Every seed of the corpora through its target, so that a finding stays fixed where there is no libFuzzer.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "fuzz_target.hpp"
#include "unpact/core/atomic_file.hpp"

namespace unpact::fuzzing {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

class Corpus : public testing::TestWithParam<Named> {};

TEST_P(Corpus, EverySeedIsReadOrRefused) {
  const auto seeds = entries_of(fs::path(UNPACT_FUZZ_CORPUS) / GetParam().name);
  EXPECT_GE(seeds.size(), 2U);
  for (const auto& seed : seeds) {
    SCOPED_TRACE(seed.string());
    const auto bytes = read_file(seed);
    EXPECT_NO_THROW(run(GetParam().target, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  }
}

/// A target that refuses everything would find nothing.
TEST_P(Corpus, SomeSeedIsAccepted) {
  std::size_t accepted = 0;
  for (const auto& seed : entries_of(fs::path(UNPACT_FUZZ_CORPUS) / GetParam().name)) {
    try {
      GetParam().target(read_file(seed));
      ++accepted;
    } catch (const UserError&) {
    }
  }
  EXPECT_GT(accepted, 0U);
}

INSTANTIATE_TEST_SUITE_P(Targets, Corpus, testing::ValuesIn(registered()),
                         [](const auto& named) { return named.param.name; });

TEST(Corpora, BelongToTargets) {
  for (const auto& folder : entries_of(UNPACT_FUZZ_CORPUS)) {
    const auto is_its = [&](const Named& named) { return named.name == folder.filename(); };
    EXPECT_TRUE(std::any_of(registered().begin(), registered().end(), is_its)) << folder;
  }
}

}  // namespace
}  // namespace unpact::fuzzing
