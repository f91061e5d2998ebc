#pragma once
/// How much memory a device has left, and how much of it this process has used at most.
#include <cstdint>
#include <filesystem>

namespace c10 {
struct Device;
}

namespace unpact {

/// Bytes that could be allocated now: of a GPU, what the driver has free and LibTorch's allocator holds unused; of the
/// CPU, what the operating system calls available to the whole machine, or what this process's control groups (as a batch
/// system sets them) leave of their limits, which all ranks on it share. @throws RuntimeFailure where the system does not
/// say.
std::uint64_t available_memory(const c10::Device& device);

/// Bytes that the control groups of a process may still take, the tightest of those above each other; the largest number
/// without a limit. What a group holds of files that were read counts as free. @param process a file as /proc/self/cgroup,
/// @param root where the groups are mounted.
std::uint64_t room_of_control_groups(const std::filesystem::path& process, const std::filesystem::path& root);

/// How many ranks share this machine's memory: what choose_device() found, 1 before.
int ranks_of_node();
void set_ranks_of_node(int ranks);

/// The largest number of bytes held since the last reset: of a GPU, by LibTorch's allocator; of the CPU, resident in
/// this process. 0: unknown.
std::uint64_t peak_memory(const c10::Device& device);

/// Gives memory that was freed, and is kept to be used again, back: to the driver of a GPU, to the operating system.
void give_memory_back(const c10::Device& device);

/// Starts a new measurement of peak_memory; what was freed before is not counted. Where the system does not let the CPU's be
/// reset, it stays that of the process's whole life.
void reset_peak_memory(const c10::Device& device);

}  // namespace unpact
