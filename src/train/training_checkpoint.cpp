#include "unpact/train/training_checkpoint.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

#include "checkpoint_manifest.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/checkpoint/safetensors.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kDigest = 64;  // characters of a checksum

at::Tensor staged(const at::Tensor& tensor) { return tensor.detach().to(at::kCPU, /*non_blocking=*/false, /*copy=*/true); }

}  // namespace

/// A save under way: a copy of this rank's state and the thread that writes it.
struct TrainingCheckpoints::Save {
  std::int64_t step = 0;
  std::vector<double> coefficients;
  Json history;
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  fs::path temporary, file;
  std::thread writer;
  std::atomic<bool> written = false;
  std::string failure, checksum;  // valid once `written`
  std::int64_t bytes = 0;
  Stopwatch watch;

  void write() {
    try {
      write_safetensors(file, tensors, {{"format", "pt"}});
      checksum = sha256_of_file(file);
      bytes = static_cast<std::int64_t>(fs::file_size(file));
    } catch (const std::exception& error) {
      failure = one_line(error);
    }
    tensors.clear();
    written = true;
  }
  ~Save() {
    if (writer.joinable()) writer.join();
  }
};

TrainingCheckpoints::TrainingCheckpoints(fs::path folder, std::string fingerprint, std::vector<ShardPiece> pieces,
                                         Collectives& group, const c10::Device& device, std::int64_t keep)
    : folder_(std::move(folder)), fingerprint_(std::move(fingerprint)), pieces_(std::move(pieces)), group_(group),
      device_(device), keep_(keep) {
  UNPACT_VALIDATE(keep >= 2, concat("option 'train.checkpoint_keep' is ", keep), "the newest one may turn out to be damaged",
                  "keep at least 2");
}

TrainingCheckpoints::~TrainingCheckpoints() = default;

void TrainingCheckpoints::start_save(const TrainingState& state) {
  finish();
  auto save = std::make_unique<Save>();
  save->step = state.step;
  save->coefficients = state.coefficients;
  save->history = state.history;
  save->temporary = folder_ / concat(".", checkpoint_folder_name(state.step), ".tmp");
  save->file = save->temporary / shard_file_name(static_cast<std::size_t>(group_.rank()));
  for (const auto& [name, tensor] : {std::pair("values", state.values), std::pair("first_moment", state.first_moment),
                                     std::pair("second_moment", state.second_moment)})
    for (const auto& piece : pieces_)
      save->tensors.emplace_back(concat(name, "/", piece.unit), staged(tensor.narrow(0, piece.begin, piece.shard)));
  together([&] {
    if (group_.rank() != 0) return;
    std::error_code code;
    fs::remove_all(save->temporary, code);
    fs::create_directory(save->temporary, code);
    if (code == std::errc::no_such_file_or_directory) fs::create_directories(save->temporary, code);
    if (code)
      throw RuntimeFailure(concat("cannot create the checkpoint folder ", save->temporary.string()), by_rank(code.message()),
                           "check the disk, the folder and its permissions");
  });
  save->writer = std::thread([running = save.get()] { running->write(); });
  save_ = std::move(save);
}

void TrainingCheckpoints::poll() {
  if (save_ && agree(save_->written)) complete();
}

void TrainingCheckpoints::finish() {
  if (!save_) return;
  save_->writer.join();
  complete();
}

/// What this rank says of a failure, the same on every rank.
std::string TrainingCheckpoints::by_rank(const std::string& reason) const {
  return concat("rank ", group_.rank(), ": ", reason);
}

void TrainingCheckpoints::together(const std::function<void()>& step) {
  fail_together(group_, device_, step, Telling::error_alone);
}

/// Manifest and final name. @param table_RC a row a rank: its file's checksum and size.
void TrainingCheckpoints::publish(const Save& save, const at::Tensor& table_RC) {
  CheckpointManifest manifest;
  manifest.step = save.step;
  manifest.fingerprint = fingerprint_;
  manifest.coefficients = save.coefficients;
  manifest.history = save.history;
  for (const auto& piece : pieces_) manifest.units.push_back({piece.unit, piece.unit_size, piece.shard});
  for (std::int64_t r = 0; r < table_RC.size(0); ++r) {
    const auto* row = table_RC.const_data_ptr<std::int64_t>() + r * (kDigest + 1);
    manifest.files.push_back({shard_file_name(static_cast<std::size_t>(r)), row[kDigest], std::string(row, row + kDigest)});
  }
  try {
    write_file_in_place(save.temporary / "manifest.json", to_text(manifest));  // the folder has no name yet
    rename_folder_durably(save.temporary, folder_ / checkpoint_folder_name(save.step));
    note_progress();
  } catch (const std::exception& error) {
    throw RuntimeFailure(concat("the checkpoint of step ", save.step, " could not be completed"), by_rank(one_line(error)),
                         "check the disk, then start again: it continues from the checkpoint before");
  }
}

/// All ranks have written: the manifest, the final name, and away with the oldest.
void TrainingCheckpoints::complete() {
  const auto save = std::move(save_);
  if (save->writer.joinable()) save->writer.join();
  together([&] {
    if (!save->failure.empty())
      throw RuntimeFailure(concat("the checkpoint of step ", save->step, " could not be written"), by_rank(save->failure),
                           "free some space, then start again: it continues from the checkpoint before");
  });
  auto mine = at::zeros({kDigest + 1}, at::kLong);
  for (std::int64_t i = 0; i < kDigest; ++i) mine[i] = save->checksum[static_cast<std::size_t>(i)];
  mine[kDigest] = save->bytes;
  auto all = at::empty({group_.size() * mine.numel()}, mine.options().device(device_));
  group_.all_gather(all, mine.to(all.device()));
  together([&] {
    if (group_.rank() == 0) publish(*save, all.to(at::kCPU).view({group_.size(), -1}));
  });
  const auto steps = list_steps();
  if (group_.rank() == 0)
    for (std::size_t i = static_cast<std::size_t>(keep_); i < steps.size(); ++i)
      discard_folder(folder_ / checkpoint_folder_name(steps[i]));
  save_seconds_ = save->watch.seconds();
}

}  // namespace unpact
