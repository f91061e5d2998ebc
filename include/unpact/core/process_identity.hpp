#pragma once
/// Who a process is and what it does: told from others also after its number was given to a new one.
#include <cstdint>
#include <string>

namespace unpact {

std::string host_name();

/// Where numbers of processes mean the same: one boot of one machine, one namespace of processes. Empty: not to be known.
std::string process_numbering();

/// What the kernel says of a process (/proc/PID/stat, fields 3 and 22; man 5 proc).
struct ProcessState {
  char letter = '?';       ///< T: stopped by a signal, t: by a debugger, Z: dead and not collected, X: dead
  std::string start_time;  ///< empty: there is no process of that number
};

ProcessState state_of_process(std::int64_t pid);

/// process_numbering() and the start of the process with this number; the latter is empty when none lives.
std::string identity_of_process(std::int64_t pid);

/// Whether the process of that host, number and identity is seen to live; false where this process cannot tell.
bool is_process_alive(const std::string& host, std::int64_t pid, const std::string& identity);

/// Whether it is known to be dead; false where this process cannot tell.
bool is_process_dead(const std::string& host, std::int64_t pid, const std::string& identity);

}  // namespace unpact
