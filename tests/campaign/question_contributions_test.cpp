#include "unpact/campaign/question_contributions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "small_campaign.hpp"
#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/core/codec.hpp"
#include "unpact/data/load_dataset.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class AskedForContributions : public testing_support::SmallCampaign {
 protected:
  Configuration weighted() const {
    auto c = configuration();
    c.method.weighting = WeightingKind::attribution;
    c.attribution.keys.beta = 1e-4;  // a random model owes little to its prompt
    c.unlearn.train.epochs = 3;
    return c;
  }
  LanguageModel mapped(const Configuration& c) const { return map_alike(session_, c, c.model.path); }
  TrainedContributions ask(const Configuration& c, const LanguageModel& target) const {
    return contributions_to_train(session_, c, load_dataset(c.dataset), target, out_ / "baselines");
  }
};

TEST_F(AskedForContributions, AreThoseOfFullPassesWhateverTheRanks) {
  auto c = weighted();
  c.unlearn.phrased = 1;
  const auto target = mapped(c);
  const auto found = ask(c, target);
  ASSERT_EQ(found.forget.size(), 2U);
  ASSERT_EQ(found.retain.size(), 1U) << "for its phrasings";
  const auto dataset = load_dataset(c.dataset);
  const auto questions = ask_questions(dataset, *target.tokenizer, target.prompt_template, 0, 0);
  const auto alone = contributions_of(
      Communicator(), load_language_model(c.model.path, c.prompt.resolve(), at::kCPU, at::kFloat), questions,
      c.attribution.keys, *make_leave_one_out(make_engine(EngineKind::reference, 0)), "by definition");
  ASSERT_EQ(alone.size(), 3U);
  for (std::size_t q = 0; q < 3; ++q) {
    const auto& one = q < 2 ? found.forget[q] : found.retain[0];
    EXPECT_EQ(one.is_key_token, alone[q].is_key_token) << q;
    EXPECT_EQ(one.key_words, alone[q].key_words);
    ASSERT_EQ(one.log_probabilities.size(), alone[q].log_probabilities.size());
    EXPECT_EQ(one.log_probabilities.size(), (questions[q].prompt.candidate_end - questions[q].prompt.candidate_begin + 1) *
                                                (questions[q].gold_answer.size() + 1))
        << "the end is scored, too";
    for (std::size_t i = 0; i < one.log_probabilities.size(); ++i)
      EXPECT_NEAR(one.log_probabilities[i], alone[q].log_probabilities[i], 1e-5) << q << " " << i;
    ASSERT_EQ(one.joint.size(), alone[q].joint.size());
    for (std::size_t i = 0; i < one.joint.size(); ++i) EXPECT_EQ(one.joint[i], alone[q].joint[i]) << q << " " << i;
  }
  c.unlearn.phrased = 0;
  EXPECT_TRUE(ask(c, target).retain.empty()) << "nobody asks";
  c.method.weighting = WeightingKind::none;
  EXPECT_TRUE(ask(c, target).forget.empty()) << "nobody asks";
}

TEST_F(AskedForContributions, AreComputedOnceForWhatTheyDependOn) {
  auto c = weighted();
  const auto target = mapped(c);
  const auto first = ask(c, target);
  const auto folders = [&] {
    return std::distance(std::filesystem::directory_iterator(out_ / "baselines"), std::filesystem::directory_iterator());
  };
  auto gone = target;
  gone.folder = folder_ / "nothing is here";  // whoever loads the target fails
  const auto again = ask(c, gone);
  EXPECT_EQ(encode(again.forget), encode(first.forget));
  c.method.attribution_weights = AttributionWeights::hard;
  c.run.seed = 9;
  ask(c, gone);
  world_.barrier();
  EXPECT_EQ(folders(), 1);
  world_.barrier();
  c.attribution.keys.alpha = 0.9;
  ask(c, target);
  EXPECT_EQ(folders(), 2) << "other KeyTokens are taken out together";
  world_.barrier();
}

TEST_F(AskedForContributions, TrainAsTheSameWeightsOfAFileDo) {
  for (const auto kind : {AttributionWeights::contribution, AttributionWeights::random}) {
    auto c = weighted();
    c.method.attribution_weights = kind;
    c.method.name = concat("weighted_", name_of_value(kind));
    c.method.weight_power = 1;
    c.method.retain = RetainKind::gd;
    const auto baseline = prepare_baseline(session_, c, out_);
    const auto by_program = run_cell(session_, world_, baseline, c, out_);
    EXPECT_EQ(by_program.work.front().stage, kContributionsStage);
    world_.barrier();
    const auto file = out_ / "logs" / (by_program.id + ".weights.jsonl");
    EXPECT_THAT(content_of(file), HasSubstr("]\n[")) << "a line an example";
    auto from_file = c;
    from_file.method.attribution_weights = AttributionWeights::contribution;
    from_file.method.weighting = WeightingKind::given;
    from_file.method.weights_path = file.string();
    from_file.method.name = concat("given_", name_of_value(kind));
    const auto given = run_cell(session_, world_, baseline, from_file, out_);
    EXPECT_EQ(given.unlearned.gold.mean_log_probability, by_program.unlearned.gold.mean_log_probability);
    EXPECT_EQ(given.unlearned.answer, by_program.unlearned.answer);
    ASSERT_EQ(given.training.size(), by_program.training.size());
    for (std::size_t i = 0; i < given.training.size(); ++i) {
      EXPECT_EQ(given.training[i].loss, by_program.training[i].loss);
      EXPECT_EQ(given.training[i].gradient_norm, by_program.training[i].gradient_norm);
    }
    auto plain = c;
    plain.method.attribution_weights = AttributionWeights::contribution;
    plain.method.weighting = WeightingKind::none;
    plain.method.weight_power = -1;
    plain.method.name = concat("plain_", name_of_value(kind));
    EXPECT_NE(run_cell(session_, world_, baseline, plain, out_).training[0].loss, by_program.training[0].loss);
  }
}

TEST_F(AskedForContributions, WhatTheyDependOnIsPartOfTheTrainingsIdentity) {
  const InputChecksums inputs{"d", "m", "t", "c"};
  auto c = weighted();
  const auto identity = [&] { return training_identity(c, inputs); };
  const auto before = identity();
  c.attribution.keys.beta = 1e-3;
  EXPECT_NE(identity(), before);
  c.method.attribution_weights = AttributionWeights::joint;
  const auto joint = identity();
  EXPECT_NE(joint, before);
  c.unlearn.phrased = 1;
  const auto phrased = identity();
  EXPECT_NE(phrased, joint);
  c.probe.phrasings = "{question} {keys}|{question} ({keys})|{keys}: {question}";
  EXPECT_NE(identity(), phrased);
  c.unlearn.phrased = 0;
  c.method.weighting = WeightingKind::none;
  const auto plain = identity();
  c.attribution.keys.beta = 0.3;
  EXPECT_EQ(identity(), plain) << "no weight depends on it";
}

}  // namespace
}  // namespace unpact
