#include "unpact/core/file_reader.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::TemporaryFolder;

TEST(FileReader, GivesTheBytesOfARangeInOrder) {
  const TemporaryFolder folder;
  std::string content;
  for (int i = 0; i < 700'000; ++i) content += std::to_string(i);
  const FileReader file(folder.write("file", content));
  EXPECT_EQ(file.size(), content.size());
  for (const auto& [begin, end] :
       {std::pair<std::size_t, std::size_t>{0, content.size()}, {0, 0}, {5, 6}, {1'000'000, 3'000'001}}) {
    std::string text;
    file.read(begin, end, [&](std::string_view block) { text += block; });
    EXPECT_TRUE(text == content.substr(begin, end - begin)) << begin;
  }
}

TEST(FileReader, SaysWhatIsMissingOrNoFile) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<UserError>([&] { FileReader(folder.path() / "none"); }), HasSubstr("there is no such file"));
  EXPECT_THAT(message_of<UserError>([&] { FileReader(folder.write("file", "") / "below"); }), HasSubstr("no such file"));
  EXPECT_THAT(message_of<UserError>([&] { FileReader(folder.path()); }), HasSubstr("not a regular file"));
}

TEST(FileReader, SaysTheSystemsReasonAndNothingOfDamage) {
  const TemporaryFolder folder;
  const auto loop = folder.path() / "loop";
  std::filesystem::create_symlink(loop, loop);
  EXPECT_THAT(message_of<UnreadableFile>([&] { FileReader{loop}; }),
              AllOf(HasSubstr("symbolic links"), HasSubstr("may be intact")));
  const FileReader file(folder.write("file", "12345"));
  std::filesystem::resize_file(folder.path() / "file", 2);
  EXPECT_THAT(message_of<UnreadableFile>([&] { file.read(0, 5, [](std::string_view) {}); }), HasSubstr("became shorter"));
}

}  // namespace
}  // namespace unpact
