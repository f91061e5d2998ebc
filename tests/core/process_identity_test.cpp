#include "unpact/core/process_identity.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace unpact {
namespace {

/// A child that waits until it is killed.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ == 0)
      while (true) ::pause();
  }
  ~Child() { collect(); }
  std::int64_t pid() const { return pid_; }
  void signal(int number, char until) const {
    ::kill(pid_, number);
    while (state_of_process(pid_).letter != until) ::usleep(1000);
  }
  void collect() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_;
};

TEST(ProcessIdentity, TellsLivingFromDead) {
  Child child;
  const auto pid = child.pid();
  const auto identity = identity_of_process(pid);
  EXPECT_TRUE(is_process_alive(host_name(), pid, identity));
  EXPECT_FALSE(is_process_dead(host_name(), pid, identity));
  child.collect();
  EXPECT_FALSE(is_process_alive(host_name(), pid, identity));
  EXPECT_TRUE(is_process_dead(host_name(), pid, identity));
}

TEST(ProcessIdentity, OfAProcessThatNobodyCollectsIsThatOfADeadOne) {
  Child child;
  const auto identity = identity_of_process(child.pid());
  child.signal(SIGKILL, 'Z');
  EXPECT_FALSE(is_process_alive(host_name(), child.pid(), identity));
  EXPECT_TRUE(is_process_dead(host_name(), child.pid(), identity));
}

TEST(ProcessIdentity, OfASuspendedProcessIsThatOfALivingOne) {
  Child child;
  child.signal(SIGSTOP, 'T');
  EXPECT_TRUE(is_process_alive(host_name(), child.pid(), identity_of_process(child.pid())));
}

TEST(ProcessIdentity, OfAnotherMachineBootOrNumberSaysNothing) {
  const auto pid = static_cast<std::int64_t>(::getpid());
  const auto own = identity_of_process(pid);
  for (const auto& [host, identity] :
       {std::pair<std::string, std::string>{"elsewhere", own}, {host_name(), "another boot"}}) {
    EXPECT_FALSE(is_process_alive(host, pid, identity));
    EXPECT_FALSE(is_process_dead(host, pid, identity));
  }
  EXPECT_TRUE(is_process_dead(host_name(), pid, process_numbering() + " 1")) << "the number was given to a new process";
}

}  // namespace
}  // namespace unpact
