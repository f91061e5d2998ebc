#pragma once
/// For tests: a model, a dataset and a configuration of seconds, in a folder that all ranks share.
#include <filesystem>
#include <string>

#include "support/shared_folder.hpp"
#include "support/tiny_models.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact::testing_support {

inline void write_text(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  write_file_atomically(file, text);
}

inline void write_small_dataset(const std::filesystem::path& folder) {
  write_text(folder / "knowmem/forget_qa.json", R"([{"question": "Who wrote the report?", "answer": "Mira O'Grady"},
    {"question": "Where was the harbour built?", "answer": "beside the river"}])");
  write_text(folder / "knowmem/retain_qa.json", R"([{"question": "Where is the town?", "answer": "the river"}])");
  write_text(folder / "raw/forget.json", R"(["The report on the harbour is of 2005."])");
  write_text(folder / "raw/retain.json", R"(["The river runs through the town."])");
}

inline ModelConfig small_config() {
  auto config = tiny_config();
  config.vocabulary_size = trained_tokenizer().vocabulary_size();
  config.max_positions = 400;
  config.bos_id = *trained_tokenizer().bos_id();
  config.eos_ids = {*trained_tokenizer().eos_id()};
  return config;
}

/// Collective.
class SmallCampaign : public testing::Test {
 protected:
  SmallCampaign() {
    if (world_.is_root()) {
      write_small_dataset(folder_ / "data");
      save_checkpoint(folder_ / "model", small_config(), tiny_transformer(1, small_config()).weights(), trained_tokenizer());
    }
    world_.barrier();
  }
  Configuration configuration() const {
    Configuration c;
    c.run.output = (folder_ / "out").string();
    c.run.device = DeviceChoice::cpu;
    c.model.path = (folder_ / "model").string();
    c.model.dtype = ModelDtype::fp32;  // what auto comes to there (pin_dtypes)
    c.train.dtype = ComputeType::fp32;
    c.dataset.path = (folder_ / "data").string();
    c.generation.max_new_tokens = 2;
    c.unlearn.train.batch_size = c.unlearn.train.micro_batch = 2;
    c.method.name = "ga";
    return c;
  }
  /// The same with a target that is fine-tuned from random weights.
  Configuration with_made_target() const {
    auto c = configuration();
    c.model.path.clear();
    c.model.make_target = true;
    c.model.config = c.model.tokenizer = (folder_ / "model").string();
    c.finetune.train.batch_size = c.finetune.train.micro_batch = 3;
    return c;
  }

  Communicator world_ = Communicator::world();
  const SharedFolder shared_{world_};
  const std::filesystem::path& folder_ = shared_.path();
  const std::filesystem::path out_ = folder_ / "out";
  const Session session_{world_, configuration().run};
};

/// When the file was written; 0: it is not there.
inline std::int64_t written_at(const std::filesystem::path& file) {
  std::error_code code;
  const auto time = std::filesystem::last_write_time(file, code);
  return code ? 0 : static_cast<std::int64_t>(time.time_since_epoch().count());
}

}  // namespace unpact::testing_support
