#include "unpact/campaign/batch_queue.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sstream>

#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"

extern char** environ;

namespace unpact {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;

struct Output {
  std::string text;  // standard output and standard error
  int status = -1;   // of the process; -1: it was killed, or could not be started
  std::string failure;
};

/// What a process writes until it ends, or until the time is over.
void read_all(int descriptor, double limit_seconds, Output& output) {
  const Stopwatch watch;
  char block[4096];
  while (output.text.size() < kMostBytes) {
    const double left = limit_seconds - watch.seconds();
    pollfd wait{descriptor, POLLIN, 0};
    const int ready = left <= 0 ? 0 : ::poll(&wait, 1, static_cast<int>(1000 * left) + 1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      output.failure = concat("squeue did not answer within ", limit_seconds, " s");
      return;
    }
    const auto count = ::read(descriptor, block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    output.text.append(block, static_cast<std::size_t>(count));
  }
  output.failure = "squeue says more than can be";
}

Output run(std::vector<std::string> words, double limit_seconds) {
  Output output;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    output.failure = std::strerror(errno);
    return output;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int code = ::posix_spawnp(&child, arguments.front(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (code == 0) {
    read_all(ends[0], limit_seconds, output);
    if (!output.failure.empty()) ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status)) output.status = WEXITSTATUS(status);
  } else {
    output.failure = code == ENOENT ? "Slurm is not here (no squeue in PATH)" : std::strerror(code);
  }
  ::close(ends[0]);
  return output;
}

bool is_job_id(const std::string& id) {
  return !id.empty() && id.size() <= 20 && id.find_first_not_of("0123456789") == std::string::npos;
}

std::vector<std::string> columns_of(const std::string& line) {
  std::vector<std::string> columns;
  std::istringstream in(line);
  for (std::string column; std::getline(in, column, '|');) columns.push_back(trim(column));
  return columns;
}

}  // namespace

const QueuedJob* BatchQueue::find(const std::string& id) const {
  const auto found = std::ranges::find(jobs, id, &QueuedJob::id);
  return found == jobs.end() ? nullptr : &*found;
}

BatchQueue ask_squeue(const std::vector<std::string>& ids, double limit_seconds) {
  BatchQueue queue;
  std::vector<std::string> wanted;
  for (const auto& id : ids)
    if (is_job_id(id) && std::ranges::find(wanted, id) == wanted.end()) wanted.push_back(id);
  if (wanted.empty()) {
    queue.note = "no Slurm job holds anything";
    return queue;
  }
  const auto output =
      run({"squeue", "--noheader", "--jobs=" + join(wanted, ","), "--format=%A|%T|%M|%l|%D|%R|%j"}, limit_seconds);
  // All of them ended a while ago: then Slurm does not know the ids any more, and says so.
  queue.is_known = output.status == 0 || output.text.find("Invalid job id") != std::string::npos;
  if (!queue.is_known) queue.note = output.failure.empty() ? shortened(trim(output.text)) : output.failure;
  if (output.status != 0) return queue;
  std::istringstream lines(output.text);
  for (std::string line; std::getline(lines, line);) {
    const auto c = columns_of(line);
    if (c.size() >= 6 && is_job_id(c[0]))
      queue.jobs.push_back({c[0], c[1], c[2], c[3], c[4], c[5], c.size() > 6 ? c[6] : ""});
  }
  return queue;
}

}  // namespace unpact
