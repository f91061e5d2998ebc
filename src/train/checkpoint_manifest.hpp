#pragma once
/// The manifest of a training checkpoint; private to this layer.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {

struct CheckpointManifest {
  struct Unit {
    std::string name;
    std::int64_t size = 0, shard = 0;
  };
  struct File {
    std::string name;
    std::int64_t bytes = 0;
    std::string sha256;
  };
  std::int64_t step = 0;
  std::string fingerprint;
  std::vector<double> coefficients;  ///< of the loss terms, for the next step
  Json history;                      ///< of the steps so far
  std::vector<Unit> units;
  std::vector<File> files;  ///< one a rank, in rank order
};

/// A checkpoint that is whole but of no use here: another run's, or of another format.
class ForeignCheckpoint : public UserError {
 public:
  using UserError::UserError;
};

/// "step-00000010", and the step of such a name; -1 for any other: temporary, set aside, or something else.
std::string checkpoint_folder_name(std::int64_t step);
std::int64_t checkpoint_step_of(const std::string& name);

/// Removes a folder so that a kill in between leaves nothing that looks whole.
void discard_folder(const std::filesystem::path& folder);

/// The name of a rank's file.
std::string shard_file_name(std::size_t rank);

std::string to_text(const CheckpointManifest& manifest);

/// A manifest from a folder that may be broken or hostile. @throws UserError naming file and field, ForeignCheckpoint for
/// another version.
CheckpointManifest read_manifest(const std::filesystem::path& folder);

/// Refuses a checkpoint that is whole but not this run's. @throws ForeignCheckpoint.
void require_same_run(const CheckpointManifest& manifest, const std::string& fingerprint,
                      const std::filesystem::path& folder);

}  // namespace unpact
