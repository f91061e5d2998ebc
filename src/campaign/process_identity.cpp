#include "process_identity.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "unpact/core/text.hpp"

namespace unpact {
namespace {

std::string first_line(const char* file) {
  std::string text;
  if (FILE* in = std::fopen(file, "r")) {
    char buffer[1024];
    if (std::fgets(buffer, sizeof buffer, in) != nullptr) text = trim(buffer);
    std::fclose(in);
  }
  return text;
}

/// Field 22 of /proc/PID/stat; the name in field 2 may hold spaces and brackets. Nothing for a process that has ended and only
/// waits for its parent to hear of it, for ever where that is an init that does not listen, as in many containers.
std::string start_of_process(std::int64_t pid) {
  const auto stat = first_line(concat("/proc/", pid, "/stat").c_str());
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  const auto fields = split_list(stat.substr(name_end + 1), ' ');
  const bool has_ended = !fields.empty() && (fields[0] == "Z" || fields[0] == "X");
  return fields.size() > 19 && !has_ended ? fields[19] : std::string();
}

/// Boot and namespace, in which process numbers mean something.
std::string numbering() {
  char link[128] = {};
  const auto size = ::readlink("/proc/self/ns/pid", link, sizeof(link) - 1);
  return concat(first_line("/proc/sys/kernel/random/boot_id"), " ",
                size > 0 ? std::string(link, static_cast<std::size_t>(size)) : "", " ");
}

}  // namespace

std::string host_name() {
  char host[256] = {};
  return ::gethostname(host, sizeof(host) - 1) == 0 ? host : "unknown";
}

std::string identity_of_process(std::int64_t pid) { return numbering() + start_of_process(pid); }

bool is_process_alive(const std::string& host, std::int64_t pid, const std::string& identity) {
  return host == host_name() && identity_of_process(pid) == identity && identity != numbering();
}

bool is_process_dead(const std::string& host, std::int64_t pid, const std::string& identity) {
  if (host != host_name() || identity.rfind(numbering(), 0) != 0) return false;
  if (::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) return true;
  return identity_of_process(pid) != identity;  // the number belongs to another process now
}

}  // namespace unpact
