#include "unpact/checkpoint/safetensors.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/temporary_folder.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::TemporaryFolder;

constexpr at::ScalarType kTypes[] = {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong,
                                     at::kInt,    at::kShort, at::kChar, at::kByte,     at::kBool};

/// Rank 0..4, extents 0..4, random bits (which may be NaN).
at::Tensor random_tensor(std::uint64_t seed) {
  std::vector<std::int64_t> shape(random_below(5, seed, 0, 0));
  for (std::size_t i = 0; i < shape.size(); ++i) shape[i] = static_cast<std::int64_t>(random_below(5, seed, 1, i));
  const auto type = kTypes[random_below(std::size(kTypes), seed, 2, 0)];
  auto tensor = at::empty(shape, type);
  auto* bytes = static_cast<unsigned char*>(tensor.data_ptr());
  for (std::size_t i = 0; i < tensor.nbytes(); ++i)
    bytes[i] = static_cast<unsigned char>(type == at::kBool ? random_below(2, seed, 3, i) : random_below(256, seed, 3, i));
  return tensor;
}

bool equal_bytes(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() && a.is_contiguous() && b.is_contiguous() &&
         (a.nbytes() == 0 || std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0);
}

TEST(Safetensors, RandomLayoutsComeBackBitEqual) {
  const TemporaryFolder folder;
  for (std::uint64_t layout = 0; layout < 20; ++layout) {
    std::vector<std::pair<std::string, at::Tensor>> tensors;
    for (std::uint64_t i = 0; i < random_below(9, layout, 9, 0); ++i)
      tensors.emplace_back(concat("t\xC3\xA9 \"", i, "\""), random_tensor(100 * layout + i));
    write_safetensors(folder.path() / "file", tensors, {{"key", "value"}});
    const SafetensorsFile file(folder.path() / "file");
    EXPECT_EQ(file.header().tensors.size(), tensors.size());
    EXPECT_EQ(file.header().metadata.at("key"), "value");
    for (const auto& [name, tensor] : tensors) EXPECT_TRUE(equal_bytes(file.tensor(name), tensor)) << layout << ' ' << name;
  }
}

TEST(Safetensors, DataBeginsAligned) {
  const TemporaryFolder folder;
  for (const auto* name : {"a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh"}) {
    write_safetensors(folder.path() / "file", {{name, at::ones({2})}});
    EXPECT_EQ(SafetensorsFile(folder.path() / "file").header().data_begin % 8, 0U);
  }
}

TEST(Safetensors, WritesViewsByTheirValues) {
  const TemporaryFolder folder;
  const auto matrix = at::arange(12, at::kFloat).view({3, 4});
  write_safetensors(folder.path() / "file", {{"turned", matrix.t()}, {"column", matrix.select(1, 2)}});
  const SafetensorsFile file(folder.path() / "file");
  EXPECT_TRUE(at::equal(file.tensor("turned"), matrix.t()));
  EXPECT_TRUE(at::equal(file.tensor("column"), matrix.select(1, 2)));
}

TEST(Safetensors, ReadsDataThatIsNotAligned) {
  const TemporaryFolder folder;
  const auto values = at::arange(5, at::kFloat);
  write_safetensors(folder.path() / "file", {{"odd", at::ones({3}, at::kByte)}, {"values", values}});
  EXPECT_TRUE(at::equal(SafetensorsFile(folder.path() / "file").tensor("values"), values));
}

TEST(Safetensors, TensorsOutliveTheFileObject) {
  const TemporaryFolder folder;
  write_safetensors(folder.path() / "file", {{"a", at::arange(1000, at::kLong)}});
  at::Tensor kept;
  {
    const SafetensorsFile file(folder.path() / "file");
    EXPECT_TRUE(file.contains("a"));
    EXPECT_FALSE(file.contains("b"));
    kept = file.tensor("a");
  }
  EXPECT_EQ(kept.sum().item<std::int64_t>(), 499500);
}

TEST(Safetensors, NamesAMissingTensor) {
  const TemporaryFolder folder;
  write_safetensors(folder.path() / "file", {});
  const SafetensorsFile file(folder.path() / "file");
  EXPECT_THAT(message_of<UserError>([&] { file.tensor("model.norm.weight"); }), HasSubstr("'model.norm.weight' is missing"));
}

TEST(Safetensors, RefusesPathsThatAreNoFile) {
  const TemporaryFolder folder;
  const auto refusal = [&](const std::string& name) {
    return message_of<UserError>([&] { SafetensorsFile file(folder.path() / name); });
  };
  EXPECT_THAT(refusal("absent"), AllOf(HasSubstr("absent"), HasSubstr("No such file")));
  EXPECT_THAT(refusal("."), HasSubstr("not a regular file"));
  folder.write("empty", "");
  EXPECT_THAT(refusal("empty"), HasSubstr("too short"));
  folder.write("pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
  EXPECT_THAT(refusal("pointer"), HasSubstr("Git LFS pointer"));
}

TEST(Safetensors, RefusesToWriteWhatNobodyCouldRead) {
  const TemporaryFolder folder;
  const std::map<std::string, std::string> huge = {{"notes", std::string(kMaxSafetensorsHeader, 'x')}};
  EXPECT_THROW(write_safetensors(folder.path() / "file", {}, huge), ContractViolation);
  EXPECT_THROW(write_safetensors(folder.path() / "file", {{"a", at::ones({1})}, {"a", at::ones({2})}}), ContractViolation);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, AFailedWriteLeavesTheOldFile) {
  const TemporaryFolder folder;
  write_safetensors(folder.path() / "file", {{"a", at::ones({1})}});
  EXPECT_THROW(write_safetensors(folder.path() / "file", {{"a", at::zeros({1}, at::kComplexFloat)}}), ContractViolation);
  EXPECT_EQ(SafetensorsFile(folder.path() / "file").tensor("a").item<float>(), 1.0F);
}

}  // namespace
}  // namespace unpact
