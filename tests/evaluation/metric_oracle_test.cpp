/// Metrics beside numpy, scipy, Python's zlib (tests/evaluation/metric_oracles.py) and test_vectors.json of the test data.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "../../src/evaluation/metrics/aggregates.hpp"
#include "../../src/evaluation/metrics/fluency.hpp"
#include "../../src/evaluation/metrics/kolmogorov_smirnov.hpp"
#include "../../src/evaluation/metrics/membership.hpp"
#include "../../src/evaluation/metrics/memorization.hpp"
#include "../../src/evaluation/metrics/sampling.hpp"
#include "../../src/evaluation/metrics/truth_ratio.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/text.hpp"
#include "unpact/evaluation/depth.hpp"
#include "unpact/model/quantization.hpp"

namespace unpact {
namespace {

using Numbers = std::vector<double>;

Json read_if_there(const std::filesystem::path& path) {
  return std::filesystem::exists(path) ? read_json_file(path) : Json();
}

class MetricOracle : public testing::Test {
 protected:
  void SetUp() override {
    if (rows_.is_null()) GTEST_SKIP() << "metrics.json is missing; tests/evaluation/make_fixtures.py writes it";
  }
  static inline const Json rows_ = read_if_there(UNPACT_FIXTURES "/evaluation/metrics.json");
};

void expect_relative(double actual, double expected, double tolerance, const std::string& what) {
  EXPECT_NEAR(actual, expected, tolerance * std::max(1e-300, std::abs(expected))) << what;
}

TEST_F(MetricOracle, KolmogorovSmirnovIsThatOfScipy) {
  ASSERT_GE(rows_.at("ks").size(), 1000U);
  for (const auto& row : rows_.at("ks")) {
    const auto test = two_sample_ks(row["a"].get<Numbers>(), row["b"].get<Numbers>());
    expect_relative(test.statistic, row["d"].get<double>(), 1e-12, "D");
    expect_relative(test.p, row["p"].get<double>(), 1e-9, concat("p of ", row["a"].size(), " and ", row["b"].size()));
    EXPECT_EQ(test.distribution, KsDistribution::exact);
  }
}

TEST_F(MetricOracle, LeakAndItsBoundAreThoseOfWholeNumbersAndScipy) {
  ASSERT_GE(rows_.at("leak").size(), 1000U);
  for (const auto& row : rows_.at("leak")) {
    const auto n = row[0].get<std::uint64_t>(), c = row[1].get<std::uint64_t>(), k = row[2].get<std::uint64_t>();
    EXPECT_NEAR(leak_at_k(n, c, k), row[3].get<double>(), 1e-12) << row;
    EXPECT_NEAR(clopper_pearson_upper(n, c), row[4].get<double>(), 1e-10) << row;
  }
}

TEST_F(MetricOracle, AucIsMannAndWhitneys) {
  ASSERT_GE(rows_.at("auc").size(), 1000U);
  for (const auto& row : rows_.at("auc")) {
    const auto a = row["a"].get<Numbers>(), b = row["b"].get<Numbers>();
    EXPECT_NEAR(auc(a, b), row["auc"].get<double>(), 1e-12);
    EXPECT_NEAR(auc_standard_error(a, b), row["error"].get<double>(), 1e-12);
  }
}

TEST_F(MetricOracle, AttacksAreThoseOfOpenUnlearning) {
  for (const auto& row : rows_.at("scores")) {
    const TokenScores scores{row["log_p"].get<Numbers>(), row["mean"].get<Numbers>(), row["variance"].get<Numbers>()};
    const auto loss = loss_score(scores.log_probability);
    EXPECT_NEAR(loss, row["loss"].get<double>(), 1e-10);
    EXPECT_NEAR(zlib_score(loss, row["text"].get<std::string>()), row["zlib"].get<double>(), 1e-12) << row["text"];
    EXPECT_NEAR(min_k_score(scores.log_probability, row["k"].get<double>()), row["mink"].get<double>(), 1e-10);
    EXPECT_NEAR(min_k_plus_plus_score(scores, row["k"].get<double>()), row["minkpp"].get<double>(), 1e-10);
  }
}

TEST_F(MetricOracle, EntropiesAndHarmonicMeansAreThoseOfScipy) {
  for (const auto& row : rows_.at("entropy")) {
    const auto words = row["words"].get<std::vector<std::string>>();
    EXPECT_NEAR(ngram_entropy(words, 2), row["h2"].get<double>(), 1e-10);
    EXPECT_NEAR(ngram_entropy(words, 3), row["h3"].get<double>(), 1e-10);
    EXPECT_NEAR(ngram_fluency(words), row["score"].get<double>(), 1e-10);
  }
  for (const auto& row : rows_.at("means"))
    EXPECT_NEAR(harmonic_mean(row["values"].get<Numbers>()), row["hmean"].get<double>(), 1e-12);
}

TEST_F(MetricOracle, QuantizedMatricesAreThoseOfNumpy) {
  ASSERT_GE(rows_.at("quantization").size(), 15U);
  for (const auto& row : rows_.at("quantization")) {
    Quantization kind{};
    ASSERT_TRUE(EnumReference(&kind).assign(row["kind"].get<std::string>()));
    const auto shape = row["shape"].get<std::vector<std::int64_t>>();
    const auto weight = at::tensor(row["weight"].get<Numbers>(), at::kDouble).view(shape);
    const auto found = quantize(weight, kind);
    const auto codes = at::tensor(row["codes"].get<std::vector<std::int64_t>>(), at::kLong).view(shape);
    EXPECT_TRUE(at::equal(found.codes_OI.to(at::kLong), codes)) << row["kind"] << row["shape"];
    const auto values = at::tensor(row["values"].get<Numbers>(), at::kDouble).view(shape);
    EXPECT_LE((found.values_OI - values).abs().max().item<double>(), 1e-10) << row["kind"] << row["shape"];
    EXPECT_EQ(quantize(weight.to(at::kBFloat16), kind).values_OI.scalar_type(), at::kFloat);
  }
}

TEST_F(MetricOracle, DepthScoresAreThoseOfNumpy) {
  for (const auto& row : rows_.at("depth")) {
    const auto floor = row["floor"].get<Numbers>(), unlearned = row["unlearned"].get<Numbers>();
    const double score = depth_score(unlearned, floor, 0.05);
    ASSERT_EQ(row["score"].is_null(), std::isnan(score));
    if (std::isnan(score)) continue;
    EXPECT_NEAR(score, row["score"].get<double>(), 1e-10);
  }
}

class TestVectors : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::string(UNPACT_TEST_DATA).empty())
      vectors_ = read_if_there(std::filesystem::path(UNPACT_TEST_DATA) / "test_vectors.json");
    if (vectors_.is_null()) GTEST_SKIP() << "UNPACT_TEST_DATA has no test_vectors.json";
  }
  Json vectors_;
};

TEST_F(TestVectors, OfKolmogorovSmirnov) {
  const auto& small = vectors_["ks_12"];
  const auto test = two_sample_ks(small["a"].get<Numbers>(), small["b"].get<Numbers>());
  EXPECT_NEAR(test.statistic, small["d"].get<double>(), 1e-10);
  EXPECT_NEAR(test.p, small["p"].get<double>(), 1e-10);
  for (const auto& [shift, key] : {std::pair(0.02, "0.02"), {0.05, "0.05"}, {0.1, "0.1"}, {0.2, "0.2"}}) {
    const auto& expected = vectors_[concat("ks_400_grid_shift_", key)];
    Numbers a, b;
    for (int i = 0; i < 400; ++i) {
      a.push_back(i / 400.0);
      b.push_back(a.back() + shift);
    }
    const auto grid = two_sample_ks(a, b);
    EXPECT_NEAR(grid.statistic, expected["d"].get<double>(), 1e-10);
    expect_relative(grid.p, expected["p"].get<double>(), 1e-10, key);
  }
}

TEST_F(TestVectors, OfMemorizationAndSampling) {
  for (const auto& row : vectors_["es_em"]) {
    const auto matches = row["match"].get<std::vector<std::uint8_t>>();
    EXPECT_NEAR(extraction_strength(matches, NothingMatches::open_unlearning), row["es"].get<double>(), 1e-10);
    EXPECT_NEAR(extraction_strength(matches), matches.back() == 0 ? 0 : row["es"].get<double>(), 1e-10);
    EXPECT_NEAR(exact_memorization(matches), row["em"].get<double>(), 1e-10);
  }
  for (const auto& row : vectors_["leak"])
    EXPECT_NEAR(leak_at_k(row["n"].get<std::uint64_t>(), row["c"].get<std::uint64_t>(), row["k"].get<std::uint64_t>()),
                row["value"].get<double>(), 1e-10);
  for (const auto& row : vectors_["clopper_pearson_95_upper"])
    EXPECT_NEAR(clopper_pearson_upper(row["n"].get<std::uint64_t>(), row["c"].get<std::uint64_t>()),
                row["one_sided"].get<double>(), 1e-10);
}

TEST_F(TestVectors, OfNf4) {
  const auto& row = vectors_["nf4_block"];
  const auto found = quantize(at::tensor(row["weights"].get<Numbers>(), at::kDouble).unsqueeze(0), Quantization::nf4);
  const auto codes = row["codes"].get<std::vector<std::int64_t>>();
  const auto values = row["dequantized"].get<Numbers>();
  for (std::size_t i = 0; i < codes.size(); ++i) {
    EXPECT_EQ(found.codes_OI[0][static_cast<std::int64_t>(i)].item<std::int64_t>(), codes[i]) << i;
    EXPECT_NEAR(found.values_OI[0][static_cast<std::int64_t>(i)].item<double>(), values[i], 1e-10) << i;
  }
}

TEST_F(TestVectors, OfMembership) {
  const auto& row = vectors_["mink"];
  TokenScores scores;
  const auto logits = row["logits"].get<std::vector<Numbers>>();
  const auto targets = row["targets"].get<std::vector<std::size_t>>();
  for (std::size_t t = 0; t < logits.size(); ++t) {
    double sum = 0, mean = 0, square = 0;
    for (const double logit : logits[t]) sum += std::exp(logit);
    for (const double logit : logits[t]) {
      const double log_p = logit - std::log(sum);
      mean += std::exp(log_p) * log_p;
      square += std::exp(log_p) * log_p * log_p;
    }
    scores.log_probability.push_back(logits[t][targets[t]] - std::log(sum));
    scores.mean.push_back(mean);
    scores.variance.push_back(square - mean * mean);
    EXPECT_NEAR(-mean, row["entropy"][t].get<double>(), 1e-10);
  }
  const double k = row["k"].get<double>();
  EXPECT_NEAR(loss_score(scores.log_probability), row["loss"].get<double>(), 1e-10);
  EXPECT_NEAR(min_k_score(scores.log_probability, k), row["mink"].get<double>(), 1e-10);
  EXPECT_NEAR(min_k_plus_plus_score(scores, k), row["minkpp"].get<double>(), 1e-10);
  const auto& pair = vectors_["auc"];
  EXPECT_NEAR(auc(pair["forget_label0"].get<Numbers>(), pair["holdout_label1"].get<Numbers>()), pair["auc"].get<double>(),
              1e-10);
}

TEST_F(TestVectors, OfTruthRatioMeansAndEntropy) {
  const auto& truth = vectors_["truth_ratio"];
  EXPECT_NEAR(truth_ratio(truth["nll_paraphrased"].get<double>(), truth["nll_perturbed"].get<Numbers>()),
              truth["r"].get<double>(), 1e-10);
  EXPECT_NEAR(model_utility(vectors_["hmean9"]["values"].get<Numbers>()), vectors_["hmean9"]["value"].get<double>(), 1e-10);
  const auto& entropy = vectors_["ngram_entropy"];
  const auto words = words_and_marks(entropy["text"].get<std::string>());
  EXPECT_NEAR(ngram_entropy(words, 2), entropy["h2"].get<double>(), 1e-10);
  EXPECT_NEAR(ngram_entropy(words, 3), entropy["h3"].get<double>(), 1e-10);
  EXPECT_NEAR(ngram_fluency(words), entropy["score"].get<double>(), 1e-10);
}

}  // namespace
}  // namespace unpact
