#include "jobs/probe/question_lines.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/text.hpp"
#include "unpact/data/dataset.hpp"

namespace unpact {
namespace {

std::vector<Json> parsed(const std::string& lines) {
  std::vector<Json> all;
  for (const auto& line : split_list(lines, '\n')) all.push_back(Json::parse(line));
  return all;
}

const std::vector<QuestionAnswer>& questions() {
  static const std::vector<QuestionAnswer> all = {{"Who?", "Mira", {}}, {"When?", "1472", {}}};
  return all;
}

/// What is exported comes back as attempts once it is filled in, and waits until then.
TEST(QuestionLines, AreReadAgainAsAttempts) {
  const testing_support::TemporaryFolder folder;
  auto lines = parsed(question_lines(questions()));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["question_sha256"], sha256_of_bytes("Who?"));
  EXPECT_EQ(lines[1]["gold_answer"], "1472");
  lines[1]["prompt"] = "In which year?";
  lines[1].erase("question");  // the hash is enough
  write_file_atomically(folder.path() / "filled.jsonl", lines[0].dump() + "\n" + lines[1].dump() + "\n");
  Dataset dataset;
  dataset.forget_questions = questions();
  EXPECT_THAT(add_attempts(folder.path() / "filled.jsonl", dataset), testing::IsEmpty());
  EXPECT_THAT(dataset.forget_questions[0].attempts, testing::IsEmpty());
  ASSERT_EQ(dataset.forget_questions[1].attempts.size(), 1U);
  EXPECT_EQ(dataset.forget_questions[1].attempts[0].turns, std::vector<std::string>{"In which year?"});
}

TEST(QuestionLines, OfAGeneratorAreAttemptsAtOnce) {
  const testing_support::TemporaryFolder folder;
  WrittenAttempts written;
  written.lines = {{1, "generated-1", "In which year?"}, {1, "generated-3", "What year?"}};
  write_file_atomically(folder.path() / "written.jsonl", attempt_lines(questions(), written, "tiny"));
  Dataset dataset;
  dataset.forget_questions = questions();
  EXPECT_THAT(add_attempts(folder.path() / "written.jsonl", dataset), testing::IsEmpty());
  const auto& attempts = dataset.forget_questions[1].attempts;
  ASSERT_EQ(attempts.size(), 2U);
  EXPECT_EQ(attempts[1].probe, "paraphrase");
  EXPECT_EQ(attempts[1].attempt, "generated-3");
  EXPECT_EQ(attempts[1].made_by, "tiny");
}

TEST(QuestionLines, OfACellTellWhatItKnows) {
  CellRecord cell;
  auto& q = cell.questions;
  q.split = {0, 1};
  q.question = {"Who?", "Where?"};
  q.gold_answer = {"Mira", "there"};
  q.token_ids.add({1, 5, 6, 9});
  q.token_ids.add({1});
  q.is_candidate.add({0, 1, 1, 0});
  q.is_candidate.add({0});
  q.pieces = {"<s>", "Who", "?", "A:", "<s>"};
  cell.outcome = {static_cast<std::uint8_t>(Outcome::forgotten), static_cast<std::uint8_t>(Outcome::kept)};
  cell.target.answer = {"Mira", "there"};
  cell.unlearned.answer = {"nobody", "there"};
  cell.target.own.is_key_token.add({1, 0});
  cell.target.own.is_key_token.add({});
  auto& probe = cell.probes.emplace_back();
  probe.name = "prefill";
  probe.attempt_labels = {"a", "b"};
  probe.question = {0};
  probe.put = {"Who? It is", "Who? Sure"};
  probe.answer = {"Mira", "x"};
  probe.score = {1, 0};
  probe.is_right = {1, 0};
  const auto lines = parsed(question_lines(cell));
  ASSERT_EQ(lines.size(), 1U) << "retain questions are nobody's target";
  EXPECT_EQ(lines[0]["outcome"], "forgotten");
  EXPECT_EQ(lines[0]["key_tokens"], Json({"Who"}));
  EXPECT_EQ(lines[0]["unlearned_answer"], "nobody");
  ASSERT_EQ(lines[0]["attempts"].size(), 2U);
  EXPECT_EQ(lines[0]["attempts"][0]["prompt"], "Who? It is");
  EXPECT_EQ(lines[0]["attempts"][0]["right"], true);
  EXPECT_EQ(lines[0]["attempts"][1]["score"], 0.0);
}

}  // namespace
}  // namespace unpact
