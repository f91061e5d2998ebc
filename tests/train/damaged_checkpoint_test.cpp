/// Checkpoints that are damaged or another run's.
#include <fstream>

#include "train/checkpoint_fixture.hpp"
#include "unpact/core/atomic_file.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::TrainingCheckpoint;

class DamagedCheckpoint : public TrainingCheckpoint {
 protected:
  /// Two checkpoints, the newer one changed by `damage`; the run must go on from the older one.
  void expect_fallback(const std::vector<std::function<void(const fs::path&)>>& damages) {
    auto options = eight_steps();
    options.max_steps = 4;
    options.execution.checkpoint_every = 1;
    const auto expected = run(options);
    const auto original = folder_.path() / "training", saved = folder_.path() / "saved";
    world_.barrier();
    if (world_.is_root()) fs::rename(original, saved);
    for (const auto& damage : damages) {
      if (world_.is_root()) {
        fs::remove_all(original);
        fs::copy(saved, original, fs::copy_options::recursive);
        damage(original / "step-00000003");
      }
      world_.barrier();
      expect_same(run(options), expected);
      EXPECT_THAT(kept(), ElementsAre("step-00000002", "step-00000003", "step-00000003.bad"));
    }
  }
};

TEST_F(DamagedCheckpoint, OneBitInAnyFileIsSeen) {
  std::vector<std::string> files = {"manifest.json"};
  for (int r = 0; r < world_.size(); ++r) files.push_back(concat("rank-0000", r, ".safetensors"));
  std::vector<std::function<void(const fs::path&)>> damages;
  for (const auto& file : files)
    damages.emplace_back([file](const fs::path& folder) {
      auto bytes = read_file(folder / file);
      // In the manifest a bit of a checksum, elsewhere one of a number.
      const auto place = file == "manifest.json" ? bytes.find("sha256\": \"") + 12 : bytes.size() - 5;
      bytes[place] = static_cast<char>(bytes[place] ^ 1);
      std::ofstream(folder / file, std::ios::binary) << bytes;
    });
  expect_fallback(damages);
}

TEST_F(DamagedCheckpoint, OneBitInAnyPartOfTheManifestIsSeen) {
  std::vector<std::function<void(const fs::path&)>> damages;
  for (const std::string key :
       {"version", "step", "fingerprint", "coefficients", "loss", "learning_rate", "tokens", "bytes", "sha256"})
    damages.emplace_back([key](const fs::path& folder) {
      auto bytes = read_file(folder / "manifest.json");
      const auto place = bytes.find_first_of("0123456789", bytes.find(concat("\"", key, "\": ")) + key.size() + 4);
      ASSERT_NE(place, std::string::npos) << key;
      bytes[place] = static_cast<char>(bytes[place] ^ 1);
      std::ofstream(folder / "manifest.json", std::ios::binary) << bytes;
    });
  expect_fallback(damages);
}

TEST_F(DamagedCheckpoint, MissingAndExtraFilesAreSeen) {
  expect_fallback({[](const fs::path& folder) { fs::remove(folder / "manifest.json"); },
                   [](const fs::path& folder) { fs::remove(folder / "rank-00000.safetensors"); },
                   [](const fs::path& folder) { std::ofstream(folder / "extra") << "?"; },
                   [](const fs::path& folder) { fs::resize_file(folder / "rank-00000.safetensors", 100); },
                   [](const fs::path& folder) {
                     std::ofstream(folder / "manifest.json") << "{\"format\": \"unpact-training\", \"version\": 2}";
                   },
                   [](const fs::path& folder) {  // of another number of ranks than the pieces were cut for
                     auto manifest = read_json_file(folder / "manifest.json");
                     auto another = manifest["files"].back();
                     another["name"] = concat("rank-0000", manifest["files"].size(), ".safetensors");
                     fs::copy(folder / "rank-00000.safetensors", folder / another["name"].get<std::string>());
                     manifest["files"].push_back(another);
                     std::ofstream(folder / "manifest.json") << manifest.dump();
                   }});
}

TEST_F(DamagedCheckpoint, WhenAllAreDamagedNothingBeginsSilentlyAnew) {
  const auto options = eight_steps();
  stop(options, 2);
  if (world_.is_root()) fs::remove(folder_.path() / "training" / "step-00000003" / "manifest.json");
  world_.barrier();
  EXPECT_THAT(message_of<UserError>([&] { run(options); }), AllOf(HasSubstr("no checkpoint in"), HasSubstr("is whole")));
}

TEST_F(DamagedCheckpoint, OrThatOfAnotherRunOrVersionIsRefused) {
  auto options = eight_steps();
  stop(options, 2);
  auto other = options;
  other.learning_rate = 2e-3;
  EXPECT_THAT(message_of<UserError>([&] { run(other); }),
              AllOf(HasSubstr("belongs to another run"), HasSubstr("step-00000003")));
  for (const auto change :
       {+[](TrainOptions& o) { o.learning_rate += 1e-11; }, +[](TrainOptions& o) { o.adamw.epsilon *= 1 + 1e-7; },
        +[](TrainOptions& o) { o.micro_batch = 3; }, +[](TrainOptions& o) { o.execution.packing = false; }}) {
    other = options;
    change(other);
    EXPECT_THAT(message_of<UserError>([&] { run(other); }), HasSubstr("belongs to another run"))
        << "changed in the eighth digit, or in its order of sums";
  }
  other = options;
  other.identity = "something else";
  EXPECT_THAT(message_of<UserError>([&] { run(other); }), HasSubstr("belongs to another run"));
  world_.barrier();
  if (world_.is_root()) {
    const auto manifest = folder_.path() / "training" / "step-00000003" / "manifest.json";
    write_file_atomically(manifest, "{\"format\": \"unpact-training\", \"version\": 3}");  // the rest may look otherwise
  }
  world_.barrier();
  EXPECT_THAT(message_of<UserError>([&] { run(options); }), AllOf(HasSubstr("has version 3"), HasSubstr("knows version 2")));
  EXPECT_THAT(kept(), ElementsAre("step-00000003"));  // refused, not set aside
}

TEST_F(DamagedCheckpoint, IsTheReasonToKeepTwo) {
  auto options = eight_steps();
  options.execution.checkpoint_keep = 1;
  EXPECT_THAT(message_of<UserError>([&] { run(options); }), HasSubstr("checkpoint_keep"));
}

}  // namespace
}  // namespace unpact
