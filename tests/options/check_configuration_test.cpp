/// What contradicts itself: lists of a campaign and single choices beside them, names and the files that they name.
#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "options/resolving.hpp"
#include "unpact/core/error.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::refusal;
using testing_support::resolve;
using testing_support::TemporaryFolder;

TEST(Refusal, WhatAListOfTheCampaignReplaces) {
  const TemporaryFolder folder;
  const auto config =
      folder.write("c.ini", "[run]\nseed = 3\n[campaign]\nseeds = 1, 2\nmodels = m\ndatasets = d\nmethods = u\n").string();
  for (const auto* kind : {"models/m", "datasets/d", "methods/u"}) folder.write(concat(kind, ".ini"), "");
  const std::vector<std::pair<std::vector<std::string>, const char*>> cases = {{{"--seed", "5"}, "campaign.seeds"},
                                                                               {{"--run.seed", "5"}, "campaign.seeds"},
                                                                               {{"--model.use", "m"}, "campaign.models"},
                                                                               {{"--dataset", "d"}, "campaign.datasets"},
                                                                               {{"--method", "u"}, "campaign.methods"}};
  for (const auto& [given, list] : cases) {
    std::vector<std::string> arguments = {"--config", config, given[0], given[1]};
    EXPECT_THAT(refusal(arguments, "reproduce"),
                AllOf(HasSubstr("would change nothing"), HasSubstr(list), HasSubstr("reason"),
                      HasSubstr(concat("use --", list, " ", given[1]))));
    EXPECT_EQ(refusal(arguments, "evaluate"), "nothing was thrown") << "other jobs make no lists";
  }
  EXPECT_THAT(refusal({"--seed", "5", "--campaign.seeds", "1"}, "reproduce"), HasSubstr("would change nothing"));
  const auto c = resolve({"--config", config, "--campaign.seeds", "7"}, "reproduce");
  EXPECT_EQ(c.campaign.seeds, "7");
  EXPECT_EQ(c.run.seed, 3U) << "in a file both may stand: that of the target";
}

TEST(Refusal, FewBitsOfWhatTrains) {
  for (const std::string job : {"finetune", "unlearn", "reproduce"})
    EXPECT_THAT(refusal({"--model.bits", "nf4"}, job),
                AllOf(HasSubstr("'model.bits' is 'nf4', and this trains"), HasSubstr(job), HasSubstr("leave it out")));
  EXPECT_THAT(refusal({"--model.bits", "int4", "--model.make_target", "true"}, "attribute"), HasSubstr("model.make_target"));
  EXPECT_EQ(resolve({"--model.bits", "int8_rows"}, "attribute").model.bits, AnsweringBits::int8_rows);
  EXPECT_EQ(resolve({"--model.bits", "all"}, "unlearn").model.bits, AnsweringBits::all);
}

TEST(CampaignSeeds, AreTheRunsSeedWhereNoneAreGiven) {
  EXPECT_EQ(resolve({"--seed", "5"}, "reproduce").campaign.seeds, "5");
  EXPECT_EQ(resolve({}, "reproduce").campaign.seeds, "0");
  EXPECT_EQ(resolve({"--seed", "5"}, "reproduce", {"run.seed=7"}).run.seed, 7U) << "a cell's own wins";
  const TemporaryFolder folder;
  const auto config = folder.write("c.ini", "[run]\nseed = 3\n").string();
  EXPECT_EQ(resolve({"--config", config}, "reproduce").campaign.seeds, "3");
  const auto printed = CommandLine("reproduce", {"--config", config}).printed();
  EXPECT_EQ(CommandLine("reproduce", {"--config", folder.write("again.ini", printed).string()}).printed(), printed);
}

TEST(Refusal, NamesThatNoFileCanHave) {
  for (const auto* key : {"--model.name", "--dataset.name", "--method.name"}) {
    EXPECT_THAT(refusal({key, "org/name"}), AllOf(HasSubstr("'org/name'"), HasSubstr("write org-name"))) << key;
    EXPECT_THAT(refusal({key, std::string(200, 'n')}), AllOf(HasSubstr("nnnn"), HasSubstr("too long"), HasSubstr(", 200")))
        << key;
    EXPECT_THAT(refusal({key, "a\x07"}), HasSubstr("control character")) << key;
    EXPECT_EQ(refusal({key, std::string(100, 'n')}), "nothing was thrown") << key;
  }
  const std::string sixty(60, 'n');
  EXPECT_THAT(refusal({"--model.name", sixty, "--dataset.name", sixty, "--method.name", sixty}),
              HasSubstr("too long together"));
  const TemporaryFolder folder;
  folder.write("methods/u.ini", concat("[method]\nname = ", std::string(300, 'u'), "\n"));
  const auto config = folder.write("c.ini", "[method]\nuse = u\n").string();
  EXPECT_THAT(refusal({"--config", config}, "unlearn"), AllOf(HasSubstr("uuuu"), HasSubstr("too long")))
      << "also a choice's";
}

}  // namespace
}  // namespace unpact
