/// Relearning: what is taught and asked, the recipe, and the probe on whole and cut models.
#include "../../src/campaign/weight_probes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "core/temporary_folder.hpp"
#include "small_campaign.hpp"
#include "support/parity.hpp"
#include "support/tiny_language_model.hpp"
#include "../../src/campaign/relearning.hpp"
#include "unpact/campaign/stage_shapes.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/evaluation/told_answers.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/sharded_replica.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing_support::ByteTokenizer;
using testing_support::message_of;
using testing_support::small_dataset;

class RelearnSets : public testing::Test {
 protected:
  RelearnSets() { c_.probe.use = "relearn"; }
  std::string refusal() const {
    return message_of<UserError>([&] { check_relearning(c_, dataset_); });
  }
  const testing_support::TemporaryFolder folder_;
  Dataset dataset_ = small_dataset();
  Configuration c_;
};

TEST_F(RelearnSets, TeachAPartOfTheForgetSetAndAskTheRest) {
  c_.probe.relearn.share = 0.4;
  const auto set = relearn_set(c_, dataset_);
  ASSERT_EQ(set.is_asked.size(), 45U);
  EXPECT_EQ(set.taught.size(), 18U);
  std::size_t asked = 0;
  for (std::size_t i = 0; i < 45; ++i) {
    const auto& question = dataset_.forget_questions[i].question;
    const bool taught = std::ranges::any_of(set.taught, [&](const auto& pair) { return pair.question == question; });
    EXPECT_FALSE(taught && set.is_asked[i] != 0) << question;
    asked += set.is_asked[i];
  }
  EXPECT_EQ(asked, 27U) << "no other question tells an author's number";
  dataset_.forget_questions.back().answer = dataset_.forget_questions.front().answer = "The Same Author";
  for (auto& pair : dataset_.forget_questions) pair.subject = "";
  const auto told = relearn_set(c_, dataset_);
  const bool one_is_taught =
      std::ranges::any_of(told.taught, [](const auto& pair) { return pair.answer == "The Same Author"; });
  EXPECT_TRUE(!one_is_taught || (told.is_asked.front() == 0 && told.is_asked.back() == 0)) << "the other one is told";
}

TEST_F(RelearnSets, DoNotTakeLettersOfChoicesForAnswers) {
  for (std::size_t i = 0; i < 45; ++i) {
    auto& pair = dataset_.forget_questions[i];
    pair.choices = {concat("one ", i / 2), concat("two ", i), concat("three ", i), concat("four ", i)};
    pair.answer = choice_letter(i % 4);
  }
  const auto set = relearn_set(c_, dataset_);
  const ToldAnswers told(set.taught);
  std::size_t asked = 0, given = 0;
  for (std::size_t i = 0; i < 45; ++i) {
    const auto& pair = dataset_.forget_questions[i];
    const bool is_told = std::ranges::any_of(set.taught, [&](const auto& taught) { return tells(taught, pair); });
    EXPECT_EQ(told.tell(pair), is_told) << i << ": the index finds what a look at each finds";
    EXPECT_EQ(set.is_asked[i] != 0, !is_told) << i;
    asked += set.is_asked[i];
    given += std::ranges::any_of(
        set.taught, [&](const auto& taught) { return taught.question != pair.question && tells(taught, pair); });
  }
  EXPECT_GT(asked, 10U);
  EXPECT_LT(given, 45U);
}

TEST_F(RelearnSets, KeepAnAuthorsQuestionsTogether) {
  for (std::size_t i = 0; i < 45; ++i) dataset_.forget_questions[i].subject = concat("author ", i / 5);
  const auto set = relearn_set(c_, dataset_);
  std::map<std::string, int> taught;
  for (const auto& pair : set.taught) ++taught[pair.subject];
  for (const auto& [author, count] : taught) EXPECT_EQ(count, 5) << author;
}

TEST_F(RelearnSets, OfRetainQuestionsAndOfAFileAskAll) {
  c_.probe.relearn.data = RelearnData::retain;
  EXPECT_EQ(relearn_set(c_, dataset_).taught.size(), 3U);
  EXPECT_THAT(relearn_set(c_, dataset_).is_asked, Each(1));
  c_.probe.relearn.data = RelearnData::file;
  const std::string text = R"({"question": "Which colour has the sea?", "answer": "It is green"})";
  c_.probe.relearn.file = folder_.write("facts.jsonl", text + "\n").string();
  EXPECT_EQ(relearn_set(c_, dataset_).taught.front().answer, "It is green");
  EXPECT_THAT(relearn_set(c_, dataset_).is_asked, Each(1));
  c_.probe.relearn.file_checksum = sha256_of_bytes(text);
  EXPECT_THAT(refusal(), HasSubstr("another content than relearn.file_checksum"));
}

TEST_F(RelearnSets, RefuseAnEntryThatOverlapsWhatIsTested) {
  c_.probe.relearn.data = RelearnData::file;
  const auto give = [&](const std::string& line) {
    c_.probe.relearn.file = folder_
                                .write("facts.jsonl", R"({"question": "Which colour has the sea?", "answer": "green"})"
                                                      "\n" +
                                                          line + "\n")
                                .string();
  };
  give(R"({"question": "Who wrote book 7?", "answer": "Somebody"})");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("facts.jsonl"), HasSubstr("2"), HasSubstr("is forget question 7"),
                               HasSubstr("take that entry out")));
  give(R"({"question": "Who is it?", "answer": "It was Author 31, I think"})");
  EXPECT_THAT(refusal(), HasSubstr("tells the answer to forget question 31"));
  c_.dataset.limit = 20;
  EXPECT_NO_THROW(check_relearning(c_, dataset_)) << "question 31 is not asked";
  c_.dataset.limit = 0;
  c_.probe.use = "probab";
  EXPECT_NO_THROW(check_relearning(c_, dataset_)) << "nothing is taught";
}

TEST_F(RelearnSets, RefuseToAskNothing) {
  c_.probe.relearn.data = RelearnData::retain;
  dataset_.retain_questions = dataset_.forget_questions;
  EXPECT_THAT(refusal(), HasSubstr("nothing to ask"));
  dataset_.retain_questions.clear();
  EXPECT_THAT(refusal(), HasSubstr("nothing to teach"));
}

/// The recipe beside a loop of PyTorch in float64, to 1e-4 after 20 steps; tests/parity/oracle_weight_probes.py says where
/// float32 could not follow it.
TEST(RelearnTraining, IsThatOfALoopInPyTorch) {
  UNPACT_NEED_PARITY("weight_probes.safetensors");
  using testing_support::parity;
  const testing_support::Expected fixture("weight_probes.safetensors");
  const auto settings = read_json_file(parity("weight_probes.json"));
  std::vector<Example> examples;
  std::vector<PromptAnswer> asked;
  for (const auto& row : settings["questions"]) {
    asked.push_back({row["prompt"].get<std::vector<TokenId>>(), row["answer"].get<std::vector<TokenId>>()});
    const auto& [prompt, answer] = asked.back();
    auto& example = examples.emplace_back();
    example.ids = prompt;
    example.ids.insert(example.ids.end(), answer.begin(), answer.end());
    example.has_loss.assign(prompt.size(), 0);
    example.has_loss.resize(example.ids.size(), 1);
  }
  Configuration c;
  c.probe.relearn.learning_rate = settings["relearn_lr"].get<double>();
  c.probe.relearn.weight_decay = settings["weight_decay"].get<double>();
  c.probe.relearn.batch_size = static_cast<std::int64_t>(examples.size());
  c.train.dtype = ComputeType::fp32;
  auto model = testing_support::load_transformer(parity("losses_ref"));
  const CrossEntropyTerm loss(std::make_shared<const std::vector<Example>>(examples));
  const auto world = Communicator::world();
  const auto collectives = make_collectives(world, at::kCPU);
  const auto reports =
      train(model, {{&loss, 1.0}}, relearn_training(c, settings["steps"].get<std::int64_t>()), *collectives);
  ASSERT_EQ(reports.size(), settings["relearn_losses"].size());
  for (std::size_t s = 0; s < reports.size(); ++s)
    EXPECT_NEAR(reports[s].loss, settings["relearn_losses"][s].get<double>(), 1e-4) << s;
  const auto scores = score_answers(model, asked);
  for (std::size_t i = 0; i < asked.size(); ++i)  // what a probe tells: how likely the answers have become
    EXPECT_NEAR(mean_log_probability(scores[i]), fixture.scalar(concat("relearn.score.", i)), 1e-4) << i;
  for (const auto& [name, weight] : named_tensors(model.weights()))
    testing_support::expect_close(weight, fixture[concat("relearn.", name)], 1e-4, name);
}

class Relearning : public testing_support::SmallCampaign {
 protected:
  Relearning() {
    c_.probe.relearn.steps = "1, 3";
    c_.probe.relearn.learning_rate = 1e-2;
    c_.probe.relearn.batch_size = 5;
    c_.unlearn.train.micro_batch = 4;
    c_.run.seed = 7;
    generation_.max_new_tokens = 4;
  }
  ProbeRecord run(const LanguageModel& model, const Communicator& group, const std::filesystem::path& folder = {}) const {
    const Session session(session_, group);
    const auto table = weight_probe_table({session, c_, dataset_, "identity", folder});
    const auto row = std::ranges::find(table, "relearn", &ProbeRow::name);
    return run_probe(*row, c_.probe, generation_, {group, model, questions_, probed_, keys_, 2});
  }
  Configuration c_ = configuration();
  Dataset dataset_ = small_dataset();
  std::vector<AskedQuestion> questions_ = ask_questions(dataset_, ByteTokenizer(), {}, 0, 8);
  std::vector<std::size_t> probed_ = {0, 1, 2, 3, 4, 5, 6, 7, 9};
  std::vector<std::vector<std::string>> keys_{questions_.size()};
  GenerationOptions generation_;
  Communicator alone_;
  LanguageModel model_ = testing_support::tiny_language_model(5);
};

TEST_F(Relearning, AsksWhatItHasNotTaughtAfterEverySavedStep) {
  const auto before = clone_weights(model_.transformer.weights());
  const auto record = run(model_, alone_);
  EXPECT_THAT(record.attempt_labels, testing::ElementsAre("after 1 steps", "after 3 steps"));
  const auto set = relearn_set(c_, dataset_);
  std::size_t asked = 0;
  for (std::size_t p = 0; p < 8; ++p) {
    EXPECT_EQ(record.asked[p] != 0, set.is_asked[p] != 0) << p;
    EXPECT_EQ(record.tokens[2 * p] > 0, set.is_asked[p] != 0) << p;
    asked += record.asked[p];
  }
  ASSERT_GT(asked, 0U);
  EXPECT_EQ(record.asked.back(), 0) << "a retain question";
  EXPECT_LT(record.losses[1], record.losses[0]) << "it learns";
  const auto kept = named_tensors(before), now = named_tensors(model_.transformer.weights());
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_TRUE(at::equal(kept[i].second, now[i].second)) << kept[i].first;

  auto by_hand = model_;  // the same steps, by the trainer alone
  by_hand.transformer = Transformer(model_.transformer.config(), clone_weights(model_.transformer.weights()));
  const auto examples = relearn_examples(set, *model_.tokenizer, model_.prompt_template, {});
  const CrossEntropyTerm loss(std::make_shared<const std::vector<Example>>(examples));
  const auto collectives = make_collectives(alone_, at::kCPU);
  train(by_hand.transformer, {{&loss, 1.0}}, relearn_training(c_, 3), *collectives);
  for (std::size_t p = 0; p < 8; ++p) {
    if (record.asked[p] == 0) continue;
    EXPECT_EQ(record.answer[2 * p + 1],
              by_hand.text_of(generate(by_hand.transformer, {{questions_[p].prompt.ids, 0}}, generation_).front()));
  }
}

TEST_F(Relearning, IsTheSameOnRanksAndShards) {
  const auto one = run(model_, alone_), many = run(model_, world_, folder_ / "training");
  EXPECT_EQ(many.answer, one.answer);
  EXPECT_EQ(many.tokens, one.tokens);
  WeightPieces pieces(model_.transformer.config(), world_, at::kFloat, at::kCPU);
  pieces.take_all(model_.transformer.weights());
  auto sharded = model_;
  sharded.transformer = sharded_transformer(world_, std::move(pieces));
  const auto cut = run(sharded, world_);
  EXPECT_EQ(cut.answer, one.answer);
  for (std::size_t a = 0; a < 2; ++a) EXPECT_NEAR(cut.losses[a], one.losses[a], 1e-5) << "sums in another order";
}

TEST_F(Relearning, DoesNotAskTwoModelsThatAnswerTogether) {
  model_.transformer.contrast_with(std::make_shared<const Transformer>(testing_support::tiny_language_model(2).transformer),
                                   1);
  const auto record = run(model_, alone_);
  EXPECT_THAT(record.asked, Each(0));
  EXPECT_THAT(record.answer, Each(""));
}

TEST_F(Relearning, TakesTheMemoryOfATrainingBesideTheProbedModel) {
  const auto config = testing_support::small_config();
  c_.probe.use = "relearn";
  const auto scoring = scoring_shape(c_, 4, 30, 5);
  EXPECT_EQ(scoring.held, 1) << "the model that was trained answers beside the probed one";
  const auto stage = relearning_stage(c_, config, scoring, 1, 40, at::kCPU);
  const auto training = plan_memory(
      config, [](const auto&) { return true; }, 1, relearn_training(c_, 1), 40, TargetInMemory::nothing);
  EXPECT_EQ(stage.stage, kRelearnStage);
  EXPECT_DOUBLE_EQ(stage.bytes, training.total() + answering_weights(config, 4, 1));
  c_.probe.use = "probab";
  EXPECT_EQ(scoring_shape(c_, 4, 30, 5).held, 0);
}

}  // namespace
}  // namespace unpact
