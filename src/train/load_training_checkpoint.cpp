/// Reading training checkpoints back, also with another number of ranks.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <exception>

#include "checkpoint_manifest.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/file_reader.hpp"
#include "unpact/core/log.hpp"
#include "unpact/checkpoint/safetensors.hpp"
#include "unpact/comm/plain_words.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

void verify_file(const fs::path& folder, const CheckpointManifest::File& file) {
  const auto path = folder / file.name;
  std::error_code code;
  const auto bytes = fs::file_size(path, code);
  if (code && code != std::errc::no_such_file_or_directory) throw_unreadable(path, code.message());
  UNPACT_VALIDATE(
      !code && static_cast<std::int64_t>(bytes) == file.bytes, concat("the checkpoint file ", path.string(), " is damaged"),
      code ? code.message() : concat("it has ", bytes, " bytes instead of ", file.bytes), "the checkpoint before is tried");
  UNPACT_VALIDATE(sha256_of_file(path) == file.sha256, concat("the checkpoint file ", path.string(), " is damaged"),
                  "its checksum is not that of the manifest", "the checkpoint before is tried");
}

void check_units(const CheckpointManifest& manifest, const std::vector<ShardPiece>& pieces, const fs::path& folder) {
  bool same = manifest.units.size() == pieces.size();
  for (std::size_t u = 0; same && u < pieces.size(); ++u)
    same = manifest.units[u].name == pieces[u].unit && manifest.units[u].size == pieces[u].unit_size;
  UNPACT_VALIDATE(same, concat("the training checkpoint ", folder.string(), " does not fit the model"),
                  "its manifest lists other units", "the checkpoint before is tried");
}

/// The files of a checkpoint, opened when they are needed.
class ShardFiles {
 public:
  ShardFiles(fs::path folder, const CheckpointManifest& manifest) : folder_(std::move(folder)), manifest_(manifest) {
    files_.resize(manifest.files.size());
  }

  /// Elements [begin, end) of a unit's vector into `out`; what lies beyond the unit stays as it is.
  void read(const std::string& kind, std::size_t unit, std::int64_t begin, const at::Tensor& out) {
    const auto& layout = manifest_.units[unit];
    const auto end = std::min(begin + out.numel(), layout.size);
    for (auto at = begin; at < end;) {
      const auto file = at / layout.shard, from = at % layout.shard, count = std::min(layout.shard - from, end - at);
      const auto stored = opened(static_cast<std::size_t>(file)).tensor(concat(kind, "/", layout.name));
      UNPACT_VALIDATE(
          stored.dim() == 1 && stored.numel() == layout.shard && stored.scalar_type() == out.scalar_type(),
          concat("the tensor ", kind, "/", layout.name, " of ",
                 (folder_ / shard_file_name(static_cast<std::size_t>(file))).string(), " has another shape or type"),
          concat("expected ", layout.shard, " ", at::toString(out.scalar_type()), " values"),
          "the checkpoint before is tried");
      out.narrow(0, at - begin, count).copy_(stored.narrow(0, from, count));
      at += count;
    }
  }

 private:
  const SafetensorsFile& opened(std::size_t index) {
    if (!files_[index]) files_[index] = std::make_unique<SafetensorsFile>(folder_ / manifest_.files[index].name);
    return *files_[index];
  }
  fs::path folder_;
  const CheckpointManifest& manifest_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
};

/// What a killed run was writing or removing only takes space; what it was replacing is put back.
void clean_up_after_a_kill(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) found.push_back(entry.path());
  for (const auto& path : found) {
    const auto name = path.filename().string();
    if (name.starts_with(".step-") && (name.ends_with(".tmp") || name.ends_with(".removed"))) fs::remove_all(path, code);
    if (name.ends_with(kReplacedSuffix) && checkpoint_step_of(path.stem().string()) >= 0)
      put_back_replaced_folder(folder / path.stem());
  }
}

}  // namespace

bool TrainingCheckpoints::agree(bool good) {
  auto bad = at::full({1}, good ? 0 : 1, at::TensorOptions().dtype(at::kLong).device(device_));
  group_.all_reduce(bad);
  return bad.item<std::int64_t>() == 0;
}

/// Newest first; rank 0 looks for all: network file systems show new folders late.
std::vector<std::int64_t> TrainingCheckpoints::list_steps() {
  std::vector<std::int64_t> steps;
  if (group_.rank() == 0) {
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder_, code))
      if (const auto step = checkpoint_step_of(entry.path().filename().string()); step >= 0) steps.push_back(step);
    std::sort(steps.rbegin(), steps.rend());
  }
  auto count = at::full({1}, static_cast<std::int64_t>(steps.size()), at::TensorOptions().dtype(at::kLong).device(device_));
  group_.broadcast(count, 0);
  auto list = at::zeros({count.item<std::int64_t>()}, count.options());
  if (group_.rank() == 0) list.copy_(at::tensor(steps, at::kLong));
  if (list.numel() > 0) group_.broadcast(list, 0);
  list = list.to(at::kCPU);
  const auto* first = list.const_data_ptr<std::int64_t>();
  return {first, first + list.numel()};
}

void TrainingCheckpoints::read_step(std::int64_t step, TrainingState& state) const {
  const auto folder = folder_ / checkpoint_folder_name(step);
  const auto manifest = read_manifest(folder);
  require_same_run(manifest, fingerprint_, folder);
  check_units(manifest, pieces_, folder);
  UNPACT_VALIDATE(manifest.step == step, concat("the manifest of ", folder.string(), " speaks of step ", manifest.step),
                  "the folder was renamed or is damaged", "the checkpoint before is tried");
  const auto rank = static_cast<std::size_t>(group_.rank()), ranks = static_cast<std::size_t>(group_.size());
  for (std::size_t f = rank; f < manifest.files.size(); f += ranks) verify_file(folder, manifest.files[f]);
  ShardFiles files(folder, manifest);
  for (std::size_t u = 0; u < pieces_.size(); ++u) {
    const auto& piece = pieces_[u];
    const auto read = [&](const char* kind, const at::Tensor& out) {
      files.read(kind, u, group_.rank() * piece.shard, out.narrow(0, piece.begin, piece.shard));
    };
    read("values", state.values);
    read("first_moment", state.first_moment);
    read("second_moment", state.second_moment);
  }
  state.step = step;
  state.coefficients = manifest.coefficients;
  state.history = manifest.history;
}

/// @return whether the checkpoint was whole on every rank.
bool TrainingCheckpoints::try_load(std::int64_t step, TrainingState& state) {
  const c10::NoGradGuard guard;
  std::exception_ptr foreign;
  std::string damage;
  try {
    read_step(step, state);
  } catch (const ForeignCheckpoint&) {
    foreign = std::current_exception();
  } catch (const UnreadableFile&) {  // it may be whole: another time
    foreign = std::current_exception();
  } catch (const std::exception& error) {
    damage = message_for_user(error);
  }
  const bool ours = agree(!foreign), whole = agree(damage.empty());
  if (foreign) std::rethrow_exception(foreign);
  const auto folder = folder_ / checkpoint_folder_name(step);
  UNPACT_VALIDATE(ours, concat("the training checkpoint ", folder.string(), " was refused by another rank"),
                  "see its message", "restore the configuration, or remove that folder to start anew");
  if (whole) return true;
  if (!damage.empty()) log::warn(damage);
  if (group_.rank() == 0) {
    std::error_code code;
    fs::remove_all(folder.string() + ".bad", code);  // of an earlier time: it would be in the way
    fs::rename(folder, folder.string() + ".bad", code);
  }
  return false;
}

bool TrainingCheckpoints::load(TrainingState& state) {
  if (group_.rank() == 0) clean_up_after_a_kill(folder_);
  const auto steps = list_steps();
  for (const auto step : steps)
    if (try_load(step, state)) return true;
  UNPACT_VALIDATE(steps.empty(), concat("no checkpoint in ", folder_.string(), " is whole"),
                  concat(steps.size(), " were tried; the warnings say why"), "remove that folder to start anew");
  return false;
}

void remove_training_checkpoints(const fs::path& folder) {
  if (fs::exists(folder)) discard_folder(folder);
}

}  // namespace unpact
