/// What only one model on one dataset has, and what wins over what among the choices.
#include "src/options/pair_sections.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "options/resolving.hpp"
#include "unpact/core/error.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_support::message_of;
using testing_support::TemporaryFolder;

/// A campaign of two models on two datasets, one method that says nothing and one that says much.
class PairSections : public testing::Test {
 protected:
  PairSections() {
    for (const auto* name : {"m-1.5", "m2"})
      folder_.write(concat("models/", name, ".ini"), concat("[model]\nname = ", name, "\n"));
    for (const auto* name : {"d1", "d.2"})
      folder_.write(concat("datasets/", name, ".ini"), concat("[dataset]\nname = ", name, "\n"));
    folder_.write("methods/plain.ini", "[method]\nname = plain\n");
    folder_.write("methods/own.ini", "[method]\nname = own\nscale = 4\nlearning_rate = 4\n");
  }
  CommandLine line(const std::string& text, std::vector<std::string> more = {}, const std::string& job = "reproduce") const {
    const auto lists = "[campaign]\nmodels = m-1.5, m2\ndatasets = d1, d.2\nmethods = plain, own\n";
    more.insert(more.begin(), {"--config", folder_.write("c.ini", lists + text).string()});
    return {job, more};
  }
  /// A cell as the campaign resolves it.
  static Configuration cell(const CommandLine& campaign, const std::string& model, const std::string& dataset,
                            const std::string& method = "plain") {
    return campaign.resolve({"model.use=" + model, "dataset.use=" + dataset, "method.use=" + method, "run.seed=1"});
  }
  std::string refusal(const std::string& text, const std::vector<std::string>& more = {}) const {
    return message_of<UserError>([&] { line(text, more).resolve(); });
  }
  const TemporaryFolder folder_;
};

TEST_F(PairSections, HoldWhatOnlyTheirPairHas) {
  const auto campaign =
      line("[pair m-1.5 d.2]\nunlearn.learning_rate = 3e-5\nmodel.path = here\nmodel.make_target = true\n");
  const auto c = cell(campaign, "m-1.5", "d.2");
  EXPECT_EQ(c.unlearn.train.learning_rate, 3e-5);
  EXPECT_EQ(c.model.path, (folder_.path() / "here").string()) << "relative to the file that names it";
  EXPECT_TRUE(c.model.make_target);
  for (const auto& [model, dataset] : {std::pair("m-1.5", "d1"), std::pair("m2", "d.2"), std::pair("m2", "d1")}) {
    const auto other = cell(campaign, model, dataset);
    EXPECT_EQ(other.unlearn.train.learning_rate, 1e-5) << model << dataset;
    EXPECT_EQ(other.model.path, "");
    EXPECT_FALSE(other.model.make_target);
  }
}

TEST_F(PairSections, HoldInEveryJob) {
  const auto text = "[pair m2 d1]\ngeneration.max_new_tokens = 7\n";
  const auto both = line(text, {"--model.use", "m2", "--dataset", "d1"}, "unlearn").resolve();
  EXPECT_EQ(both.generation.max_new_tokens, 7);
  EXPECT_NE(line(text, {"--model.use", "m2", "--dataset", "d.2"}, "unlearn").resolve().generation.max_new_tokens, 7);
  EXPECT_NE(line(text, {"--model.use", "m2"}, "unlearn").resolve().generation.max_new_tokens, 7);
}

TEST_F(PairSections, MayBeFiles) {
  folder_.write("pairs/m2__d1.ini", "[model]\npath = there\n[unlearn]\nepochs = 9\n");
  const auto c = cell(line(""), "m2", "d1");
  EXPECT_EQ(c.unlearn.train.epochs, 9);
  EXPECT_EQ(c.model.path, (folder_.path() / "pairs/there").string());
  EXPECT_EQ(cell(line("[pair m2 d1]\nunlearn.batch_size = 3\n"), "m2", "d1").unlearn.train.epochs, 1)
      << "a section stands in the place of the file, as those of choices do";
  folder_.write("pairs/m2__d1.ini", "[unlearn]\nepocs = 9\n");
  EXPECT_THAT(message_of<UserError>([&] { cell(line(""), "m2", "d1"); }),
              AllOf(HasSubstr("'unlearn.epocs'"), HasSubstr("m2__d1.ini, line 2")));
  folder_.write("pairs/m2__d1.ini", "[campaign]\nseeds = 9\n");
  EXPECT_THAT(message_of<UserError>([&] { cell(line(""), "m2", "d1"); }), HasSubstr("'campaign.seeds'"));
}

// default < model < dataset < pair < method < configuration < command line
TEST_F(PairSections, BeatModelAndDatasetAndLoseToTheMethodTheConfigurationAndTheCommandLine) {
  folder_.write("models/m2.ini", "[method]\nscale = 1\n[unlearn]\nepochs = 11\nbatch_size = 11\nmicro_batch = 11\n");
  const auto scale = [&](const std::string& text, const std::string& method, const std::vector<std::string>& more = {}) {
    return cell(line(text, more), "m2", "d1", method).method.scale;
  };
  const std::string pair = "[pair m2 d1]\nmethod.scale = 3\nunlearn.epochs = 13\nunlearn.learning_rate = 3\n";
  EXPECT_EQ(cell(line(""), "m2", "d.2").method.scale, 1) << "the model's over the default";
  folder_.write("datasets/d1.ini", "[method]\nscale = 2\n[unlearn]\nepochs = 12\nbatch_size = 12\n");
  EXPECT_EQ(scale("", "plain"), 2) << "the dataset's over the model's";
  EXPECT_EQ(scale(pair, "plain"), 3) << "the pair's over the dataset's";
  EXPECT_EQ(scale(pair, "own"), 4) << "the method's over the pair's";
  testing::internal::CaptureStderr();
  EXPECT_EQ(scale(pair + "[method]\nscale = 5\n", "own"), 5) << "the configuration's over all choices";
  EXPECT_EQ(scale(pair + "[method]\nscale = 5\n", "own", {"--method.scale", "6"}), 6) << "the command line's over all";
  const auto said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, AllOf(HasSubstr("'method.scale' of [pair m2 d1]"), HasSubstr("line 6"), HasSubstr("line 10")));
  EXPECT_EQ(said.find("warning"), said.rfind("warning")) << "once";
  const auto plain = cell(line(pair), "m2", "d1"), own = cell(line(pair), "m2", "d1", "own");
  EXPECT_EQ(plain.unlearn.train.epochs, 13);
  EXPECT_EQ(plain.unlearn.train.batch_size, 12);
  EXPECT_EQ(plain.unlearn.train.micro_batch, 11);
  EXPECT_EQ(plain.unlearn.train.learning_rate, 3);
  EXPECT_EQ(own.unlearn.train.learning_rate, 4) << "what a method says for itself beats what is said for all methods";
}

TEST_F(PairSections, AreRefusedWithFileAndLine) {
  const auto begin = [](const char* text, const char* place) {
    return AllOf(HasSubstr(text), HasSubstr("c.ini, line "), HasSubstr(place));
  };
  for (const auto* names : {"m3 d1", "m2 d3", "m2", "", "m2 d1 d.2", "d1 m2", "m2__d1", "m2, d1"})
    EXPECT_THAT(refusal(concat("\n[pair ", names, "]\nunlearn.epochs = 1\n")),
                begin("is of no pair of this campaign", "line 6"))
        << names;
  EXPECT_THAT(refusal("[pair m-1.4 d.2]\n"),
              AllOf(HasSubstr("did you mean [pair m-1.5 d.2]?"), HasSubstr("models are m-1.5, m2")))
      << "also where it is empty";
  EXPECT_THAT(refusal("[pair m2 d1]\nunlearn.epochs = 1\n[run]\nseed = 1\n[pair  m2\td1]\nunlearn.batch_size = 2\n"),
              AllOf(begin("appears twice", "line 5"), HasSubstr("line 9")));
  EXPECT_THAT(refusal("[pair m2 d1]\nunlearn.epochs = 1\nunlearn.epochs = 2\n"),
              begin("'unlearn.epochs' appears twice", "line 7"));
  EXPECT_THAT(refusal("[pair m2 d1]\nunlearn.epocs = 1\n"),
              AllOf(begin("unknown option 'unlearn.epocs'", "line 6"), HasSubstr("did you mean 'unlearn.epochs'?")));
  EXPECT_THAT(refusal("[pair m-1.5 d.2]\nepochs = 1\n"), begin("unknown option 'epochs'", "line 6"));
  EXPECT_THAT(refusal("[pair m2 d1]\npath = 1\n"), begin("unknown option 'path'", "line 6"));
  for (const auto* key :
       {"run.seed", "run.output", "campaign.seeds", "model.use", "method.use", "inspect.ranks", "ask.prompt"})
    EXPECT_THAT(refusal(concat("[pair m2 d1]\n", key, " = 1\n")), begin(concat("'", key, "' of a pair").c_str(), "line 6"));
  EXPECT_THAT(refusal("[pairs m2 d1]\n"), HasSubstr("unknown section"));
  folder_.write("models/m2.ini", "[pair m2 d1]\nunlearn.epochs = 1\n");
  EXPECT_THAT(message_of<UserError>([&] { cell(line(""), "m2", "d1"); }), HasSubstr("m2.ini")) << "no choice has pairs";
}

TEST_F(PairSections, OfAWrongValueNameTheLine) {
  EXPECT_THAT(message_of<UserError>([&] { cell(line("[pair m2 d1]\nunlearn.epochs = many\n"), "m2", "d1"); }),
              AllOf(HasSubstr("'unlearn.epochs' is 'many'"), HasSubstr("line 6")));
}

TEST_F(PairSections, AreThoseOfTheFileAlsoWhereOnlyAPartRuns) {
  const auto text = "[pair m2 d1]\nunlearn.epochs = 4\n[pair m-1.5 d1]\nunlearn.epochs = 5\n";
  const auto part = line(text, {"--campaign.models", "m2"});
  EXPECT_EQ(cell(part, "m2", "d1").unlearn.train.epochs, 4);
  EXPECT_THAT(part.printed(), AllOf(HasSubstr("[pair m2 d1]"), Not(HasSubstr("[pair m-1.5 d1]"))));
  folder_.write("models/m3.ini", "[model]\nname = m3\n");
  EXPECT_EQ(cell(line("[pair m3 d1]\nunlearn.epochs = 6\n", {"--campaign.models", "m3"}), "m3", "d1").unlearn.train.epochs,
            6);
}

TEST_F(PairSections, OfNamesWithSpaces) {
  folder_.write("models/my model.ini", "[model]\nname = mine\n");
  folder_.write("datasets/his data.ini", "[dataset]\nname = his\n");
  const auto file = folder_.write(
      "d.ini", "[campaign]\nmodels = my model, m2\ndatasets = his data\n[pair my model  his data]\nunlearn.epochs = 8\n");
  const CommandLine campaign("reproduce", {"--config", file.string()});
  EXPECT_EQ(cell(campaign, "my model", "his data").unlearn.train.epochs, 8);
  EXPECT_THAT(campaign.printed(), HasSubstr("[pair my model his data]\n"));
}

TEST_F(PairSections, ArePrintedSoThatTheTextRunsAlone) {
  folder_.write("pairs/m2__d.2.ini", "[model]\npath = there\n");
  folder_.write("models/m2.ini", "[model]\nname = m2\npath = mine\n[method]\nscale = 2\n");
  const auto text =
      "[pair m2 d1]\nunlearn.epochs = 4\nmodel.path = here\nmethod.scale = 3\n[unlearn]\nbatch_size = 5\n[campaign]\nseeds "
      "= 1\n";
  const TemporaryFolder elsewhere;
  int file = 0;
  const std::vector<std::pair<std::vector<std::string>, int>> given = {{{}, 4},
                                                                       {{"--unlearn.epochs", "6"}, 6},
                                                                       {{"--method.scale", "9"}, 4},
                                                                       {{"--method.epochs", "7"}, 7},
                                                                       {{"--method.epochs", "-1"}, 4}};
  for (const auto& [more, epochs] : given) {
    const auto campaign = line(text, more);
    const auto printed = campaign.printed();
    const CommandLine alone("reproduce", {"--config", elsewhere.write(concat(file++, ".ini"), printed).string()});
    EXPECT_EQ(alone.printed(), printed) << testing::PrintToString(more);
    EXPECT_EQ(cell(alone, "m2", "d1").unlearn.train.epochs, epochs) << testing::PrintToString(more);
    for (const auto* model : {"m-1.5", "m2"})
      for (const auto* dataset : {"d1", "d.2"})
        for (const auto* method : {"plain", "own"})
          EXPECT_EQ(to_ini(with_absolute_paths(cell(alone, model, dataset, method))),
                    to_ini(with_absolute_paths(cell(campaign, model, dataset, method))))
              << model << dataset << method;
  }
}

TEST_F(PairSections, ThatNoFileCanHoldAreNotPrinted) {
  folder_.write("models/m=3.ini", "[model]\nname = m3\n");
  EXPECT_THAT(message_of<UserError>([&] {
                line("", {"--campaign.models", "m=3"}).printed();
              }),
              AllOf(HasSubstr("'choice.models.m=3'"), HasSubstr("rename")));
}

TEST(Choices, MayBuildOnOthersOfTheirKind) {
  const TemporaryFolder folder;
  folder.write("models/base.ini", "[prompt]\nsystem = base\nbefore_question = base\n[model]\npath = base\n");
  folder.write("models/middle.ini", "[model]\nuse = base\npath = middle\n[prompt]\nbefore_question = middle\n");
  folder.write("models/top.ini", "[model]\nuse = middle\nname = top\n");
  const auto config = folder.write(
      "c.ini", "[campaign]\nmodels = top, inside\n[choice.models.inside]\nmodel.use = middle\nmodel.name = in\n");
  const CommandLine campaign("reproduce", {"--config", config.string()});
  const auto c = campaign.resolve({"model.use=top"});
  EXPECT_EQ(c.model.name + " " + c.prompt.system + " " + c.prompt.before_question, "top base middle");
  EXPECT_EQ(c.model.path, (folder.path() / "models/middle").string());
  EXPECT_EQ(campaign.resolve({"model.use=inside"}).prompt.system, "base");
  const TemporaryFolder elsewhere;
  const CommandLine alone("reproduce", {"--config", elsewhere.write("c.ini", campaign.printed()).string()});
  EXPECT_EQ(to_ini(alone.resolve({"model.use=top"})), to_ini(c)) << "the printed text has all of it";
}

TEST(Choices, MustNotBuildOnThemselvesOrOnOtherKinds) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& text) {
    folder.write("models/a.ini", text);
    return message_of<UserError>([&] {
      testing_support::resolve({"--config", folder.write("c.ini", "[model]\nuse = a\n").string()});
    });
  };
  folder.write("models/b.ini", "[model]\nuse = a\n");
  EXPECT_THAT(refused("[model]\nuse = b\n"), HasSubstr("'a' of models builds on itself"));
  EXPECT_THAT(refused("[model]\nuse = a\n"), HasSubstr("builds on itself"));
  EXPECT_THAT(refused("[model]\nuse = none\n"), HasSubstr("models/none.ini"));
  EXPECT_THAT(refused("[dataset]\nuse = d\n"), HasSubstr("'a' of models sets 'dataset.use'"));
}

}  // namespace
}  // namespace unpact
