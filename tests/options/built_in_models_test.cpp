#include "../../src/options/built_in_models.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "core/temporary_folder.hpp"
#include "options/resolving.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::refusal;
using testing_support::resolve;
using testing_support::TemporaryFolder;

TEST(BuiltInModels, EachIsFoundWithoutAndWithAConfigurationInAnyFolder) {
  const TemporaryFolder folder;
  const auto config = folder.write("c.ini", "[run]\nseed = 2\n").string();
  EXPECT_GE(built_in_models().size(), 15U);
  for (const auto& [name, text] : built_in_models()) {
    const auto alone = resolve({"--model.use", name}), with = resolve({"--config", config, "--model.use", name});
    EXPECT_EQ(alone.prompt.before_question, with.prompt.before_question) << name;
    EXPECT_EQ(alone.prompt.resolve().after_question, with.prompt.resolve().after_question) << name;
    EXPECT_NE(alone.model.name, Configuration().model.name) << name;
    EXPECT_TRUE(alone.model.path.empty()) << name;
  }
}

TEST(BuiltInModels, SayWhatTheirFilesSay) {
  const auto models = std::filesystem::path(UNPACT_SOURCE_DIR) / "configs/models";
  for (const auto* name : {"qwen3", "zephyr", "mistral-instruct"}) {
    const auto file = resolve({"--config", (models / name).string() + ".ini"}), own = resolve({"--model.use", name});
    EXPECT_EQ(file.prompt.before_question, own.prompt.before_question) << name;
    EXPECT_EQ(file.prompt.add_bos, own.prompt.add_bos) << name;
  }
  EXPECT_EQ(resolve({"--model.use", "muse-without-bos"}).prompt.after_question,
            resolve({"--model.use", "muse"}).prompt.after_question);
  EXPECT_FALSE(resolve({"--model.use", "muse-without-bos"}).prompt.add_bos);
}

TEST(BuiltInModels, AFileBesideTheConfigurationWinsAndOthersAreListed) {
  const TemporaryFolder folder;
  const auto config = folder.write("c.ini", "[model]\nuse = qwen3\n").string();
  folder.write("models/qwen3.ini", "[model]\nname = mine\n");
  EXPECT_EQ(resolve({"--config", config}).model.name, "mine");
  EXPECT_THAT(refusal({"--model.use", "gwen3"}),
              AllOf(HasSubstr("gwen3"), HasSubstr("the program brings"), HasSubstr("qwen3")));
}

}  // namespace
}  // namespace unpact
