#include "unpact/core/process_identity.hpp"

#include <unistd.h>

#include <fstream>
#include <sstream>

#include "unpact/core/text.hpp"

namespace unpact {

std::string host_name() {
  char host[256] = {};
  return ::gethostname(host, sizeof(host) - 1) == 0 ? host : "unknown";
}

std::string process_numbering() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string boot;
  char space[128] = {};
  if (!std::getline(in, boot) || ::readlink("/proc/self/ns/pid", space, sizeof space - 1) <= 0) return {};
  return concat(boot, " ", space);
}

ProcessState state_of_process(std::int64_t pid) {
  std::ifstream in(concat("/proc/", pid, "/stat"));
  std::string line;
  std::getline(in, line, '\0');
  const auto name_end = line.rfind(')');  // the name before the fields may hold anything
  if (name_end == std::string::npos) return {};
  std::istringstream fields(line.substr(name_end + 1));
  ProcessState state;
  std::string skipped;
  fields >> state.letter;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> state.start_time;
  return state;
}

std::string identity_of_process(std::int64_t pid) {
  const auto state = state_of_process(pid);
  const bool dead = state.letter == 'Z' || state.letter == 'X';
  return concat(process_numbering(), " ", dead ? "" : state.start_time);
}

bool is_process_alive(const std::string& host, std::int64_t pid, const std::string& identity) {
  const auto numbering = process_numbering();
  return host == host_name() && !numbering.empty() && identity == identity_of_process(pid) && identity != numbering + " ";
}

bool is_process_dead(const std::string& host, std::int64_t pid, const std::string& identity) {
  const auto numbering = process_numbering();
  if (host != host_name() || numbering.empty() || !identity.starts_with(numbering + " ")) return false;
  return identity_of_process(pid) != identity;  // gone, or the number belongs to another process now
}

}  // namespace unpact
