#include "tied_head.hpp"

#include <ATen/ATen.h>

#include <map>
#include <mutex>

#include "checkpoint_fit.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

bool differs(const fs::path& folder, const ModelConfig& config) {
  const CheckpointReader reader(folder);
  const auto stored = head_of(reader.tensors());
  if (!stored) return false;
  Weights weights;
  const auto tensors = named_as_in_files(config, reader.tensors(), weights);
  const auto embedding = embedding_of(tensors, weights);
  if (embedding == *stored || !reader.contains(embedding)) return false;
  const auto ours = reader.file_of(embedding).tensor(embedding), head = reader.file_of(*stored).tensor(*stored);
  return ours.scalar_type() != head.scalar_type() || !at::equal(ours, head);
}

}  // namespace

bool stores_another_head(const fs::path& folder, const ModelConfig& config) {
  static std::mutex mutex;
  static std::map<std::pair<fs::path, fs::file_time_type>, bool> known;  // every job reads a config several times
  const std::lock_guard lock(mutex);
  try {
    const auto files = weight_files(folder);
    const auto key = std::pair(fs::weakly_canonical(folder), fs::last_write_time(files.front()));
    const auto found = known.find(key);
    if (found != known.end()) return found->second;
    const bool other = differs(folder, config);
    known.emplace(key, other);
    if (other && log::rank() == 0)
      log::warn(concat(folder.string(),
                       ": config.json ties the head to the embedding, but the files hold another head: that one is used"));
    return other;
  } catch (const UserError&) {
    return false;  // no weights, or broken ones: whoever reads them says so
  }
}

}  // namespace unpact
