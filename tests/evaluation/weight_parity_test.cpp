/// Soft prompts, the logit lens and depth beside PyTorch (tests/parity/oracle_weight_probes.py).
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <cmath>

#include "../../src/evaluation/soft_prompt.hpp"
#include "evaluation/run_probes.hpp"
#include "support/parity.hpp"
#include "unpact/evaluation/depth.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing_support::ByteTokenizer;
using testing_support::expect_close;
using testing_support::Expected;
using testing_support::load_transformer;
using testing_support::parity;
using testing_support::probe_named;

/// Questions of the fixture on its small Llama.
class WeightParity : public testing::Test {
 protected:
  void SetUp() override { UNPACT_NEED_PARITY("weight_probes.safetensors"); }
  static Json listing() { return read_json_file(parity("weight_probes.json")); }
  static std::vector<AskedQuestion> questions() {
    std::vector<AskedQuestion> all;
    const auto settings = listing();
    for (const auto& row : settings["questions"]) {
      auto& asked = all.emplace_back();
      asked.prompt.ids = row["prompt"].get<std::vector<TokenId>>();
      asked.prompt.candidate_begin = row["candidates"][0].get<std::size_t>();
      asked.prompt.candidate_end = row["candidates"][1].get<std::size_t>();
      asked.gold_answer = row["answer"].get<std::vector<TokenId>>();
    }
    return all;
  }
  static LanguageModel model(const std::string& name) {
    return {load_transformer(parity(name)), std::make_shared<ByteTokenizer>(), {}, {}};
  }
  Communicator alone_, world_ = Communicator::world();
};

TEST_F(WeightParity, SoftPromptIsThatOfALoopInPyTorch) {
  const Expected fixture("weight_probes.safetensors");
  const auto settings = listing();
  const auto all = questions();
  std::vector<const AskedQuestion*> taught;
  for (const auto& asked : all) taught.push_back(&asked);
  const auto target = model("losses_theta");
  const SoftPromptOptions options{.tokens = settings["vectors"].get<std::int64_t>(),
                                  .learning_rate = settings["lr"].get<double>(),
                                  .batch_size = static_cast<std::int64_t>(all.size())};
  const auto start = settings["start"].get<std::vector<TokenId>>();
  std::vector<TrainedVectors> trained;
  for (std::int64_t step = 1; step <= settings["steps"].get<std::int64_t>(); ++step)
    trained.push_back(train_soft_prompt(world_, target.transformer, taught, options,
                                        trained.empty() ? untrained_vectors(target.transformer, start) : trained.back(),
                                        step, 0));
  // Adam divides gradients by their own size: near zero it turns rounding into steps. 1e-4 is the issue's.
  for (std::size_t s = 0; s < trained.size(); ++s)
    EXPECT_NEAR(trained[s].loss, settings["soft_losses"][s].get<double>(), 1e-4) << s;
  expect_close(at::tensor(trained.back().values).view({options.tokens, -1}), fixture["soft.vectors"], 1e-4, "vectors");
  const auto soft = with_soft_tokens(target, trained.back().values, options.tokens);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto scores = score_answers(
        soft.transformer, {{with_soft_prompt(target.transformer, all[i].prompt, options.tokens), all[i].gold_answer}});
    EXPECT_NEAR(mean_log_probability(scores.front()), fixture.scalar(concat("soft.score.", i)), 1e-4) << i;
  }
}

TEST_F(WeightParity, TheLensSeesWhatHooksInPyTorchSee) {
  const Expected fixture("weight_probes.safetensors");
  const auto target = model("losses_theta");
  const std::vector<std::size_t> all = {0, 1, 2};
  const std::vector<std::vector<std::string>> no_keys(all.size());
  for (const auto& [name, field] : {std::pair("gold", "answer"), {"known", "known"}}) {
    auto asked = questions();
    for (std::size_t i = 0; i < all.size(); ++i)
      asked[i].gold_answer = listing()["questions"][i][field].get<std::vector<TokenId>>();
    const auto record = run_probe(probe_named("logit_lens"), {}, {}, {world_, target, asked, all, no_keys, 5});
    const auto blocks = record.attempt_labels.size();
    ASSERT_EQ(blocks, 2U) << "of three the hidden ones";
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto said_LT = fixture[concat("lens.", name, ".", i)].to(at::kLong).contiguous();
      for (std::size_t l = 0; l < blocks; ++l) {
        const auto said_T = said_LT[static_cast<std::int64_t>(l)];
        const std::vector<TokenId> said(said_T.data_ptr<std::int64_t>(), said_T.data_ptr<std::int64_t>() + said_T.numel());
        EXPECT_EQ(record.answer[i * blocks + l], target.text_of(said)) << name << " " << i << " " << l;
        EXPECT_EQ(record.found[i * blocks + l] != 0, said == asked[i].gold_answer) << name << " " << i << " " << l;
      }
      if (field == std::string("known")) {
        EXPECT_EQ(record.found[i * blocks + blocks - 1], 1) << i;
      }
    }
  }
}

TEST_F(WeightParity, DepthIsThatOfHooksInPyTorch) {
  const Expected fixture("weight_probes.safetensors");
  const auto target = model("losses_theta"), source = model("losses_ref");
  auto all = questions();
  CellRecord record;
  for (std::size_t i = 0; i < all.size(); ++i) {
    record.target.gold.is_key_token.add(listing()["questions"][i]["keys"].get<std::vector<std::uint8_t>>());
    record.target.is_right.push_back(1);
  }
  all.push_back(all.front());
  all.back().in_forget_set = false;  // is not measured
  record.target.is_right.push_back(1);
  measure_depth(world_, target, source, all, "floor", nullptr, 2, record.depth.floor, record);
  ASSERT_EQ(record.depth.question, (std::vector<std::uint64_t>{0, 1, 2}));
  const auto blocks = static_cast<std::size_t>(record.depth.blocks);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(record.depth.log_probability[i], fixture.scalar(concat("depth.score.", i)), 1e-6);
    const auto drops = fixture[concat("depth.drops.", i)];
    const auto& floor = record.depth.floor;
    for (const auto& [k, part] : {std::pair(0, &floor.answer), {1, &floor.key_tokens}, {2, &floor.others}}) {
      for (std::size_t l = 0; l < blocks; ++l) {
        const double expected = drops[k][static_cast<std::int64_t>(l)].item<double>(), actual = (*part)[i * blocks + l];
        EXPECT_EQ(std::isnan(actual), std::isnan(expected)) << i << k << l;
        if (std::isnan(expected)) continue;
        EXPECT_NEAR(actual, expected, 1e-6) << i << " " << k << " " << l;  // of float64: what float32 leaves open
      }
    }
  }
  EXPECT_EQ(record.work.back().stage, "depth_floor");
  measure_depth(alone_, target, target, all, "unlearned", nullptr, 2, record.depth.unlearned, record);
  for (const double drop : record.depth.unlearned.answer) EXPECT_NEAR(drop, 0, 1e-5) << "the target's own states";
  MetricOptions options;
  options.depth = true;
  options.depth_threshold = 0.05;
  add_depth_scores(options, record);
  ASSERT_FALSE(record.metrics.rows.empty());
  EXPECT_EQ(record.metrics.rows.front().name, "unlearning_depth_answer");
  EXPECT_NEAR(record.metrics.rows.front().unlearned, 0, 1e-4) << "nothing is gone";
}

}  // namespace
}  // namespace unpact
