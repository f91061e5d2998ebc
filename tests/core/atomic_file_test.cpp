#include "unpact/core/atomic_file.hpp"

#include <thread>
#include <vector>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::TemporaryFolder;

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

void put(const fs::path& path, const std::string& content) { std::ofstream(path, std::ios::binary) << content; }

TEST(FileInPlace, IsWrittenWholeAndMakesItsFolder) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "deep/er/file";
  write_file_in_place(file, "long content");
  write_file_in_place(file, "short");
  EXPECT_EQ(read_file(file), "short");
  EXPECT_EQ(entries(folder.path() / "deep/er"), 1U);
  EXPECT_ANY_THROW(write_file_in_place(folder.path() / "deep", "a folder is in the way"));
}

TEST(WritableFolder, IsMadeOrRefused) {
  const TemporaryFolder folder;
  expect_writable_folder(folder.path() / "new");
  EXPECT_TRUE(fs::is_directory(folder.path() / "new"));
  put(folder.path() / "file", "x");
  fs::permissions(folder.path() / "file", fs::perms::all);
  EXPECT_THAT(message_of<UserError>([&] { expect_writable_folder(folder.path() / "file"); }), HasSubstr("Not a directory"));
}

TEST(AtomicFile, AppearsWithCommitOnly) {
  const TemporaryFolder folder;
  const auto target = folder.path() / "deep/er/file";
  {
    AtomicFile file(target);
    put(file.temporary_path(), "content");
    EXPECT_FALSE(fs::exists(target));
    EXPECT_EQ(file.temporary_path().parent_path(), target.parent_path());
    file.commit();
    EXPECT_EQ(read_file(target), "content");
  }
  EXPECT_EQ(read_file(target), "content");
  EXPECT_EQ(entries(target.parent_path()), 1u);
}

TEST(AtomicFile, WithoutCommitTheOldContentStays) {
  const TemporaryFolder folder;
  const auto target = folder.write("file", "old");
  {
    AtomicFile file(target);
    put(file.temporary_path(), "half of the new cont");
  }
  EXPECT_EQ(read_file(target), "old");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, AKilledWriterLeavesTheOldContent) {
  const TemporaryFolder folder;
  const auto target = folder.write("file", "old");
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(target);
    put(file.temporary_path(), "half of the new cont");
    ::_exit(0);  // no destructor runs, as when the process is killed
  }
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(read_file(target), "old");
}

TEST(AtomicFile, CommitReplaces) {
  const TemporaryFolder folder;
  const auto target = folder.write("file", "a longer old content");
  write_file_atomically(target, "new");
  EXPECT_EQ(read_file(target), "new");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, CommitFailsWhenNothingWasWritten) {
  const TemporaryFolder folder;
  const auto target = folder.write("file", "old");
  AtomicFile file(target);
  EXPECT_THAT(message_of<RuntimeFailure>([&] { file.commit(); }), HasSubstr("cannot open"));
  EXPECT_EQ(read_file(target), "old");
}

TEST(AtomicFile, CommitFailsWhenAFolderIsInTheWay) {
  const TemporaryFolder folder;
  folder.write("target/inside", "x");
  EXPECT_THAT(message_of<RuntimeFailure>([&] { write_file_atomically(folder.path() / "target", "new"); }),
              HasSubstr("cannot rename"));
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, FoldersThatCannotBeWrittenAreNamed) {
  const TemporaryFolder folder;
  const auto in_the_way = folder.write("file", "x");
  EXPECT_THAT(message_of<UserError>([&] { AtomicFile(in_the_way / "target"); }),
              AllOf(HasSubstr("cannot"), HasSubstr(in_the_way.string())));
  EXPECT_THAT(message_of<UserError>([&] { require_writable_folder(in_the_way); }), HasSubstr(in_the_way.string()));
  // Nobody, not even root, writes there.
  EXPECT_THAT(message_of<UserError>([] { require_writable_folder("/proc/self"); }), HasSubstr("/proc/self"));
  EXPECT_THAT(message_of<UserError>([] { write_file_atomically("/proc/self/unpact", "x"); }), HasSubstr("/proc/self"));
}

TEST(RequireWritableFolder, CreatesItAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  require_writable_folder(folder.path() / "a/b");
  EXPECT_EQ(entries(folder.path() / "a/b"), 0u);
}

TEST(SyncToDisk, SaysWhatIsMissing) {
  const TemporaryFolder folder;
  EXPECT_NO_THROW(sync_to_disk(folder.path()));
  EXPECT_NO_THROW(sync_to_disk(folder.write("file", "x")));
  EXPECT_THAT(message_of<RuntimeFailure>([&] { sync_to_disk(folder.path() / "none"); }),
              AllOf(HasSubstr("none"), HasSubstr("No such file")));
}

TEST(RenameFolderDurably, PutsAFolderInPlace) {
  const TemporaryFolder folder;
  folder.write("new/deep/file", "new");
  rename_folder_durably(folder.path() / "new", folder.path() / "target");
  EXPECT_EQ(read_file(folder.path() / "target/deep/file"), "new");
  EXPECT_FALSE(fs::exists(folder.path() / "new"));
}

TEST(RenameFolderDurably, ReplacesAnExistingFolder) {
  const TemporaryFolder folder;
  folder.write("target/file", "old");
  folder.write("target/only-old", "old");
  folder.write("target.old/leftover", "older");
  folder.write("new/file", "new");
  rename_folder_durably(folder.path() / "new", folder.path() / "target");
  EXPECT_EQ(read_file(folder.path() / "target/file"), "new");
  EXPECT_EQ(entries(folder.path() / "target"), 1u);
  EXPECT_EQ(entries(folder.path()), 1u) << "nothing else is left";
}

TEST(PutBackReplacedFolder, RestoresWhatAKilledReplacementLeft) {
  const TemporaryFolder folder;
  folder.write("target.old/file", "old");
  put_back_replaced_folder(folder.path() / "target/");
  EXPECT_EQ(read_file(folder.path() / "target/file"), "old");
  EXPECT_EQ(entries(folder.path()), 1u);
  folder.write("target.old/file", "older");
  put_back_replaced_folder(folder.path() / "target");
  EXPECT_EQ(read_file(folder.path() / "target/file"), "old") << "one that is there stays";
  put_back_replaced_folder(folder.path() / "nothing");
  EXPECT_FALSE(fs::exists(folder.path() / "nothing"));
}

/// The state after a kill between the two renames.
TEST(RenameFolderDurably, KeepsTheOnlyCopyUntilTheNewOneIsThere) {
  const TemporaryFolder folder;
  folder.write("target.old/file", "old");
  EXPECT_ANY_THROW(rename_folder_durably(folder.path() / "missing", folder.path() / "target"));
  put_back_replaced_folder(folder.path() / "target");
  EXPECT_EQ(read_file(folder.path() / "target/file"), "old");
  folder.write("new/file", "new");
  rename_folder_durably(folder.path() / "new", folder.path() / "target");
  EXPECT_EQ(read_file(folder.path() / "target/file"), "new");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(RemoveFolder, MayBeDoneByManyAtOnce) {
  const TemporaryFolder folder;
  for (int i = 0; i < 400; ++i) folder.write(concat("many/", i % 7, "/", i), "x");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { EXPECT_NO_THROW(remove_folder(folder.path() / "many")); });
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "many"));
  EXPECT_NO_THROW(remove_folder(folder.path() / "never there"));
}

TEST(ReadFile, ReadsAllBytes) {
  const TemporaryFolder folder;
  const std::string content("a\0\r\n\xFF", 5);
  EXPECT_EQ(read_file(folder.write("file", content)), content);
  EXPECT_EQ(read_file(folder.write("empty", "")), "");
  EXPECT_EQ(read_file(folder.write("exact", "12345"), 5), "12345");
}

TEST(ReadFile, RefusesWhatItShould) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<UserError>([&] { read_file(folder.path() / "none"); }),
              AllOf(HasSubstr("none"), HasSubstr("no such file")));
  EXPECT_THAT(message_of<UserError>([&] { read_file(folder.path()); }), HasSubstr("not a regular file"));
  EXPECT_THAT(message_of<UserError>([] { read_file("/dev/zero"); }), HasSubstr("not a regular file"));
  const auto big = folder.write("big", "123456");
  EXPECT_THAT(message_of<UserError>([&] { read_file(big, 5); }), AllOf(HasSubstr("6 bytes"), HasSubstr("limit of 5")));
}

TEST(Checksum, KnownVectors) {  // FIPS 180-2
  EXPECT_EQ(sha256_of_bytes(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of_bytes("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_of_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_of_bytes(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Checksum, FilesOfAnySize) {
  const TemporaryFolder folder;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20, (std::size_t{3} << 20) + 7}) {
    const std::string content(size, 'a');
    EXPECT_EQ(sha256_of_file(folder.write("file", content)), sha256_of_bytes(content));
  }
  EXPECT_THAT(message_of<UserError>([&] { sha256_of_file(folder.path() / "none"); }), HasSubstr("none"));
  EXPECT_THAT(message_of<UserError>([&] { sha256_of_file(folder.path()); }), HasSubstr("cannot read"));
}

}  // namespace
}  // namespace unpact
