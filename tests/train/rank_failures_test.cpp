/// One rank that computes what is not finite, throws, or runs other collectives than the rest.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/temporary_folder.hpp"
#include "support/named.hpp"
#include "support/training_examples.hpp"
#include "unpact/core/log.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::first_difference;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::tiny_transformer;

constexpr std::int64_t kBadStep = 3;

TrainOptions five_steps(const std::string& shard) {
  TrainOptions options;
  options.max_steps = 5;
  options.batch_size = 8;
  options.micro_batch = 2;
  options.learning_rate = 1e-3;
  options.shuffle = false;
  options.execution.shard = testing_support::named<Shard>(shard);
  return options;
}

/// On one rank, one element of the first gradient that is sent once it is armed is another number.
class SpoilingGroup : public Collectives {
 public:
  SpoilingGroup(Collectives& real, int bad_rank, float value) : real_(real), bad_rank_(bad_rank), value_(value) {}
  void arm() { armed_ = true; }
  int rank() const override { return real_.rank(); }
  int size() const override { return real_.size(); }
  std::string name() const override { return real_.name(); }
  void all_gather(at::Tensor& out, const at::Tensor& in) override { real_.all_gather(out, in); }
  void reduce_scatter(at::Tensor& out, const at::Tensor& in) override { real_.reduce_scatter(out, in); }
  void all_reduce(at::Tensor& tensor) override { real_.all_reduce(tensor); }
  void broadcast(at::Tensor& tensor, int root) override { real_.broadcast(tensor, root); }
  void barrier() override { real_.barrier(); }
  std::unique_ptr<PendingCollective> start_all_gather(at::Tensor out, at::Tensor in) override {
    return real_.start_all_gather(out, in);
  }
  std::unique_ptr<PendingCollective> start_reduce_scatter(at::Tensor out, at::Tensor in) override {
    if (std::exchange(armed_, false) && rank() == bad_rank_) in[0] = value_;
    return real_.start_reduce_scatter(out, in);
  }

 private:
  Collectives& real_;
  int bad_rank_;
  float value_;
  bool armed_ = false;
};

enum class Where { loss, loss_and_gradients };

/// A loss that is spoilt when example `bad` is drawn, which one rank does.
class SpoiltTerm : public CrossEntropyTerm {
 public:
  SpoiltTerm(std::int64_t bad, Where where, float value)
      : CrossEntropyTerm(random_examples(40, 7)), bad_(bad), where_(where), value_(value) {}
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override {
    const auto harmless = CrossEntropyTerm::sum(model, indices);
    if (std::find(indices.begin(), indices.end(), bad_) == indices.end()) return harmless;
    return where_ == Where::loss ? harmless + value_ : harmless * value_;
  }

 private:
  std::int64_t bad_;
  Where where_;
  float value_;
};

class RankFailures : public testing::Test {
 protected:
  Transformer after_steps(const LossTerm& term, TrainOptions options, std::int64_t steps) {
    auto model = tiny_transformer(1);
    options.max_steps = steps;
    train(model, {{&term, 1.0}}, options, *group_);
    return model;
  }

  /// The step throws on every rank, says what was not finite, and no weight has changed.
  void expect_refusal(const LossTerm& term, Collectives& group, SpoilingGroup* spoiling, const TrainOptions& options,
                      const std::string& said) {
    auto model = tiny_transformer(1);
    std::int64_t steps = 0;
    try {
      train(model, {{&term, 1.0}}, options, group, {}, [&](const StepReport& report) {
        if (spoiling != nullptr && report.step == kBadStep - 1) spoiling->arm();
        ++steps;
      });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const TrainingDiverged& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(concat("step ", kBadStep, " is not finite")), HasSubstr(said)));
      EXPECT_EQ(exit_code_of(error), ExitCode::failure);
    }
    EXPECT_EQ(steps, kBadStep - 1);
    const CrossEntropyTerm harmless(random_examples(40, 7));
    EXPECT_EQ(first_difference(model.weights(), after_steps(harmless, options, kBadStep - 1).weights()), "");
  }

  Communicator world_ = Communicator::world();
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU);
};

using Spoilt = std::tuple<const char*, float>;  // shard, value
class NonFinite : public RankFailures, public testing::WithParamInterface<Spoilt> {};

TEST_P(NonFinite, LossOfOneRankChangesNoWeight) {
  const auto& [shard, value] = GetParam();
  const auto options = five_steps(shard);
  const SpoiltTerm term((kBadStep - 1) * options.batch_size + world_.size() - 1, Where::loss, value);  // the last rank's
  expect_refusal(term, *group_, nullptr, options, "the loss itself");
}

TEST_P(NonFinite, LossAndGradientsOfOneRankChangeNoWeight) {
  const auto& [shard, value] = GetParam();
  const auto options = five_steps(shard);
  const SpoiltTerm term((kBadStep - 1) * options.batch_size + world_.size() - 1, Where::loss_and_gradients, value);
  expect_refusal(term, *group_, nullptr, options, "the gradient of model.embed_tokens.weight");
}

std::string name_of_spoilt(const testing::TestParamInfo<Spoilt>& test) {
  const auto& [shard, value] = test.param;
  return concat(shard, std::isnan(value) ? "_NaN" : value > 0 ? "_PlusInf" : "_MinusInf");
}

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();
INSTANTIATE_TEST_SUITE_P(In, NonFinite,
                         testing::Combine(testing::Values("parameters", "gradients", "none"),
                                          testing::Values(kNaN, kInf, -kInf)),
                         name_of_spoilt);

TEST_F(RankFailures, ANonFiniteElementOfOneGradientOnOneRankChangesNoWeight) {
  if (world_.size() == 1) GTEST_SKIP() << "needs several ranks: one alone sends no gradients";
  const CrossEntropyTerm term(random_examples(40, 7));
  for (const auto* shard : {"parameters", "gradients"})
    for (const float value : {kNaN, kInf, -kInf}) {
      SCOPED_TRACE(concat(shard, " ", value));
      SpoilingGroup spoiling(*group_, world_.size() - 1, value);
      // The unit that is sent first begins with that weight.
      expect_refusal(term, spoiling, &spoiling, five_steps(shard), "the gradient of model.norm.weight");
    }
}

/// Does something else on one rank in the bad step.
class StrayTerm : public CrossEntropyTerm {
 public:
  StrayTerm(std::int64_t at, std::function<void()> stray)
      : CrossEntropyTerm(random_examples(40, 7)), at_(at), stray_(std::move(stray)) {}
  at::Tensor sum(const Transformer& model, ExampleIndices indices) const override {
    if (std::find(indices.begin(), indices.end(), at_) != indices.end()) stray_();
    return CrossEntropyTerm::sum(model, indices);
  }

 private:
  std::int64_t at_;
  std::function<void()> stray_;
};

TEST_F(RankFailures, AStrayCollectiveIsAnErrorOnEveryRankThatNamesTheStepAndBoth) {
  if (world_.size() == 1) GTEST_SKIP() << "needs several ranks";
  const auto options = five_steps("parameters");
  for (const int rank : {0, world_.size() - 1}) {
    const auto group = make_collectives(world_, at::kCPU);  // not usable afterwards
    const StrayTerm term((kBadStep - 1) * options.batch_size + rank, [&] { group->barrier(); });
    auto model = tiny_transformer(1);
    EXPECT_THAT(message_of<RuntimeFailure>([&] {
                  train(model, {{&term, 1.0}}, options, *group);
                }),
                AllOf(HasSubstr(concat("step ", kBadStep, " failed on rank ", world_.rank())),
                      HasSubstr("the ranks do different things"), HasSubstr(concat("rank ", rank, ": collective #")),
                      HasSubstr("(barrier"), HasSubstr("(all_gather")));
    world_.barrier();
  }
}

TEST_F(RankFailures, WhatIsThrownInAStepNamesStepAndRank) {
  const auto options = five_steps("parameters");
  const auto alone = make_collectives(Communicator(), at::kCPU);
  const auto said = [&](const std::function<void()>& fail) {
    const StrayTerm term((kBadStep - 1) * options.batch_size, fail);
    auto model = tiny_transformer(1);
    return message_of<RuntimeFailure>([&] { train(model, {{&term, 1.0}}, options, *alone); });
  };
  const auto where = HasSubstr(concat("step ", kBadStep, " failed on rank ", log::rank()));
  EXPECT_THAT(said([] { throw std::bad_alloc(); }), AllOf(where, HasSubstr("the memory is exhausted")));
  EXPECT_THAT(said([] { throw RuntimeFailure("the network broke", "a cable", "mend it"); }),
              AllOf(where, HasSubstr("the network broke"), HasSubstr("a cable"), HasSubstr("mend it")));
  EXPECT_THAT(said([] { TORCH_CHECK(false, "out of memory"); }), AllOf(where, HasSubstr("out of memory")));
  EXPECT_THAT(said([] { throw UserError("a", "b", "c"); }), HasSubstr("another type: a"));
}

}  // namespace
}  // namespace unpact
