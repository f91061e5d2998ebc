#pragma once
/// Where results come from.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace unpact {

/// The comment line in a resolved configuration below which nothing decides a number: where the inputs come from, whose
/// checksums count instead.
constexpr const char* kOriginsMark = "# Where the inputs come from. Their checksums decide, not what follows.";

struct Provenance {
  std::string started, ended;          ///< ISO 8601 UTC
  std::string resolved_configuration;  ///< INI text that --config takes; what decides numbers stands above kOriginsMark
  std::int64_t seed = 0, world_size = 1, group_size = 1;
  std::vector<std::string> devices;  ///< one a rank of the group
  std::string model_checksum, tokenizer_checksum;
  std::map<std::string, std::string> library_versions;
  std::vector<std::string> processes = {};              ///< one a rank of the group: host, job, task, restart
  std::map<std::string, std::string> environment = {};  ///< launch_environment() of the group's root
  std::string baseline_fingerprint = {};  ///< of the target's answers that a cell compares with; its own, for a baseline
};

}  // namespace unpact
