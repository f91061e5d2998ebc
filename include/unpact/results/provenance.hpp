#pragma once
/// Where results come from.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace unpact {

struct Provenance {
  std::string started, ended;               ///< ISO 8601 UTC
  std::string resolved_configuration;       ///< INI text that --config takes
  std::int64_t seed = 0, world_size = 1, group_size = 1;
  std::vector<std::string> devices;         ///< one a rank of the group
  std::string model_checksum, tokenizer_checksum;
  std::map<std::string, std::string> library_versions;
};

}  // namespace unpact
