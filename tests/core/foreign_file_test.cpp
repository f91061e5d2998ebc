#include "unpact/core/foreign_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using namespace std::string_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;

TEST(ForeignFile, IsNamedAsWhatItIsWithWhatHelps) {
  const std::vector<std::pair<std::string, const char*>> foreign = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n", "Git LFS pointer"},
      {"PAR1\x15\x04", "Parquet"},
      {"\x1f\x8b\x08", "gzip"},
      {"PK\x03\x04\x14", "zip archive"},
      {"\x89HDF\r\n\x1a\n", "HDF5"},
      {"\xFF\xFE\0\0{\0\0\0"s, "UTF-32"},
      {"\0\0\xFE\xFF\0\0\0{"s, "UTF-32"},
      {"ARROW1\0\0"s, "an Arrow file"},
      {"\xFF\xFF\xFF\xFF\x10\0\0\0"s, "an Arrow stream"},
      {"\x28\xB5\x2F\xFD\x04"s, "zstd"},
      {"\xFD"
       "7zXZ\0"s,
       "xz"},
      {"BZh91AY&SY"s, "bzip2"},
      {"7z\xBC\xAF'"s, "7z"},
      {"\xFF\xFE{\0\"\0"s, "UTF-16"},
      {"\xFE\xFF\0{\0\""s, "UTF-16"},
      {"{\0\"\0a\0\"\0:\0"s, "UTF-16"},
      {"\0{\0\"\0a\0\"\0:"s, "UTF-16"},
      {"<!DOCTYPE html><html>", "web page"},
      {"<html><body>Log in", "web page"},
  };
  for (const auto& [content, name] : foreign)
    EXPECT_THAT(message_of<UserError>([&, text = content] { refuse_foreign(text, "questions.json"); }),
                AllOf(HasSubstr("cannot read questions.json"), HasSubstr(name), HasSubstr("hint")));
}

TEST(ForeignFile, TextIsTakenAsItIs) {
  for (const auto& text : {""s, "{}"s, "[1]"s, "P"s, "PAR"s, "<"s, "\xEF\xBB\xBF{}"s, "a\0b"s})
    EXPECT_NO_THROW(refuse_foreign(text, "questions.json"));
}

}  // namespace
}  // namespace unpact
