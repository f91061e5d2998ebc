#include "unpact/checkpoint/checkpoint_survey.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "checkpoint_fit.hpp"
#include "finite.hpp"
#include "unpact/core/error.hpp"
#include "unpact/checkpoint/checkpoint_reader.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kBlockBytes = 8 << 20;

bool is_float(const std::string& dtype) { return dtype == "F32" || dtype == "F16" || dtype == "BF16"; }

/// Reads a tensor once from front to back and gives its pages back on the way.
bool is_finite(const SafetensorsFile& file, const std::string& name) {
  const auto values = file.tensor(name).view({-1});
  const auto size = kBlockBytes / static_cast<std::int64_t>(values.element_size());
  bool finite = true;
  for (std::int64_t begin = 0; begin < values.numel() && finite; begin += size) {
    const auto block = values.narrow(0, begin, std::min(size, values.numel() - begin));
    file.prefetch(block);
    finite = all_finite(block);
    file.release(block);
  }
  return finite;
}

class Surveyor {
 public:
  Surveyor(const fs::path& folder, const ModelConfig* config, bool read_values)
      : folder_(folder), config_(config), read_values_(read_values) {}

  WeightSurvey run() {
    find_files();
    for (const auto& path : survey_.files) noting([&] { look_at(path); });
    if (!survey_.files.empty() && opened_ == survey_.files.size()) noting([&] { const CheckpointReader index(folder_); });
    if (config_ != nullptr && opened_ > 0) compare();
    return std::move(survey_);
  }

 private:
  /// What the call refuses is a problem of the checkpoint.
  template <class Call>
  void noting(const Call& call) {
    try {
      call();
    } catch (const Error& error) {
      survey_.problems.push_back(concat(error.problem(), ": ", error.reason()));
    }
  }

  void find_files() {
    noting([&] { survey_.files = weight_files(folder_); });
    if (!survey_.files.empty()) return;
    // The index is broken or names what is not there: what is there can be looked at all the same.
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder_, ignored))
      if (entry.path().extension() == ".safetensors") survey_.files.push_back(entry.path());
    std::sort(survey_.files.begin(), survey_.files.end());
  }

  void look_at(const fs::path& path) {
    std::error_code ignored;
    if (const auto size = fs::file_size(path, ignored); !ignored) survey_.bytes += size;
    const SafetensorsFile file(path);
    ++opened_;
    for (const auto& [name, entry] : file.header().tensors) {
      std::uint64_t count = 1;
      for (const auto extent : entry.shape) count *= static_cast<std::uint64_t>(extent);
      survey_.parameters[entry.dtype] += count;
      survey_.tensors += tensors_.emplace(name, entry).second ? 1 : 0;
      if (read_values_ && is_float(entry.dtype) && count > 0 && !is_finite(file, name))
        survey_.problems.push_back(concat("tensor '", name, "' in ", path.filename().string(), " holds NaN or infinity"));
    }
  }

  void compare() {
    const auto& architecture = architecture_of(config_->architecture, folder_.string());
    Weights weights;
    const auto expected = named_as_in_files(*config_, tensors_, weights);
    for (auto& fault : disagreements(tensors_, expected, architecture, config_->tied_embeddings)) {
      // A tensor may lie in a file that could not be read.
      const bool unknown = opened_ < survey_.files.size() && fault.starts_with("missing");
      if (!unknown) survey_.problems.push_back(std::move(fault));
    }
  }

  const fs::path& folder_;
  const ModelConfig* config_;
  bool read_values_;
  WeightSurvey survey_;
  std::map<std::string, TensorEntry> tensors_;
  std::size_t opened_ = 0;
};

}  // namespace

WeightSurvey survey_weights(const fs::path& folder, const ModelConfig* config, bool read_values) {
  return Surveyor(folder, config, read_values).run();
}

}  // namespace unpact
