#include "unpact/core/log_folder.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "core/temporary_folder.hpp"

namespace unpact {
namespace {

/// Another run, which has the folder until its end of this pipe is closed.
class OtherRun {
 public:
  explicit OtherRun(const std::filesystem::path& folder) {
    int ready[2], end[2];
    if (::pipe(ready) != 0 || ::pipe(end) != 0) throw std::runtime_error("no pipe");
    child_ = ::fork();
    char byte = 0;
    if (child_ == 0) {
      ::close(end[1]);
      log::own_folder(folder);
      if (::write(ready[1], &byte, 1) == 1) static_cast<void>(::read(end[0], &byte, 1) == 0);
      ::_exit(0);
    }
    ::close(end[0]);
    end_ = end[1];
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  void stop() {
    ::close(end_);
    ::waitpid(child_, nullptr, 0);
  }

 private:
  pid_t child_ = -1;
  int end_ = -1;
};

TEST(LogFolder, IsNotSharedByRunsThatLive) {
  const testing_support::TemporaryFolder folder;
  const auto logs = folder.path() / "logs";
  OtherRun first(logs), second(logs);
  EXPECT_EQ(log::own_folder(logs), logs / "run-3");
  EXPECT_EQ(log::own_folder(logs), logs / "run-3") << "asked again";
  second.stop();
  EXPECT_EQ(log::own_folder(logs), logs / "run-2");
  first.stop();
  EXPECT_EQ(log::own_folder(logs), logs) << "a run that goes on after another writes where that did";
}

}  // namespace
}  // namespace unpact
