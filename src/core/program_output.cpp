#include "unpact/core/program_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "unpact/core/clock.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

constexpr std::size_t kMostBytes = 1 << 16;

bool is_meant(const std::string& variable, const std::string& pattern) {
  if (pattern.ends_with('*')) return variable.starts_with(pattern.substr(0, pattern.size() - 1));
  return variable.starts_with(pattern + "=");
}

std::vector<std::string> environment_of(const std::vector<std::string>& unset, const std::vector<std::string>& set) {
  std::vector<std::string> all = set;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable = *entry, name = variable.substr(0, variable.find('='));
    const bool replaced = std::ranges::any_of(set, [&](const auto& other) { return is_meant(other, name); });
    if (!replaced && std::ranges::none_of(unset, [&](const auto& pattern) { return is_meant(variable, pattern); }))
      all.push_back(variable);
  }
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (auto& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

/// @return 0, or why it could not be started.
int start(std::vector<std::string> command, std::vector<std::string> variables, int output, bool errors_too, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  if (errors_too) posix_spawn_file_actions_adddup2(&actions, output, 2);
  else posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  const auto arguments = pointers_to(command), environment = pointers_to(variables);
  const int code = ::posix_spawnp(&pid, arguments.front(), &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  return code;
}

/// @return whether the program closed its output in time.
bool read_all(int from, double patience_seconds, std::string& text) {
  const Stopwatch watch;
  char piece[4096];
  while (true) {
    const double left = patience_seconds - watch.seconds();
    pollfd wanted{from, POLLIN, 0};
    if (left <= 0) return false;
    const int ready = ::poll(&wanted, 1, static_cast<int>(left * 1000) + 1);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const auto got = ready < 0 ? -1 : ::read(from, piece, sizeof piece);
    if (got <= 0) return got == 0;
    if (text.size() < kMostBytes) text.append(piece, static_cast<std::size_t>(got));
  }
}

}  // namespace

ProgramOutput output_of_program(const std::vector<std::string>& command, double patience_seconds,
                                const std::vector<std::string>& unset, const std::vector<std::string>& set,
                                bool errors_too) {
  const auto& name = command.front();
  int ends[2];
  ProgramOutput output;
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    output.problem = concat(name, ": ", std::strerror(errno));
    return output;
  }
  pid_t pid = 0;
  const int code = start(command, environment_of(unset, set), ends[1], errors_too, pid);
  ::close(ends[1]);
  output.is_there = code != ENOENT;
  if (code == 0) {
    const bool ended = read_all(ends[0], patience_seconds, output.text);
    if (!ended) ::kill(pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (ended && WIFEXITED(status)) output.status = WEXITSTATUS(status);
    if (!ended) output.problem = concat(name, " does not answer within ", patience_seconds, " s");
    else if (!WIFEXITED(status)) output.problem = concat(name, " was ended by signal ", WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0) output.problem = concat(name, " ends with status ", WEXITSTATUS(status));
  } else {
    output.problem = concat(name, " cannot be started: ", std::strerror(code));
  }
  ::close(ends[0]);
  return output;
}

}  // namespace unpact
