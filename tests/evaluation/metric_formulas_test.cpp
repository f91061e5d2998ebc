/// What metrics say by hand: of nothing, at their ends, and where published codes differ.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "../../src/evaluation/metrics/aggregates.hpp"
#include "../../src/evaluation/metrics/fluency.hpp"
#include "../../src/evaluation/metrics/kolmogorov_smirnov.hpp"
#include "../../src/evaluation/metrics/membership.hpp"
#include "../../src/evaluation/metrics/memorization.hpp"
#include "../../src/evaluation/metrics/overlap.hpp"
#include "../../src/evaluation/metrics/sampling.hpp"
#include "../../src/evaluation/metrics/truth_ratio.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using Numbers = std::vector<double>;

TEST(Memorization, OfNothingIsNaN) {
  EXPECT_TRUE(std::isnan(extraction_strength({})));
  EXPECT_TRUE(std::isnan(exact_memorization({})));
  EXPECT_TRUE(std::isnan(mean_probability({})));
}

TEST(Memorization, ProbabilityIsAGeometricMeanAndAShare) {
  EXPECT_NEAR(mean_probability(Numbers{std::log(0.5), std::log(0.125)}), 0.25, 1e-15);
  EXPECT_NEAR(probability_among(0.2, Numbers{0.1, 0.1}), 0.5, 1e-9);
}

TEST(TruthRatio, GoesFromKnowingToNotTelling) {
  EXPECT_NEAR(truth_ratio(1, Numbers{1, 1}), 1, 1e-9);
  EXPECT_LT(truth_ratio(0.1, Numbers{5, 6}), 0.01);
  EXPECT_NEAR(truth_ratio_of_paper(1, Numbers{1, 2}), (1 + std::exp(-1)) / 2, 1e-12);
  EXPECT_NEAR(truth_probability(1, Numbers{1}), 0.5, 1e-9);
  EXPECT_NEAR(forget_truth_score(4), 0.25, 1e-9);
  EXPECT_EQ(forget_truth_score(0.5), 0.5);
  EXPECT_EQ(utility_truth_score(3), 0);
  EXPECT_EQ(utility_truth_score(0.25), 0.75);
}

TEST(KolmogorovSmirnov, SaysNothingOfNothingAndOneOfEqualSamples) {
  EXPECT_TRUE(std::isnan(two_sample_ks({}, Numbers{1}).p));
  EXPECT_EQ(two_sample_ks(Numbers{1, 2, 2}, Numbers{2, 1, 2}).p, 1);
  EXPECT_NEAR(two_sample_ks(Numbers{1, 2}, Numbers{3, 4}).p, 1.0 / 3, 1e-15);  // 2 of 6 paths
  EXPECT_THROW(two_sample_ks(Numbers{std::nan("")}, Numbers{1}), ContractViolation);
}

TEST(KolmogorovSmirnov, IsNamedAsymptoticForLargeSamplesAndCloseToExact) {
  Numbers a, b, more;
  for (int i = 0; i < 3000; ++i) {
    a.push_back(i);
    b.push_back(i + 90.5);
  }
  const auto exact = two_sample_ks(a, b);
  for (std::size_t i = 0; i < kMostExactKs + 1; ++i) more.push_back(static_cast<double>(i));
  EXPECT_EQ(exact.distribution, KsDistribution::exact);
  const auto large = two_sample_ks(more, a);
  EXPECT_EQ(large.distribution, KsDistribution::asymptotic);
  EXPECT_TRUE(large.p >= 0 && large.p < 1e-9);
}

TEST(Membership, FullyRememberedAndUntold) {
  EXPECT_EQ(auc(Numbers{1, 2}, Numbers{3, 4}), 1);
  EXPECT_EQ(auc(Numbers{1, 2}, Numbers{1, 2}), 0.5);
  EXPECT_TRUE(std::isnan(auc({}, Numbers{1})));
  EXPECT_TRUE(std::isnan(auc_standard_error(Numbers{1}, Numbers{1, 2})));
  EXPECT_EQ(privleak(0, kMuseNewsRetrainedAuc), -100);
  EXPECT_NEAR(privleak(1, kMuseNewsRetrainedAuc), 109.6, 0.05);
  EXPECT_NEAR(privleak(1, kMuseBooksRetrainedAuc), 85.4, 0.05);
  EXPECT_NEAR(privleak_open_unlearning(0.7, 0.5), privleak(0.7, 0.5), 1e-7);
  EXPECT_GT(privleak_open_unlearning(0.5, 0), 1e11);  // where the published code explodes
  EXPECT_EQ(privacy_closeness(0.5, 0.5), 1);
  EXPECT_EQ(privacy_closeness(1, 0.4), 0);
}

TEST(Membership, TakesAtLeastOneTokenAndRwkusUnclampedVariance) {
  EXPECT_EQ(min_k_score(Numbers{-3, -1}, 0.1), 3);
  EXPECT_EQ(min_k_score(Numbers{-3, -1, -2, -7, 0}, 0.4), 5);
  const TokenScores certain{{-1}, {0}, {1e-8}};
  EXPECT_NEAR(min_k_plus_plus_score(certain, 1), 1e3, 1e-6);
  EXPECT_NEAR(min_k_plus_plus_score(certain, 1, ClampVariance::no), 1e4, 1e-6);
  EXPECT_EQ(gradient_norm_score(Numbers{1, 3}), 2);
  EXPECT_EQ(reference_score(2, 0.5), 1.5);
}

TEST(Sampling, KnowsItsEnds) {
  EXPECT_EQ(leak_at_k(5, 3, 6), 0);  // as published: more than there are
  EXPECT_EQ(leak_at_k(5, 3, 3), 1);
  EXPECT_EQ(leak_at_k(5, 0, 5), 0);
  EXPECT_EQ(clopper_pearson_upper(3, 3), 1);
}

TEST(Fluency, IsLowForRepetition) {
  EXPECT_EQ(words_and_marks("Well, it's\n fine."), (std::vector<std::string>{"Well", ",", "it", "'", "s", "fine", "."}));
  EXPECT_EQ(ngram_fluency({}), 0);
  EXPECT_EQ(ngram_fluency(words_and_marks("no no no no")), 0);
  EXPECT_GT(ngram_fluency(words_and_marks("a cat sat on the mat")), 2);
}

TEST(Overlap, CutsAsMuseDoes) {
  EXPECT_EQ(muse_answer("Corvane Lines\n\nQuestion: Who?"), "Corvane Lines");
  EXPECT_EQ(muse_answer("Corvane\nQuestion: Who?"), "Corvane");
  EXPECT_EQ(muse_answer("Corvane Question: Who?"), "Corvane ");
  EXPECT_EQ(knowledge_memorization("Corvane Lines", "Corvane Lines\n\nand more words"), 1);
  EXPECT_NEAR(verbatim_memorization("a b c d", "a b"), 2 * 0.5 / 1.5, 1e-15);
  EXPECT_EQ(tofu_rouge("running fast", "he runs fast and so on"), 1);
}

TEST(Aggregates, AreHarmonicMeans) {
  EXPECT_EQ(harmonic_mean(Numbers{1, 0.5, 0}), 0);
  EXPECT_TRUE(std::isnan(harmonic_mean({})) && std::isnan(harmonic_mean(Numbers{1, std::nan("")})));
  EXPECT_EQ(memorization_aggregate(0, 0, 0, 0), 1);
  EXPECT_EQ(memorization_aggregate(1, 0, 0, 0), 0);
  EXPECT_NEAR(utility_aggregate(0.5, 1), 2.0 / 3, 1e-15);
  EXPECT_NEAR(privacy_aggregate(std::array{1.0, 1.0, 0.5, 0.5}), 4.0 / 6, 1e-15);
  EXPECT_THROW(model_utility(Numbers{1, 1}), ContractViolation);
}

}  // namespace
}  // namespace unpact
