#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"
#include "unpact/checkpoint/safetensors.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::message_of;

std::string with_length(std::uint64_t length, const std::string& rest) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + rest;
}

/// A file of this header and so many bytes of data.
std::string file_of(const std::string& header, std::size_t data_bytes) {
  return with_length(header.size(), header + std::string(data_bytes, 'x'));
}

SafetensorsHeader parse(const std::string& file) {
  const std::vector<char> exact(file.begin(), file.end());  // reading one byte too many is visible to a sanitizer
  return parse_safetensors_header(exact.data(), exact.size(), exact.size(), "weights");
}

std::string refusal(const std::string& file) {
  const auto message = message_of<UserError>([&] { parse(file); });
  EXPECT_THAT(message, HasSubstr("weights"));
  return message;
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

std::string good_file() {
  return file_of("{" + tensor("a", "F32", "[2,3]", "[0,24]") + "," + tensor("b", "BF16", "[5]", "[24,34]") + "}", 34);
}

/// Two tensors "a" and "b" of 4 and 8 bytes at these offsets, in a file with 12 bytes of data.
std::string two_tensors(const std::string& a, const std::string& b) {
  return file_of("{" + tensor("a", "U8", "[4]", a) + "," + tensor("b", "U8", "[8]", b) + "}", 12);
}

TEST(SafetensorsHeader, ReadsAGoodFile) {
  const auto header = parse(good_file());
  ASSERT_EQ(header.tensors.size(), 2U);
  EXPECT_EQ(header.tensors.at("b").dtype, "BF16");
  EXPECT_THAT(header.tensors.at("a").shape, ElementsAre(2, 3));
  EXPECT_EQ(header.tensors.at("b").begin, 24U);
  EXPECT_EQ(header.tensors.at("b").end, 34U);
  EXPECT_EQ(header.data_begin, good_file().size() - 34);
  EXPECT_THAT(header.metadata, IsEmpty());
}

TEST(SafetensorsHeader, RefusesFalseHeaderLengths) {
  const auto rest = good_file().substr(8);
  const auto size = rest.size() + 8;
  EXPECT_THAT(refusal(with_length(0, rest)), HasSubstr("does not fit"));
  EXPECT_THAT(refusal(with_length(1, rest)), HasSubstr("does not fit"));
  EXPECT_THAT(refusal(with_length(7, rest)), HasSubstr("JSON"));
  EXPECT_THAT(refusal(with_length(8, rest)), HasSubstr("JSON"));
  EXPECT_THAT(refusal(with_length(1ULL << 63, rest)), HasSubstr("too long"));
  EXPECT_THAT(refusal(with_length(~0ULL, rest)), HasSubstr("too long"));
  EXPECT_THAT(refusal(with_length(size - 7, rest)), HasSubstr("does not fit"));
  EXPECT_THAT(refusal(with_length(size - 8, rest)), HasSubstr("JSON"));
}

TEST(SafetensorsHeader, RefusesFilesThatAreTooShort) {
  for (std::size_t bytes = 0; bytes < 8; ++bytes) EXPECT_THAT(refusal(std::string(bytes, '\0')), HasSubstr("too short"));
}

TEST(SafetensorsHeader, RefusesMoreThanTheReferenceReader) {
  const std::uint64_t claimed_file = 1ULL << 40;
  for (const auto& [length, reason] : {std::pair{100'000'001ULL, "too long"}, std::pair{100'000'000ULL, "does not fit"}}) {
    const auto bytes = with_length(length, "{}");
    const auto message =
        message_of<UserError>([&] { parse_safetensors_header(bytes.data(), bytes.size(), claimed_file, "weights"); });
    EXPECT_THAT(message, HasSubstr(reason));
  }
}

TEST(SafetensorsHeader, ReadsManyTensorsAndRefusesMoreValuesThanFitTheMemory) {
  std::vector<std::string> entries;
  for (int i = 0; i < 40000; ++i) entries.push_back(tensor(std::to_string(i), "U8", "[0]", "[0,0]"));
  EXPECT_EQ(parse(file_of(concat("{", join(entries, ","), "}"), 0)).tensors.size(), 40000U);
  EXPECT_THAT(refusal(file_of(std::string(4'000'001, ','), 0)), HasSubstr("too many values"));
}

TEST(SafetensorsHeader, TellsFaultyOffsetsApart) {
  EXPECT_NO_THROW(parse(two_tensors("[0,4]", "[4,12]")));
  EXPECT_NO_THROW(parse(two_tensors("[8,12]", "[0,8]")));  // the order of names does not matter
  EXPECT_THAT(refusal(two_tensors("[0,4]", "[2,10]")), AllOf(HasSubstr("'b'"), HasSubstr("overlaps")));
  EXPECT_THAT(refusal(two_tensors("[0,4]", "[0,8]")), AllOf(HasSubstr("'b'"), HasSubstr("overlaps")));
  EXPECT_THAT(refusal(two_tensors("[0,4]", "[5,13]")), AllOf(HasSubstr("'b'"), HasSubstr("gap")));
  EXPECT_THAT(refusal(two_tensors("[1,5]", "[5,13]")), AllOf(HasSubstr("'a'"), HasSubstr("gap")));
  EXPECT_THAT(refusal(two_tensors("[4,0]", "[4,12]")), AllOf(HasSubstr("'a'"), HasSubstr("reversed")));
  EXPECT_THAT(refusal(two_tensors("[-4,0]", "[4,12]")), AllOf(HasSubstr("'a'"), HasSubstr("bad number")));
  EXPECT_THAT(refusal(two_tensors("[0,4]", "[4,18446744073709551616]")), AllOf(HasSubstr("'b'"), HasSubstr("bad number")));
  EXPECT_THAT(refusal(two_tensors("[0,4.0]", "[4,12]")), AllOf(HasSubstr("'a'"), HasSubstr("bad number")));
}

TEST(SafetensorsHeader, RefusesDataThatIsNotThere) {
  const auto file = good_file();
  EXPECT_THAT(refusal(file.substr(0, file.size() - 2)), AllOf(HasSubstr("'b'"), HasSubstr("past the end")));
  EXPECT_THAT(refusal(file + "yy"), HasSubstr("2 bytes belong to no tensor"));
  EXPECT_THAT(refusal(file_of("{" + tensor("far", "U8", "[4]", "[18446744073709551611,18446744073709551615]") + "}", 4)),
              HasSubstr("'far'"));
}

TEST(SafetensorsHeader, RefusesLengthsThatContradictTheShape) {
  EXPECT_THAT(refusal(file_of("{" + tensor("a", "F32", "[2,3]", "[0,23]") + "}", 23)),
              AllOf(HasSubstr("'a'"), HasSubstr("24 bytes")));
  EXPECT_THAT(refusal(file_of("{" + tensor("a", "F16", "[]", "[0,4]") + "}", 4)),
              AllOf(HasSubstr("'a'"), HasSubstr("2 bytes")));
}

TEST(SafetensorsHeader, RefusesShapesThatOverflow) {
  for (const auto* shape : {"[2,18446744073709551614]", "[2,9223372036854775807]", "[4294967296,4294967296]",
                            "[4611686018427387904]", "[65536,65536,65536,65536]"})
    EXPECT_THAT(refusal(file_of("{" + tensor("a", "F32", shape, "[0,0]") + "}", 0)),
                AllOf(HasSubstr("'a'"), HasSubstr("overflow")))
        << shape;
  for (const auto* shape : {"[-1]", "[1.5]", "[\"2\"]", "[null]", "[[2]]", "[18446744073709551616]"})
    EXPECT_THAT(refusal(file_of("{" + tensor("a", "F32", shape, "[0,4]") + "}", 4)), HasSubstr("'a' has a bad number"))
        << shape;
}

TEST(SafetensorsHeader, RefusesUnknownTypes) {
  for (const auto* dtype : {"F8", "f32", "", "FLOAT"})
    EXPECT_THAT(refusal(file_of("{" + tensor("a", dtype, "[1]", "[0,4]") + "}", 4)),
                AllOf(HasSubstr("'a'"), HasSubstr("dtype")));
  EXPECT_THAT(refusal(file_of(R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,4]}})", 4)),
              AllOf(HasSubstr("'a'"), HasSubstr("dtype")));
}

TEST(SafetensorsHeader, RefusesIncompleteEntries) {
  for (const auto* entry :
       {"{}", "7", "null", "[]", R"({"dtype":"F32","shape":[1]})", R"({"dtype":"F32","data_offsets":[0,4]})",
        R"({"shape":[1],"data_offsets":[0,4]})", R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})",
        R"({"dtype":"F32","shape":[1],"data_offsets":[0]})", R"({"dtype":"F32","shape":[1],"data_offsets":[0,2,4]})"})
    EXPECT_THAT(refusal(file_of(std::string("{\"a\":") + entry + "}", 4)), HasSubstr("'a'")) << entry;
}

TEST(SafetensorsHeader, RefusesBrokenJson) {
  for (const std::string& header :
       {std::string("[]"), std::string("7 "), std::string("{\"a\":"), std::string("{\"\xFF\xFE\":{}}"),
        std::string("{}\0", 3), std::string("{} x"), std::string(200, '['), "{" + tensor("a", "U8", "[0]", "[0,0]")})
    refusal(file_of(header, 0));
  const auto twice = tensor("same", "U8", "[2]", "[0,2]");
  EXPECT_THAT(refusal(file_of("{" + twice + "," + twice + "}", 2)), AllOf(HasSubstr("same"), HasSubstr("twice")));
}

TEST(SafetensorsHeader, ReadsMetadata) {
  EXPECT_EQ(parse(file_of(R"({"__metadata__":{"format":"pt"}})", 0)).metadata.at("format"), "pt");
  EXPECT_THAT(refusal(file_of(R"({"__metadata__":{"format":1}})", 0)), HasSubstr("'format'"));
  EXPECT_THAT(refusal(file_of(R"({"__metadata__":["format"]})", 0)), HasSubstr("__metadata__"));
}

TEST(SafetensorsHeader, AcceptsTensorsWithoutElementsOrDimensions) {
  const auto header =
      parse(file_of("{" + tensor("empty", "F32", "[3,0]", "[0,0]") + "," + tensor("scalar", "F64", "[]", "[0,8]") + "," +
                        tensor("last", "U8", "[0]", "[8,8]") + "}  ",
                    8));
  EXPECT_THAT(header.tensors.at("empty").shape, ElementsAre(3, 0));
  EXPECT_THAT(header.tensors.at("scalar").shape, IsEmpty());
  EXPECT_TRUE(parse(file_of("{}", 0)).tensors.empty());
}

TEST(SafetensorsHeader, NamesAGitLfsPointer) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
  EXPECT_THAT(refusal(pointer), AllOf(HasSubstr("Git LFS pointer"), HasSubstr("git lfs pull")));
}

TEST(SafetensorsHeader, RefusesEveryTruncation) {
  std::vector<std::string> entries;
  for (int i = 0; i < 32; ++i)
    entries.push_back(tensor(concat("layer", i), "F32", "[16]", concat("[", 64 * i, ",", 64 * (i + 1), "]")));
  const auto file = file_of(concat("{", join(entries, ","), "}"), 32 * 64);
  ASSERT_GT(file.size(), 4000U);
  EXPECT_EQ(parse(file).tensors.size(), 32U);
  for (std::size_t bytes = 0; bytes < file.size(); ++bytes)
    EXPECT_THROW(parse(file.substr(0, bytes)), UserError) << "cut to " << bytes;
}

}  // namespace
}  // namespace unpact
