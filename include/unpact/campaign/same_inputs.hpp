#pragma once
/// What all ranks must read alike, and what must not change while a job runs.
#include <filesystem>
#include <map>
#include <string>

#include "unpact/comm/communicator.hpp"
#include "unpact/model/language_model.hpp"

namespace unpact {

/// Refuses inputs of which ranks have read different contents. Collective over `ranks`. @param what e.g. "dataset in DIR".
/// @throws UserError on every rank, with both checksums.
void require_same_on_ranks(const Communicator& ranks, const std::string& what, const std::string& checksum);

/// The same for a model that was loaded with its checksums: weights, config, tokenizer.
void require_same_on_ranks(const Communicator& ranks, const LanguageModel& model);

/// What the first load of each folder has read, by the folder's real place.
class FirstLoads {
 public:
  /// What tells whether the files of a model's folder were written since: names, sizes, times. Empty: they are not there.
  static std::string stamp_of(const std::filesystem::path& folder);
  /// @param stamp of the folder, taken before the model was loaded.
  /// @throws UserError with both checksums when the folder was loaded before and held something else.
  void require_unchanged(const LanguageModel& model, const std::string& stamp);
  /// The same for all folders that were loaded, as they lie there now; a folder that is gone by now is no matter. Files are
  /// read where their stamps are others.
  void require_unchanged();
  /// Of a folder that is written anew.
  void forget(const std::filesystem::path& folder);

 private:
  struct Loaded {
    ModelChecksums checksums;
    std::string stamp;
  };
  std::map<std::filesystem::path, Loaded> loaded_;
};

}  // namespace unpact
