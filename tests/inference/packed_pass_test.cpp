// The packed pass equals the plain forward pass on every architecture, and its kernels equal what defines them.
#include "unpact/inference/packed_pass.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <limits>

#include "unpact/kernels/cpu_kernels.hpp"
#include "support/parity.hpp"
#include "support/tiny_architectures.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;
using testing_support::random_ids;
using testing_support::row_of;

constexpr double kRounding = 2e-5;  // float32 sums in another order, through three blocks

class PackedPassOnArchitecture : public testing::TestWithParam<std::string> {
 protected:
  Transformer model_ = testing_support::tiny_transformer_of(GetParam());

  /// The last `rows` hidden states of a sequence by the plain forward pass.
  at::Tensor expected(const std::vector<TokenId>& ids, std::int64_t rows) const {
    const auto hidden_SD = model_.hidden(row_of(ids)).squeeze(0);
    return hidden_SD.narrow(0, hidden_SD.size(0) - rows, rows);
  }
};

std::vector<TokenId> operator+(std::vector<TokenId> a, const std::vector<TokenId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST_P(PackedPassOnArchitecture, RunsEndingsOfUnequalLengthBehindPartsOfAStore) {
  const auto front = random_ids(17, 1), a = random_ids(5, 2), fork = random_ids(4, 3), b = random_ids(9, 4), alone = random_ids(3, 5);
  const auto beginning = [&](std::size_t n) { return std::vector<TokenId>(front.begin(), front.begin() + static_cast<std::ptrdiff_t>(n)); };
  // The second segment goes on behind the first three rows of the first.
  const PackedRows rows{a + fork + b + alone,
                        {{0, 5, 17, 0, 0, 2}, {5, 4, 17, 0, 3, 3}, {9, 9, 6, 0, 0, 9}, {18, 3, 0, 0, 0, 1}},
                        {}};
  for (const auto attention : {PackedAttention::fast, PackedAttention::plain}) {
    for (const std::int64_t budget : {4, 100}) {
      PackedPass pass(model_, attention);
      KeyValueStore store(model_);
      pass.extend(store, front, budget);
      ASSERT_EQ(store.length(), 17);
      const auto hidden_UD = pass.run(rows, store);
      const auto parent = beginning(17) + std::vector<TokenId>(a.begin(), a.begin() + 3);
      const auto want = at::cat({expected(front + a, 2), expected(parent + fork, 3), expected(beginning(6) + b, 9), expected(alone, 1)});
      expect_close(hidden_UD, want, kRounding, concat("budget ", budget, attention == PackedAttention::fast ? ", fast" : ", plain"));
    }
  }
}

TEST_P(PackedPassOnArchitecture, ABeginningRunsInThePassOfItsEndings) {
  const auto front = random_ids(7, 1), more = random_ids(10, 6), a = random_ids(5, 2), fork = random_ids(4, 3), b = random_ids(9, 4);
  const PackedRows rows{a + fork + b, {{0, 5, 17, 0, 0, 2}, {5, 4, 17, 0, 3, 3}, {9, 9, 12, 0, 0, 9}}, {}};
  for (const auto attention : {PackedAttention::fast, PackedAttention::plain}) {
    PackedPass pass(model_, attention);
    KeyValueStore apart(model_), together(model_);
    pass.extend(apart, front + more, 100);
    const auto want = pass.run(rows, apart).clone();
    pass.extend(together, front, 100);
    expect_close(pass.run_behind(more, together, rows), want, kRounding, attention == PackedAttention::fast ? "fast" : "plain");
    ASSERT_EQ(together.length(), 17);
    expect_close(pass.run(rows, together), want, kRounding, "and what it left in the store");
  }
}

TEST_P(PackedPassOnArchitecture, ReusesTheFirstProjections) {
  const auto front = random_ids(12, 1), end = random_ids(6, 2);
  PackedPass pass(model_);
  const auto first = pass.project_first(front + end);
  if (!first.query_MHd.defined()) GTEST_SKIP() << "learned positions: the first block's inputs depend on them";
  KeyValueStore store(model_);
  std::vector<std::int64_t> index(12);
  for (std::size_t i = 0; i < 12; ++i) index[i] = static_cast<std::int64_t>(i);
  pass.extend(store, front, 5, first, index);
  // The ending moves up by four positions; its projections are the same.
  const PackedRows rows{end, {{0, 6, 8, 0, 0, 6}}, {12, 13, 14, 15, 16, 17}};
  const std::vector<TokenId> shorter(front.begin(), front.begin() + 8);
  expect_close(pass.run(rows, store, first), expected(shorter + end, 6), kRounding, "re-rotated");
}

TEST_P(PackedPassOnArchitecture, ForgetsWhatIsTruncated) {
  PackedPass pass(model_);
  KeyValueStore store(model_);
  pass.extend(store, random_ids(10, 1), 100);
  pass.extend(store, random_ids(6, 2), 100);
  store.truncate(10);
  pass.extend(store, random_ids(30, 3), 7);
  const auto end = random_ids(4, 4);
  expect_close(pass.run({end, {{0, 4, 40, 0, 0, 4}}, {}}, store), expected(random_ids(10, 1) + random_ids(30, 3) + end, 4), kRounding,
               "behind the new end");
}

INSTANTIATE_TEST_SUITE_P(Models, PackedPassOnArchitecture, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

TEST(PackedPass, LongSequencesThroughSeveralBlocksOfQueries) {
  auto config = testing_support::tiny_config();
  config.max_positions = 600;
  const auto model = testing_support::tiny_transformer(2, config);
  const auto front = random_ids(150, 1), end = random_ids(330, 2);
  PackedPass pass(model);
  KeyValueStore store(model);
  pass.extend(store, front, 64);
  const auto hidden_UD = pass.run({end, {{0, 330, 150, 0, 0, 330}}, {}}, store);
  expect_close(hidden_UD, model.hidden(row_of(front + end)).squeeze(0).narrow(0, 150, 330), kRounding, "330 queries");
}

TEST(PackedPass, RunsInHalfPrecision) {
  auto weights = testing_support::tiny_transformer(2).weights();
  for (auto& [name, tensor] : named_tensors(weights)) tensor.set_data(tensor.to(at::kBFloat16));
  const Transformer model(testing_support::tiny_config(), weights);
  const auto front = random_ids(9, 1), end = random_ids(7, 2);
  PackedPass pass(model);
  KeyValueStore store(model);
  pass.extend(store, front, 64);
  const auto hidden_UD = pass.run({end, {{0, 7, 9, 0, 0, 7}}, {}}, store);
  EXPECT_EQ(hidden_UD.scalar_type(), at::kBFloat16);
  // bfloat16 keeps 8 bits; hidden states are of order 1 and pass three blocks.
  expect_close(hidden_UD, model.hidden(row_of(front + end)).squeeze(0).narrow(0, 9, 7), 0.1, "bfloat16");
}

TEST_P(PackedPassOnArchitecture, BlocksOfLongSegmentsAreTheDefinition) {
  auto config = model_.config();
  config.max_positions = 600;
  const auto model = testing_support::tiny_transformer(1, config);
  // Behind 150 stored rows: a segment of several blocks, short ones that share a block with its end and with each other, and a
  // fork of the first. More than 64 keys behind the store take the library's products, fewer those of the small kernels.
  const auto front = random_ids(150, 1), rows = random_ids(300 + 9 + 70 + 5 + 4, 2);
  const PackedRows packed{rows, {{0, 300, 150, 0, 0, 40}, {300, 9, 20, 0, 0, 9}, {309, 70, 111, 0, 0, 3}, {379, 5, 0, 0, 0, 2}, {384, 4, 150, 0, 290, 4}}, {}};
  const auto run = [&](PackedAttention attention) {
    const c10::InferenceMode guard;
    PackedPass pass(model, attention);
    KeyValueStore store(model);
    pass.extend(store, front, 1000);
    return pass.run(packed, store);
  };
  expect_close(run(PackedAttention::fast), run(PackedAttention::plain), kRounding, GetParam());
}

// One rounding more or less than the composition, on numbers of order 1.
constexpr double kKernel = 2e-6;

at::Tensor noise(at::IntArrayRef shape, double scale = 1) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  return at::empty(shape, at::kFloat).normal_(0.0, scale, generator);
}

TEST(CpuKernels, NormIsItsFormula) {
  for (const std::int64_t width : {1, 7, 32, 45, 768}) {
    const auto x = noise({5, width}), weight = noise({width});
    auto out = at::empty_like(x);
    cpu::rms_norm(x.const_data_ptr<float>(), weight.const_data_ptr<float>(), out.mutable_data_ptr<float>(), 5, width, 1e-5);
    expect_close(out, x * at::rsqrt(x.square().mean(-1, true) + 1e-5) * weight, 4 * kKernel, concat("width ", width));
  }
}

TEST(CpuKernels, SiluProductIsItsFormula) {
  const auto gate = noise({3001}, 20), up = noise({3001});
  auto out = gate.clone();
  cpu::silu_product(out.mutable_data_ptr<float>(), up.const_data_ptr<float>(), out.numel());
  const auto expected = at::silu(gate) * up;
  EXPECT_LE(((out - expected).abs() / (expected.abs() + 1e-6)).max().item<float>(), kKernel);
}

TEST(CpuKernels, LogSumExpIsItsFormula) {
  for (const std::int64_t width : {1, 31, 64, 5003}) {
    const auto x = noise({4, width}, 30);
    auto out = at::empty({4}, at::kFloat);
    cpu::log_sum_exp(x.const_data_ptr<float>(), out.mutable_data_ptr<float>(), 4, width);
    const auto expected = x.to(at::kDouble).logsumexp(1).to(at::kFloat);
    expect_close(out, expected, 2e-5, concat("width ", width));  // values up to 100
    auto top = at::full({4}, std::numeric_limits<float>::lowest()), sum = at::zeros({4});
    for (const auto& piece : x.split((width + 2) / 3, 1))
      cpu::add_exponentials(piece.contiguous().const_data_ptr<float>(), 4, piece.size(1), top.mutable_data_ptr<float>(), sum.mutable_data_ptr<float>());
    expect_close(top + sum.log(), expected, 2e-5, concat("in pieces, width ", width));
  }
}

TEST(CpuKernels, NotANumberStaysOne) {
  const float bad = std::numeric_limits<float>::quiet_NaN();
  for (const std::int64_t at_index : {0, 40, 69}) {
    auto x = noise({1, 70});
    x[0][at_index] = bad;
    float sum = 0;
    cpu::log_sum_exp(x.const_data_ptr<float>(), &sum, 1, 70);
    EXPECT_TRUE(std::isnan(sum)) << at_index;
    cpu::silu_product(x.mutable_data_ptr<float>(), noise({70}).const_data_ptr<float>(), 70);
    EXPECT_TRUE(std::isnan(x[0][at_index].item<float>()));
  }
}

TEST(CpuKernels, ExponentialsOverTwoPiecesAreThoseOfASoftmax) {
  const auto scores = noise({90}, 5);
  auto out = scores.clone();
  float* const data = out.mutable_data_ptr<float>();
  const float sum = cpu::exponentials({{data, data + 50}, {50, 40}, {10, 0}, {45, 33}}, 0.5F);
  auto expected = at::zeros({90}, at::kFloat);
  const auto weights = at::softmax(at::cat({scores.narrow(0, 10, 35), scores.narrow(0, 50, 33)}) * 0.5, 0);
  expected.narrow(0, 10, 35).copy_(weights.narrow(0, 0, 35));
  expected.narrow(0, 50, 33).copy_(weights.narrow(0, 35, 33));
  expect_close(out / sum, expected, kKernel, "weights");
}

TEST(CpuKernels, RunOnSeveralThreads) {
#ifdef __clang__
  GTEST_SKIP() << "a build with Clang has no OpenMP: the kernels run on one thread";
#endif
  const auto before = at::get_num_threads();
  at::set_num_threads(2);
  std::array<std::atomic<int>, 2> visits{};
  at::parallel_for(0, 2, 1, [&](std::int64_t begin, std::int64_t end) {
    visits.at(static_cast<std::size_t>(at::get_thread_num())) += static_cast<int>(end - begin);
  });
  at::set_num_threads(before);
  EXPECT_EQ(visits[0], 1);
  EXPECT_EQ(visits[1], 1);
}

TEST(CpuKernels, SmallProductsAreMatrixProducts) {
  // Heads of whole vectors, of less than one, and wider than a part; keys of less than a vector, of one and of two.
  for (const std::int64_t d : {5, 64, 300}) {
    for (const std::int64_t keys : {1, 31, 32, 33, 64}) {
      // Each matrix is a part of wider rows, as a head is.
      const auto part = [&](std::int64_t rows, std::int64_t width) { return noise({rows, width + 7}).narrow(1, 3, width); };
      const auto rows = [](const at::Tensor& x) { return cpu::Rows{x.mutable_data_ptr<float>(), x.size(0), x.size(1), x.stride(0)}; };
      const auto query = part(9, d), key = part(keys, d), value = part(keys, d);
      const auto scores = at::empty({9, keys}), out = part(9, d);
      cpu::small_scores(rows(query), rows(key), rows(scores));
      expect_close(scores, at::mm(query, key.t()), 2e-5 * std::sqrt(d), concat("scores, d = ", d, ", ", keys, " keys"));
      cpu::small_mix(rows(scores), rows(value), rows(out));
      const double mixed = 1e-5 * std::sqrt(d * keys);  // sums of so many terms of order sqrt(d), in another order
      expect_close(out, at::mm(scores, value), mixed, concat("mix, d = ", d, ", ", keys, " keys"));
      cpu::divide_rows(rows(out), std::vector<float>(9, 4.0F).data());
      expect_close(out, at::mm(scores, value) / 4, mixed, "divided");
    }
  }
}

}  // namespace
}  // namespace unpact
