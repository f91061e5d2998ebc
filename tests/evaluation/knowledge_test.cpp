#include "../../src/evaluation/knowledge.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace unpact {
namespace {

using testing::ElementsAre;
using enum Outcome;

ProbeRecord probe(const std::string& name, ProbeKind kind, std::vector<std::uint8_t> is_right) {
  ProbeRecord record;
  record.name = name;
  record.kind = kind;
  record.attempt_labels = {"first", "second"};
  record.question = {2, 3, 4};
  record.is_right = std::move(is_right);
  return record;
}

const Rate& named(const std::vector<Rate>& rates, const std::string& name) {
  for (const auto& rate : rates)
    if (rate.name == name) return rate;
  throw std::out_of_range(name);
}

/// Six questions of the forget set, two of the retain set.
class KnowledgeLeft : public testing::Test {
 protected:
  KnowledgeRecord of(const std::vector<ProbeRecord>& probes) const { return knowledge_of(outcomes_, split_, probes); }

  const std::vector<Outcome> outcomes_ = {unknown, retained, forgotten, forgotten, forgotten, retained, kept, unknown};
  const std::vector<std::uint8_t> split_ = {0, 0, 0, 0, 0, 0, 1, 1};
};

TEST_F(KnowledgeLeft, IsWhatIsStillRightAndWhatAnyAttemptWinsBack) {
  const auto found =
      of({probe("a", ProbeKind::probe, {0, 1, 0, 0, 0, 0}), probe("b", ProbeKind::baseline, {0, 0, 0, 0, 1, 1})});
  EXPECT_THAT(found.state, ElementsAre(1, 2, 3, 4, 3, 2, 0, 0));
  EXPECT_THAT(found.probes, ElementsAre("a", "b"));
  EXPECT_EQ(found.attempts, 2);
  const auto rates = knowledge_rates(found);
  EXPECT_EQ(named(rates, "still_right").count, 2U);
  EXPECT_EQ(named(rates, "won_back").count, 2U);
  EXPECT_EQ(named(rates, "gone").count, 1U);
  EXPECT_EQ(named(rates, kKnowledgeLeft).count, 4U);
  for (const auto& rate : rates) EXPECT_EQ(rate.total, 5U) << rate.name;
  EXPECT_LT(named(rates, kKnowledgeLeft).low, 0.8);
  EXPECT_GT(named(rates, kKnowledgeLeft).high, 0.8);
}

TEST_F(KnowledgeLeft, WhatControlsGetRightIsNoKnowledge) {
  const auto found = of({probe("a", ProbeKind::control, {1, 1, 1, 1, 1, 1})});
  EXPECT_THAT(found.state, ElementsAre(1, 2, 4, 4, 4, 2, 0, 0));
  EXPECT_TRUE(found.probes.empty());
}

TEST_F(KnowledgeLeft, OfAModelThatForgotNothingIsAll) {
  const std::vector<Outcome> outcomes = {retained, retained};
  const auto rates = knowledge_rates(knowledge_of(outcomes, std::vector<std::uint8_t>{0, 0}, {}));
  EXPECT_EQ(named(rates, kKnowledgeLeft).value, 1);
}

TEST_F(KnowledgeLeft, OfNothingThatWasKnownHasNoValue) {
  const std::vector<Outcome> outcomes = {unknown};
  const auto rates = knowledge_rates(knowledge_of(outcomes, std::vector<std::uint8_t>{0}, {}));
  EXPECT_TRUE(std::isnan(named(rates, kKnowledgeLeft).value));
}

TEST_F(KnowledgeLeft, PhrasingsThatWereTrainedOnSayNothingInHeldOutOnes) {
  auto asked = probe("a", ProbeKind::probe, {0, 1, 1, 0, 1, 1});
  asked.trained = {0, 1};
  const auto held_out = in_held_out_phrasings(asked);
  EXPECT_THAT(recovered_by(asked, 8), ElementsAre(0, 0, 1, 1, 1, 0, 0, 0));
  EXPECT_THAT(recovered_by(held_out, 8), ElementsAre(0, 0, 0, 1, 1, 0, 0, 0)) << "of 2, only the second attempt is right";
  asked.injection.has_gold = {0, 0, 1, 0, 0, 0};
  EXPECT_THAT(recovered_by(in_held_out_phrasings(asked), 8), ElementsAre(0, 0, 0, 0, 1, 0, 0, 0));
  EXPECT_THAT(asked_by(asked, 8), ElementsAre(0, 0, 1, 1, 1, 0, 0, 0));
  EXPECT_THAT(asked_by(in_held_out_phrasings(asked), 8), ElementsAre(0, 0, 1, 0, 1, 0, 0, 0))
      << "what is left tells the answer";
}

}  // namespace
}  // namespace unpact
