#pragma once
/// Who a process is: told from others also after its number was given to a new one.
#include <cstdint>
#include <string>

namespace unpact {

std::string host_name();

/// Boot of the machine, namespace of process numbers, and start of the process with this number there; the last is empty
/// when there is none.
std::string identity_of_process(std::int64_t pid);

/// Whether the process of that host, number and identity is seen; false where this process cannot tell.
bool is_process_alive(const std::string& host, std::int64_t pid, const std::string& identity);

/// Whether it is known to be dead; false where this process cannot tell.
bool is_process_dead(const std::string& host, std::int64_t pid, const std::string& identity);

}  // namespace unpact
