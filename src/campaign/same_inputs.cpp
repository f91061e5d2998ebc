#include "unpact/campaign/same_inputs.hpp"

#include <sys/stat.h>

#include <set>

#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// One name for a folder, however it is spelled.
fs::path real_place(const fs::path& folder) {
  std::error_code code;
  const auto place = fs::canonical(folder, code);
  return code ? folder : place;
}

void require_same(const fs::path& folder, const ModelChecksums& before, const ModelChecksums& now) {
  const auto require = [&](const char* what, const std::string& one, const std::string& other) {
    UNPACT_VALIDATE(one == other, concat("the ", what, " in ", folder.string(), " was replaced while this job runs"),
                    concat("it was ", one, " and is ", other, " now"),
                    "start again: what depends on it is then made anew, or put the old files back");
  };
  require("model", before.weights, now.weights);
  require("model's config.json", before.config, now.config);
}

}  // namespace

void require_same_on_ranks(const Communicator& ranks, const std::string& what, const std::string& checksum) {
  const auto all = ranks.all_gather(checksum);
  for (std::size_t r = 1; r < all.size(); ++r)
    UNPACT_VALIDATE(all[r] == all[0], concat("rank ", r, " has read another ", what, " than rank 0"),
                    concat("on rank 0 it is ", all[0], ", on rank ", r, " ", all[r]),
                    "give all ranks the same files, e.g. from a file system that the nodes share");
}

void require_same_on_ranks(const Communicator& ranks, const LanguageModel& model) {
  const auto place = concat(" in ", model.folder.string());
  require_same_on_ranks(ranks, "model (weights)" + place, model.checksums.weights);
  require_same_on_ranks(ranks, "model (config.json)" + place, model.checksums.config);
  require_same_on_ranks(ranks, "tokenizer" + place, model.tokenizer->checksum());
}

std::string FirstLoads::stamp_of(const fs::path& folder) {
  std::string stamp;
  std::error_code code;
  for (const auto& part : {folder, folder / kReinforcedFolder}) {
    std::set<std::string> lines;
    for (const auto& entry : fs::directory_iterator(part, code)) {
      struct stat info {};
      if (::stat(entry.path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
      lines.insert(concat(entry.path().filename().string(), " ", info.st_size, " ", info.st_dev, " ", info.st_ino, " ",
                          info.st_mtim.tv_sec, " ", info.st_mtim.tv_nsec, "\n"));
    }
    for (const auto& line : lines) stamp += line;
  }
  return stamp;
}

void FirstLoads::require_unchanged(const LanguageModel& model, const std::string& stamp) {
  const auto& [first, is_new] = loaded_.emplace(real_place(model.folder), Loaded{model.checksums, stamp});
  require_same(model.folder, first->second.checksums, model.checksums);
}

void FirstLoads::require_unchanged() {
  for (auto& [folder, loaded] : loaded_) {
    const auto stamp = stamp_of(folder);
    if (stamp.empty() || stamp == loaded.stamp) continue;
    require_same(folder, loaded.checksums, model_checksums(folder));
    loaded.stamp = stamp;
  }
}

void FirstLoads::forget(const fs::path& folder) { loaded_.erase(real_place(folder)); }

}  // namespace unpact
