// Every method against its definition, computed another way: transformers and autograd (tests/parity), or by hand.
#include "unpact/attribution/method.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/temporary_folder.hpp"
#include "support/attribution_settings.hpp"
#include "support/parity.hpp"
#include "support/tiny_architectures.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::expect_close;
using testing_support::Expected;
using testing_support::message_of;
using testing_support::parity;
using testing_support::random_ids;
using testing_support::tiny_transformer;

// Nats. Both sides add float32 numbers in another order.
constexpr double kRounding = 2e-5;

std::unique_ptr<AttributionMethod> make(const std::string& name, AttributionSettings settings = {},
                                        std::size_t budget = 4096, std::uint64_t seed = 1) {
  settings.token_budget = static_cast<std::int64_t>(budget);
  return make_attribution_method(name, settings, seed, testing_support::ByteTokenizer());
}

AttributionSettings with_baseline(const std::string& text) {
  AttributionSettings settings;
  settings.baseline = text;
  return settings;
}

at::Tensor floats(const std::vector<float>& values) { return at::tensor(values); }

double sum_of(const std::vector<float>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

class MethodParity : public testing::Test {
 protected:
  /// Calls check(model, task, expected values' prefix, listing) for every case of the fixture.
  template <typename Check>
  void for_each_case(const Check& check) {
    const Expected fixture("attribution.safetensors");
    const auto listing = read_json_file(parity("attribution.json"));
    for (const auto& entry : listing["cases"]) {
      const auto name = entry.get<std::string>();
      const auto model = testing_support::load_transformer(parity(name.substr(0, name.find('.'))));
      const auto range = fixture.integers(name + ".candidates");
      const AttributionTask task{fixture.integers(name + ".ids"), static_cast<std::size_t>(range[0]),
                                 static_cast<std::size_t>(range[1]), fixture.integers(name + ".answer")};
      check(model, task, fixture, name, std::to_string(listing["baseline"].get<int>()));
    }
  }
};

TEST_F(MethodParity, IsWhatTransformersGives) {
  UNPACT_NEED_PARITY("attribution.safetensors");
  for_each_case([](const Transformer& model, const AttributionTask& task, const Expected& fixture, const std::string& name,
                   const std::string& baseline) {
    for (const std::string method : {"in_place_mask", "baseline", "gradient_x_input", "rollout"}) {
      for (const std::size_t budget : {1, 4096}) {
        const auto result =
            make(method, with_baseline(method == "baseline" ? baseline : "auto"), budget)->run(model, task, 0);
        expect_close(floats(result.values), fixture[concat(name, ".", method)], kRounding,
                     concat(name, ".", method, ".", budget));
        EXPECT_NEAR(result.mean_log_probability, fixture.scalar(name + ".score"), kRounding) << name << method;
      }
    }
  });
}

TEST_F(MethodParity, IntegratedGradientsAreWhatAutogradGives) {
  UNPACT_NEED_PARITY("attribution.safetensors");
  for_each_case([](const Transformer& model, const AttributionTask& task, const Expected& fixture, const std::string& name,
                   const std::string& baseline) {
    for (const std::string start : {"zero", "id"}) {
      const auto what = concat(name, ".integrated_", start);
      for (const std::size_t budget : {1, 4096}) {
        const auto result =
            make("integrated_gradients", with_baseline(start == "zero" ? "zero" : baseline), budget)->run(model, task, 0);
        const auto expected = fixture[what];
        // The same 50 points; close to the zero vector norms divide by little, and gradients of 1e3 lose digits.
        expect_close(floats(result.values), expected, start == "zero" ? 2e-3 : 1e-4, what);
        EXPECT_NEAR(result.completeness_error, sum_of(result.values) - fixture.scalar(what + "_gain"), 1e-4) << what;
        if (start == "zero") continue;
        expect_close(floats(result.values), fixture[what + "_fine"], 2e-3, what + "_fine");  // another rule with 1000 points
        EXPECT_NEAR(result.completeness_error, 0, 5e-3) << what;
      }
    }
  });
}

class MethodOnArchitecture : public testing::TestWithParam<std::string> {};

/// Attention weights of hand-made masks, in a whole pass: row q sees column k <= q, but column `blocked` only on the
/// diagonal.
class BlockedByHand : public CausalContext {
 public:
  explicit BlockedByHand(std::int64_t blocked) : blocked_(blocked) {}
  KeysValues extend(std::int64_t layer, at::Tensor keys, at::Tensor values) override {
    length_ = keys.size(2);
    return CausalContext::extend(layer, std::move(keys), std::move(values));
  }
  at::Tensor mask(std::int64_t window) const override {
    auto mask = at::zeros({length_, length_}, at::kBool);
    for (std::int64_t q = 0; q < length_; ++q)
      for (std::int64_t k = 0; k <= q; ++k)
        if ((window == 0 || k > q - window) && (k != blocked_ || q == k)) mask[q][k] = true;
    return mask;
  }

 private:
  std::int64_t blocked_, length_ = 0;
};

double score_with(const Transformer& model, const AttributionTask& task, AttentionContext& context) {
  auto ids = task.prompt;
  ids.insert(ids.end(), task.answer.begin(), task.answer.end() - 1);
  const auto tokens = testing_support::row_of(ids);
  const auto logits = model.logits(model.hidden(tokens, at::arange(tokens.size(1), at::kLong), context))
                          .squeeze(0)
                          .to(at::kDouble)
                          .log_softmax(1);
  double sum = 0;
  for (std::size_t k = 0; k < task.answer.size(); ++k)
    sum += logits[static_cast<std::int64_t>(task.prompt.size() - 1 + k)][task.answer[k]].item<double>();
  return sum / static_cast<double>(task.answer.size());
}

std::vector<AttributionTask> tasks() {
  const auto prompt = random_ids(30, 4);
  return {
      {prompt, 0, 30, random_ids(5, 9)}, {prompt, 12, 25, random_ids(1, 8)}, {random_ids(3, 4), 1, 3, random_ids(20, 8)}};
}

TEST_P(MethodOnArchitecture, InPlaceMaskIsOneFullPassForEachCandidate) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  for (const auto& task : tasks()) {
    CausalContext open;
    const double base = score_with(model, task, open);
    for (const std::size_t budget : {1, 64, 4096}) {
      const auto result = make("in_place_mask", {}, budget)->run(model, task, 0);
      ASSERT_EQ(result.values.size(), task.candidates());
      for (std::size_t i = 0; i < task.candidates(); ++i) {
        BlockedByHand blocked(static_cast<std::int64_t>(task.candidate_begin + i));
        EXPECT_NEAR(result.values[i], base - score_with(model, task, blocked), kRounding) << i << " budget " << budget;
      }
    }
  }
}

TEST_P(MethodOnArchitecture, BaselineIsOneFullPassForEachCandidate) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  for (const auto& task : tasks()) {
    const double base = mean_log_probability(score_answers(model, {{task.prompt, task.answer}}).front());
    for (const std::size_t budget : {1, 64, 4096}) {
      const auto result = make("baseline", with_baseline("3"), budget)->run(model, task, 0);
      for (std::size_t i = 0; i < task.candidates(); ++i) {
        auto other = task.prompt;
        other[task.candidate_begin + i] = 3;
        EXPECT_NEAR(result.values[i], base - mean_log_probability(score_answers(model, {{other, task.answer}}).front()),
                    kRounding);
      }
    }
  }
}

TEST_P(MethodOnArchitecture, GradientIsTheDifferenceQuotient) {
  auto model = testing_support::tiny_transformer_of(GetParam());
  const AttributionTask task{random_ids(12, 4), 3, 7, random_ids(3, 9)};
  const auto result = make("gradient_x_input")->run(model, task, 0);
  auto ids = task.prompt;
  ids.insert(ids.end(), task.answer.begin(), task.answer.end() - 1);
  const auto x = model.embed(testing_support::row_of(ids));
  for (std::size_t i = 0; i < task.candidates(); ++i) {
    const auto scaled = [&](double factor) {  // LP with this candidate's embedding scaled
      auto moved = x.clone();
      moved[0][static_cast<std::int64_t>(task.candidate_begin + i)] *= factor;
      CausalContext context;
      const auto hidden = model.hidden_of(moved, at::arange(x.size(1), at::kLong), context);
      const auto rows = model.logits(hidden).squeeze(0).to(at::kDouble).log_softmax(1);
      double sum = 0;
      for (std::size_t k = 0; k < task.answer.size(); ++k)
        sum += rows[static_cast<std::int64_t>(task.prompt.size() - 1 + k)][task.answer[k]].item<double>();
      return sum / static_cast<double>(task.answer.size());
    };
    // d/ds LP(s x) at s = 1 by five points; what is left is float32 noise of about 1e-6 divided by the step.
    const double h = 0.02;
    const double slope = (scaled(1 - 2 * h) - 8 * scaled(1 - h) + 8 * scaled(1 + h) - scaled(1 + 2 * h)) / (12 * h);
    EXPECT_NEAR(result.values[i], slope, 5e-4) << i;
  }
}

TEST_P(MethodOnArchitecture, IntegratedGradientsAreComplete) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  const AttributionTask task{random_ids(12, 4), 3, 9, random_ids(3, 9)};
  const auto scored = [&](const std::vector<TokenId>& prompt) {
    return mean_log_probability(score_answers(model, {{prompt, task.answer}}).front());
  };
  auto start = task.prompt;
  std::fill(start.begin() + 3, start.begin() + 9, 5);
  const double gain = scored(task.prompt) - scored(start);
  auto settings = with_baseline("5");
  for (const std::int64_t steps : {50, 300}) {
    settings.steps = steps;
    const auto result = make("integrated_gradients", settings)->run(model, task, 0);
    EXPECT_NEAR(sum_of(result.values), gain, steps == 50 ? 5e-3 : 3e-4) << steps;  // of the integral, not of rounding
    EXPECT_NEAR(result.completeness_error, sum_of(result.values) - gain, kRounding);
    EXPECT_NEAR(result.mean_log_probability, scored(task.prompt), kRounding);
  }
}

TEST_P(MethodOnArchitecture, EveryBatchSizeGivesTheSame) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  const AttributionTask task{random_ids(14, 6), 2, 10, random_ids(3, 9)};
  for (const auto& name : attribution_methods()) {
    const auto settings = testing_support::small_settings(name);
    const auto one = make(name, settings, 1)->run(model, task, 3), many = make(name, settings, 4096)->run(model, task, 3);
    expect_close(floats(one.values), floats(many.values), name == "lime" ? 5e-5 : kRounding, name);
    EXPECT_EQ(one.values.size(), task.candidates());
    EXPECT_GT(one.work.positions, 0U) << name;
    EXPECT_GT(one.work.positions_naive, 0U) << name;
    EXPECT_EQ(one.log_probabilities.empty(), name != "leave_one_out");
    EXPECT_EQ(one.standard_errors.empty(), name != "shapley" && name != "hierarchical");
    EXPECT_EQ(std::isnan(one.completeness_error), name != "integrated_gradients");
    EXPECT_EQ(std::isnan(one.surrogate_r2), name != "lime");
  }
}

TEST_P(MethodOnArchitecture, WantingWeightsDoesNotChangeTheModel) {
  class Watching : public CausalContext {
   public:
    bool wants_weights() const override { return true; }
    void receive_weights(std::int64_t layer, const at::Tensor& weights) override {
      EXPECT_EQ(layer, static_cast<std::int64_t>(seen.size()));
      seen.push_back(weights);
    }
    std::vector<at::Tensor> seen;
  };
  const auto model = testing_support::tiny_transformer_of(GetParam());
  const auto tokens = testing_support::row_of(random_ids(20, 3));
  Watching context;
  const auto watched = model.hidden(tokens, at::arange(20, at::kLong), context);
  EXPECT_LE(testing_support::largest_difference(watched, model.hidden(tokens)), 1e-4);
  ASSERT_EQ(static_cast<std::int64_t>(context.seen.size()), model.config().layers);
  for (std::int64_t layer = 0; layer < model.config().layers; ++layer) {
    const auto& weights = context.seen[static_cast<std::size_t>(layer)];
    EXPECT_LE(testing_support::largest_difference(weights.sum(3), at::ones({1, model.config().heads, 20})), 1e-5);
    auto hidden = at::ones({20, 20}, at::kBool).tril().logical_not();
    if (const auto window = model.config().window_of(layer))
      hidden = hidden.logical_or(at::ones({20, 20}, at::kBool).tril(-window));
    EXPECT_EQ(weights.masked_select(hidden).abs().sum().item<double>(), 0.0) << "layer " << layer;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, MethodOnArchitecture, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

TEST(Rollout, SharesOfAllTokensSumToOne) {
  const auto model = tiny_transformer(1);
  const AttributionTask task{random_ids(10, 1), 0, 10, {3}};
  const auto result = make("rollout")->run(model, task, 0);
  EXPECT_NEAR(sum_of(result.values), 1.0, 1e-5);
  for (const float share : result.values) EXPECT_GT(share, 0.0F);
  EXPECT_FALSE(is_in_nats("rollout"));
  EXPECT_TRUE(is_in_nats("lime"));
}

TEST(Methods, TrainableWeightsKeepTheirGradients) {
  auto model = tiny_transformer(1);
  for (auto& [name, tensor] : named_tensors(model.weights())) tensor.requires_grad_(true);
  const AttributionTask task{random_ids(10, 1), 1, 6, {3, 4}};
  for (const std::string name : {"gradient_x_input", "integrated_gradients"})
    make(name, name == "integrated_gradients" ? with_baseline("zero") : AttributionSettings())->run(model, task, 0);
  for (const auto& [name, tensor] : named_tensors(model.weights())) EXPECT_FALSE(tensor.grad().defined()) << name;
}

class EveryMethod : public testing::TestWithParam<std::string> {
 protected:
  std::string refusal(const AttributionTask& task) const {
    return message_of<UserError>(
        [&] { make(GetParam(), testing_support::small_settings(GetParam()))->run(tiny_transformer(1), task, 0); });
  }
};

TEST_P(EveryMethod, RefusesTasksWithoutMeaning) {
  EXPECT_THAT(refusal({{1, 2, 3}, 1, 3, {}}), HasSubstr("answer is empty"));
  EXPECT_THAT(refusal({{1, 2, 3}, 2, 2, {4}}), HasSubstr("no candidate tokens"));
  EXPECT_THAT(refusal({{1, 61, 3}, 1, 3, {4}}), HasSubstr("token id 61"));
  EXPECT_THAT(refusal({random_ids(92, 1), 1, 3, random_ids(5, 1)}), AllOf(HasSubstr("97 tokens"), HasSubstr("96")));
}

TEST_P(EveryMethod, SaysThatAModelHasDiverged) {
  auto model = tiny_transformer(1);
  model.weights().embedding_VD[7].fill_(std::nanf(""));
  EXPECT_THAT(message_of<RuntimeFailure>([&] {
                make(GetParam(), testing_support::small_settings(GetParam()))->run(model, {{1, 9, 3, 7}, 1, 3, {4}}, 0);
              }),
              HasSubstr("not finite"));
}

INSTANTIATE_TEST_SUITE_P(Names, EveryMethod, testing::ValuesIn(attribution_methods()),
                         [](const auto& test) { return test.param; });

TEST(MethodSettings, AreChecked) {
  const auto refusal = [](const std::string& method, const auto& change) {
    AttributionSettings settings;
    change(settings);
    return message_of<UserError>([&] { check_attribution_settings(method, settings); });
  };
  const auto nothing = [](AttributionSettings&) {};
  for (const auto& name : attribution_methods()) EXPECT_NO_THROW(check_attribution_settings(name, {}));
  EXPECT_THAT(refusal("gradients", nothing), AllOf(HasSubstr("attribution.method"), HasSubstr("integrated_gradients")));
  EXPECT_THAT(refusal("baseline", [](auto& s) { s.baseline = "zero"; }), HasSubstr("attribution.baseline"));
  EXPECT_NO_THROW(check_attribution_settings("integrated_gradients", with_baseline("zero")));
  for (const char* text : {"-1", "", "one", "1x"})
    EXPECT_THAT(refusal("baseline", [&](auto& s) { s.baseline = text; }), HasSubstr("attribution.baseline"));
  EXPECT_THAT(refusal("shapley", [](auto& s) { s.permutations = 3; }), HasSubstr("even"));
  EXPECT_THAT(refusal("shapley", [](auto& s) { s.permutations = 0; }), HasSubstr("attribution.permutations"));
  EXPECT_THAT(refusal("lime", [](auto& s) { s.samples = 1; }), HasSubstr("attribution.samples"));
  EXPECT_THAT(refusal("lime", [](auto& s) { s.keep_probability = 1; }), HasSubstr("attribution.keep_probability"));
  EXPECT_THAT(refusal("lime", [](auto& s) { s.penalty = std::nan(""); }), HasSubstr("attribution.penalty"));
  EXPECT_THAT(refusal("integrated_gradients", [](auto& s) { s.steps = 0; }), HasSubstr("attribution.steps"));
  EXPECT_THAT(refusal("leave_one_out", [](auto& s) { s.verify = -1; }), HasSubstr("attribution.verify"));
  EXPECT_THAT(refusal("rollout", [](auto& s) { s.token_budget = -1; }), HasSubstr("attribution.token_budget"));
}

TEST(MethodSettings, ThatAMethodDoesNotHeedAreRefused) {
  using Change = void (*)(AttributionSettings&);
  const std::vector<std::pair<std::string, Change>> changes = {
      {"engine", [](auto& s) { s.engine = EngineKind::reference; }},
      {"unit", [](auto& s) { s.unit = RemovalUnit::word; }},
      {"verify", [](auto& s) { s.verify = 3; }},
      {"baseline", [](auto& s) { s.baseline = "7"; }},
      {"steps", [](auto& s) { s.steps = 12; }},
      {"permutations", [](auto& s) { s.permutations = 8; }},
      {"samples", [](auto& s) { s.samples = 16; }},
      {"keep_probability", [](auto& s) { s.keep_probability = 0.4; }},
      {"surrogate", [](auto& s) { s.surrogate = Surrogate::ridge; }},
      {"penalty", [](auto& s) { s.penalty = 0.02; }},
      {"keep_sentences", [](auto& s) { s.keep_sentences = 3; }},
      {"keep_words", [](auto& s) { s.keep_words = 9; }}};
  for (const auto& method : attribution_methods()) {
    const auto& heeded = facts_of(method).settings;
    for (const auto& [name, change] : changes) {
      AttributionSettings settings;
      change(settings);
      if (std::find(heeded.begin(), heeded.end(), name) != heeded.end()) {
        EXPECT_NO_THROW(check_attribution_settings(method, settings)) << method << " " << name;
      } else {
        EXPECT_THAT(message_of<UserError>([&] { check_attribution_settings(method, settings); }),
                    AllOf(HasSubstr(concat("attribution.", name)), HasSubstr(concat(method, " does not heed it")),
                          HasSubstr("leave it at")));
      }
    }
    for (const auto& name : heeded)
      EXPECT_TRUE(std::any_of(changes.begin(), changes.end(), [&](const auto& c) { return c.first == name; }))
          << name << " is no setting";
  }
}

TEST(MethodSettings, AreToldAsFarAsTheyAreHeeded) {
  const testing_support::ByteTokenizer tokenizer;
  using Told = std::map<std::string, std::string>;
  EXPECT_EQ(used_settings("leave_one_out", {}, tokenizer), (Told{{"engine", "shared_prefix"}}));
  AttributionSettings words;
  words.unit = RemovalUnit::word;
  words.verify = 2;
  EXPECT_EQ(used_settings("leave_one_out", words, tokenizer), (Told{{"engine", "shared_prefix"}, {"unit", "word"}}));
  EXPECT_EQ(used_settings("integrated_gradients", with_baseline("zero"), tokenizer),
            (Told{{"baseline", "zero"}, {"steps", "50"}}));
  EXPECT_EQ(used_settings("baseline", {}, tokenizer), (Told{{"baseline", std::to_string(default_baseline_id(tokenizer))}}));
  EXPECT_EQ(used_settings("lime", {}, tokenizer),
            (Told{{"samples", "64"}, {"keep_probability", "0.5"}, {"surrogate", "lasso"}, {"penalty", "0.01"}}));
  EXPECT_EQ(used_settings("rollout", {}, tokenizer), Told());
  EXPECT_EQ(unit_of("rollout"), "1");
  EXPECT_EQ(unit_of("shapley"), "nat/token");
}

TEST(Baseline, OutsideTheVocabularyIsRefused) {
  for (const std::string name : {"baseline", "integrated_gradients"})
    EXPECT_THAT(message_of<UserError>([&] {
                  make(name, with_baseline("61"))->run(tiny_transformer(1), {{1, 2, 3}, 1, 3, {4}}, 0);
                }),
                AllOf(HasSubstr("attribution.baseline"), HasSubstr("61")));
}

}  // namespace
}  // namespace unpact
