#include "unpact/checkpoint/checkpoint_reader.hpp"

#include <set>

#include "checkpoint_fit.hpp"
#include "checksum_of_files.hpp"
#include "other_weights.hpp"
#include "weight_index.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr std::uintmax_t kMaxIndexBytes = 256ULL << 20;  // published ones have up to 10 MB
constexpr std::size_t kMostFaults = 30;                  // that one message lists

std::set<std::string> files_of(const WeightMap& map) {
  std::set<std::string> files;
  for (const auto& [tensor, file] : map) files.insert(file);
  return files;
}

/// Empty: a single file without an index.
WeightMap weight_map(const fs::path& folder) {
  if (fs::exists(folder / kSingleFile)) return {};
  if (!fs::exists(folder / kIndexFile)) refuse_other_weights(folder);
  UNPACT_VALIDATE(fs::exists(folder / kIndexFile), concat("no weights in ", folder.string()),
                  concat(kSingleFile, " is missing there, and so is ", kIndexFile),
                  "give the folder of a Hugging Face checkpoint in safetensors format");
  const auto index = folder / kIndexFile;
  return parse_weight_index(read_file(index, kMaxIndexBytes), index.string());
}

/// As in transformers the one file counts where shards with an index lie beside it; a stray one lacks what they hold.
void refuse_stray_file(const fs::path& folder, const std::map<std::string, TensorEntry>& found) {
  const auto index = folder / kIndexFile;
  if (!fs::exists(folder / kSingleFile) || !fs::exists(index)) return;
  std::size_t lacking = 0;
  const auto map = parse_weight_index(read_file(index, kMaxIndexBytes), index.string());
  for (const auto& [tensor, file] : map)
    if (found.count(tensor) == 0 && !is_copy_by_name(tensor)) ++lacking;
  UNPACT_VALIDATE(lacking == 0, concat("two sets of weights lie in ", folder.string()),
                  concat(kSingleFile, ", which counts as in transformers, lacks ", lacking, " of the ", map.size(),
                         " tensors that ", kIndexFile, " lists"),
                  concat("remove or rename ", kSingleFile, " if the shards are meant"));
}

std::vector<fs::path> paths_of(const WeightMap& map, const fs::path& folder) {
  if (map.empty()) return {folder / kSingleFile};
  std::vector<fs::path> paths;
  std::vector<std::string> missing;
  for (const auto& file : files_of(map)) {
    paths.push_back(folder / file);
    if (!fs::exists(paths.back())) missing.push_back(file);
  }
  UNPACT_VALIDATE(missing.empty(), concat("weights are missing in ", folder.string()),
                  concat("its index names files that are not there: ", join(missing, ", ")),
                  "finish downloading the checkpoint");
  return paths;
}

void refuse(const std::string& problem, std::vector<std::string> faults) {
  if (const auto count = faults.size(); count > kMostFaults) {
    faults.resize(kMostFaults);
    faults.push_back(concat("and ", count - kMostFaults, " more"));
  }
  UNPACT_VALIDATE(faults.empty(), problem, join(faults, "\n          "), "fetch the checkpoint again");
}

}  // namespace

std::vector<fs::path> weight_files(const fs::path& folder) { return paths_of(weight_map(folder), folder); }

CheckpointReader::CheckpointReader(const fs::path& folder) {
  const auto map = weight_map(folder);
  std::vector<std::string> faults;
  for (const auto& path : paths_of(map, folder)) {
    const auto& file = files_.emplace_back(path);
    const auto name = path.filename().string();
    for (const auto& [tensor, entry] : file.header().tensors) {
      const auto listed = map.find(tensor);
      if (!owner_.emplace(tensor, files_.size() - 1).second) {
        faults.push_back(concat("twice: ", tensor, ", the second time in ", name));
      } else if (listed != map.end() && listed->second != name) {  // what is not listed, buffers, lies there all the same
        faults.push_back(concat("another file in the index: ", tensor, " of ", name, " should lie in ", listed->second));
      }
      entries_.emplace(tensor, entry);
    }
  }
  for (const auto& [tensor, file] :
       map)  // a tied head is listed by some and stored by none; where it is wanted, it is missed
    if (owner_.count(tensor) == 0 && !is_copy_by_name(tensor))
      faults.push_back(concat("missing: ", tensor, ", said to lie in ", file));
  refuse(concat("the index of ", folder.string(), " does not fit its files"), std::move(faults));
  if (map.empty()) refuse_stray_file(folder, entries_);
}

const SafetensorsFile& CheckpointReader::file_of(const std::string& name) const {
  const auto it = owner_.find(name);
  UNPACT_EXPECT(it != owner_.end());
  return files_[it->second];
}

std::string CheckpointReader::checksum() const {
  std::vector<FileChecksum> files;
  for (const auto& file : files_) files.push_back({file.path().filename().string(), file.checksum()});
  return checksum_of_files(files);
}

std::pair<std::size_t, std::uint64_t> CheckpointReader::place_of(const std::string& name) const {
  const auto it = owner_.find(name);
  UNPACT_EXPECT(it != owner_.end());
  return {it->second, entries_.at(name).begin};
}

}  // namespace unpact
