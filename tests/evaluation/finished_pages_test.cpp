#include "unpact/evaluation/finished_pages.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "support/shared_folder.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Pages in a folder that all ranks see.
class Pages : public testing::Test {
 protected:
  /// Item i of a stage; counts what is computed.
  std::vector<std::string> compute(std::size_t first, std::size_t last) {
    std::vector<std::string> items;
    for (auto i = first; i < last; ++i) items.push_back(i % 3 == 0 ? "" : std::string("item\0 ", 6) + std::to_string(i));
    computed.emplace_back(first);
    if (first >= fail_from) throw RuntimeFailure("killed", "by the test", "");
    return items;
  }
  std::vector<std::string> run(FinishedPages& pages, const std::string& stage, std::size_t count, std::size_t page) {
    computed.clear();
    return pages.run(stage, count, page, [&](std::size_t first, std::size_t last) { return compute(first, last); });
  }
  FinishedPages open(const std::string& fingerprint = "abc") { return {world, folder / "work.unfinished", fingerprint}; }
  std::vector<std::string> whole() {
    const auto before = computed;  // which comes first, this or what it is compared with, is the compiler's choice
    auto items = compute(0, 10);
    computed = before;
    return items;
  }

  Communicator world = Communicator::world();
  const testing_support::SharedFolder shared{world};
  const std::filesystem::path& folder = shared.path();
  std::vector<std::size_t> computed;
  std::size_t fail_from = 1000;
};

TEST_F(Pages, AreComputedOnce) {
  auto pages = open();
  EXPECT_EQ(run(pages, "gold", 10, 4), whole());
  auto again = open();
  EXPECT_EQ(run(again, "gold", 10, 4), whole());
  EXPECT_THAT(computed, IsEmpty());
  EXPECT_EQ(run(again, "own", 10, 4), whole());
  EXPECT_THAT(computed, ElementsAre(0, 4, 8));
  again.remove();
  EXPECT_FALSE(std::filesystem::exists(folder / "work.unfinished"));
}

TEST_F(Pages, GoOnWhereAnAttemptEnded) {
  fail_from = 8;
  {
    auto pages = open();
    EXPECT_THROW(run(pages, "gold", 10, 4), RuntimeFailure);
  }
  EXPECT_THAT(computed, ElementsAre(0, 4, 8));
  world.barrier();
  fail_from = 1000;
  auto pages = open();
  EXPECT_EQ(run(pages, "gold", 10, 4), whole());
  auto again = open();
  run(again, "gold", 10, 4);
  EXPECT_THAT(computed, IsEmpty());
}

TEST_F(Pages, StopOnEveryRankBeforeTheNextOne) {
  install_stop_signal();
  auto pages = open();
  const auto stopping = [&](std::size_t first, std::size_t last) {
    if (first == 4 && world.rank() == world.size() - 1) std::raise(SIGUSR1);
    return compute(first, last);
  };
  computed.clear();
  EXPECT_THROW(pages.run("gold", 10, 4, stopping), StoppedAtCheckpoint);
  EXPECT_THAT(computed, ElementsAre(0, 4));
  EXPECT_TRUE(made_progress() || !world.is_root());
  reset_stop();
  world.barrier();
  auto again = open();
  EXPECT_EQ(run(again, "gold", 10, 4), whole());
  EXPECT_THAT(computed, ElementsAre(8));
}

TEST_F(Pages, ThatAreThereAreReadAlsoWhenAStopIsWanted) {
  auto pages = open();
  run(pages, "gold", 10, 4);
  install_stop_signal();
  std::raise(SIGUSR1);
  EXPECT_EQ(run(pages, "gold", 10, 4), whole());
  EXPECT_THROW(run(pages, "own", 10, 4), StoppedAtCheckpoint);
  reset_stop();
}

TEST_F(Pages, OfAnotherFingerprintAreNotUsed) {
  auto pages = open();
  run(pages, "gold", 10, 4);
  world.barrier();
  auto other = open("def");
  EXPECT_EQ(run(other, "gold", 10, 4), whole());
  EXPECT_THAT(computed, ElementsAre(0, 4, 8));
}

TEST_F(Pages, OfAnotherSizeAreNotUsed) {
  auto pages = open();
  run(pages, "gold", 10, 4);
  EXPECT_EQ(run(pages, "gold", 10, 5), whole());
  EXPECT_THAT(computed, ElementsAre(0, 5));
  EXPECT_EQ(run(pages, "gold", 9, 5).size(), 9U);
  EXPECT_THAT(computed, ElementsAre(5));  // the first page is the same
}

TEST_F(Pages, ThatAreDamagedAreComputedAgain) {
  auto pages = open();
  run(pages, "gold", 10, 4);
  const auto path = pages.file("gold", 4);
  const auto good = read_file(path);
  for (std::size_t cut = 0; cut <= good.size(); cut += 7) {
    for (const bool flip : {false, true}) {
      auto bytes = flip ? good : good.substr(0, cut);
      if (flip && cut < bytes.size()) bytes[cut] = static_cast<char>(bytes[cut] ^ 4);
      if (bytes == good) continue;
      world.barrier();
      if (world.is_root()) std::ofstream(path, std::ios::binary) << bytes;
      world.barrier();
      EXPECT_EQ(run(pages, "gold", 10, 4), whole()) << cut;
      EXPECT_THAT(computed, ElementsAre(4)) << cut;
    }
  }
}

/// A result of two fields that counts how often it was encoded or decoded.
struct Finding {
  std::string name;
  std::vector<double> values;
  static inline int visits = 0;
  template <class Self>
  static auto fields(Self& self) {
    ++visits;
    return std::tie(self.name, self.values);
  }
};

std::vector<Finding> findings(std::size_t first, std::size_t last) {
  std::vector<Finding> found;
  for (auto i = first; i < last; ++i) found.push_back({std::to_string(i), std::vector<double>(i, 0.1)});
  return found;
}

TEST_F(Pages, HoldResultsOfAnyType) {
  auto pages = open();
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto found = run_in_pages({&pages, "findings", 4}, 10, findings);
    ASSERT_EQ(found.size(), 10U);
    for (std::size_t i = 0; i < 10; ++i) {
      EXPECT_EQ(found[i].name, std::to_string(i));
      EXPECT_EQ(found[i].values, std::vector<double>(i, 0.1));
    }
  }
  EXPECT_EQ(run(pages, "findings", 10, 4), whole()) << "pages of another type are computed again";
  EXPECT_THAT(computed, ElementsAre(0, 4, 8));
}

TEST_F(Pages, WithoutPagesNothingIsEncoded) {
  Finding::visits = 0;
  EXPECT_EQ(run_in_pages({}, 10, findings).size(), 10U);
  EXPECT_EQ(Finding::visits, 0);
}

TEST_F(Pages, OfNothingAreNothing) {
  auto pages = open();
  EXPECT_THAT(run(pages, "gold", 0, 4), IsEmpty());
}

}  // namespace
}  // namespace unpact
