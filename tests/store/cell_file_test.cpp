#include "unpact/store/cell_file.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <limits>
#include <vector>

#include "store/cell_support.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"

namespace unpact::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CellFile : public testing::Test {
 protected:
  Communicator world = Communicator::world();
  SharedFolder folder{world};
  std::filesystem::path path = folder.path() / "cell.h5";

  void round_trip(const CellRecord& record) {
    write_cell_file(world, path, record);
    expect_equal(record, read_cell_file(path));
    EXPECT_THAT(folder.names(), ElementsAre("cell.h5"));
    EXPECT_TRUE(is_finished_cell(path, fingerprint_of(record.provenance)));
    world.barrier();
  }
};

TEST_F(CellFile, ComesBackAsItWas) { round_trip(make_record({})); }

TEST_F(CellFile, ComesBackWhenItSpansManyChunks) {
  round_trip(make_record({.questions = 150, .candidates = 60, .answer_tokens = 40}));
}

TEST_F(CellFile, ComesBackWithoutForgottenQuestions) {
  const CellRecord record = make_record({.with_forgotten = false});
  ASSERT_THAT(record.probes.at(0).question, IsEmpty());
  round_trip(record);
}

TEST_F(CellFile, ComesBackWithoutAttribution) { round_trip(make_record({.attributed = false})); }

TEST_F(CellFile, ComesBackWithoutQuestions) { round_trip(make_record({.questions = 0})); }

TEST_F(CellFile, ComesBackWithoutTables) {
  CellRecord record = make_record({});
  record.probes.clear();
  record.rates.clear();
  record.training.clear();
  record.work.clear();
  round_trip(record);
}

TEST_F(CellFile, ComesBackWithThoughtsOfOneModelOrBoth) {
  CellRecord record = make_record({});
  const auto count = record.questions.split.size();
  for (auto* model : {&record.target, &record.unlearned}) {
    for (std::size_t q = 0; q < count; ++q) {
      model->thought.trace.push_back(q == 1 ? "" : "So it is.");
      model->thought.forced.push_back(static_cast<std::uint8_t>(q % 2));
      model->thought.score.push_back(0.25);
      model->thought.is_right.push_back(static_cast<std::uint8_t>((q + 1) % 2));
      for (auto* part : {&model->thought.gold, &model->thought.own}) {
        part->token_ids.add(q == 1 ? std::vector<std::int32_t>() : std::vector<std::int32_t>{7, 8});
        part->contributions.add(q == 1 ? std::vector<float>() : std::vector<float>{0.5F, -1});
        part->log_probabilities.add(q == 1 ? std::vector<float>() : std::vector<float>{-1, -2, -3, -4});
        part->trace_share.push_back(q == 1 ? std::numeric_limits<double>::quiet_NaN() : 0.75);
      }
    }
    round_trip(record);
  }
}

TEST_F(CellFile, KeepsALongConfiguration) {
  CellRecord record = make_record({});
  record.provenance.resolved_configuration.assign(200'000, 'x');
  round_trip(record);
}

TEST_F(CellFile, ReplacesAnOlderFile) {
  round_trip(make_record({.seed = 1}));
  round_trip(make_record({.seed = 2}));
}

TEST_F(CellFile, IsTheSameForEveryNumberOfRanks) {
  const CellRecord record = make_record({.questions = 150, .candidates = 60, .answer_tokens = 40});
  const Communicator alone;
  const Communicator single = world.split(world.rank(), 0);
  const Communicator pairs = world.split(world.rank() / 2, world.rank());
  const auto name = [&](const char* kind, int group) { return folder.path() / concat(kind, group, ".h5"); };
  write_cell_file(world, name("world", 0), record);
  write_cell_file(pairs, name("pair", world.rank() / 2), record);
  write_cell_file(single, name("single", world.rank()), record);
  write_cell_file(alone, name("alone", world.rank()), record);
  const auto expected = raw_datasets(name("alone", world.rank()));
  EXPECT_GT(expected.size(), 80U);
  EXPECT_EQ(expected, raw_datasets(name("world", 0)));
  EXPECT_EQ(expected, raw_datasets(name("pair", world.rank() / 2)));
  EXPECT_EQ(expected, raw_datasets(name("single", world.rank())));
}

TEST_F(CellFile, TakesDifferingTimesFromTheRoot) {
  CellRecord record = make_record({});
  record.provenance.ended = concat("time of rank ", world.rank(), std::string(static_cast<std::size_t>(world.rank()), '!'));
  write_cell_file(world, path, record);
  EXPECT_EQ(read_cell_file(path).provenance.ended, "time of rank 0");
}

TEST_F(CellFile, RefusesRanksThatDisagree) {
  if (world.size() == 1) GTEST_SKIP() << "needs two ranks";
  CellRecord record = make_record({});
  if (world.rank() == 1) record.questions.prompt[0] += std::string(500, 'x');
  EXPECT_THROW(write_cell_file(world, path, record), RuntimeFailure);
  world.barrier();
  EXPECT_THAT(folder.names(), IsEmpty());
}

TEST_F(CellFile, TellsEveryRankOfOneRanksBrokenRecord) {
  CellRecord record = make_record({});
  if (world.rank() == world.size() - 1) record.outcome.pop_back();
  try {
    write_cell_file(world, path, record);
    FAIL() << "must throw";
  } catch (const RuntimeFailure& failure) {
    EXPECT_THAT(failure.reason(), HasSubstr("outcome/class has 8 values instead of 9"));
  }
  world.barrier();
  EXPECT_THAT(folder.names(), IsEmpty());
}

TEST_F(CellFile, StoresBrokenTextAsReplacementCharacters) {
  CellRecord record = make_record({});
  ASSERT_GE(record.questions.pieces.size(), 2U);
  record.questions.pieces[0] = "\xF0\x9F";  // a token that ends inside a character
  record.questions.pieces[1] = std::string("a\0b\xFFz", 5);
  write_cell_file(world, path, record);
  const auto pieces = read_cell_file(path).questions.pieces;
  EXPECT_EQ(pieces[0], "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(pieces[1],
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBDz");
}

TEST_F(CellFile, HasAFingerprintOfConfigurationModelAndTokenizer) {
  const Provenance base = make_record({}).provenance;
  Provenance other = base;
  other.ended = "later";
  EXPECT_EQ(fingerprint_of(base), fingerprint_of(other));
  EXPECT_EQ(fingerprint_of(base).size(), 64U);
  for (auto field : {&Provenance::resolved_configuration, &Provenance::model_checksum, &Provenance::tokenizer_checksum}) {
    other = base;
    other.*field += "x";
    EXPECT_NE(fingerprint_of(base), fingerprint_of(other));
  }
  other = base;
  other.resolved_configuration += concat(kOriginsMark, "\n[model]\npath = /elsewhere\n");
  EXPECT_EQ(fingerprint_of(base), fingerprint_of(other)) << "where the inputs come from decides nothing";
}

}  // namespace
}  // namespace unpact::test
