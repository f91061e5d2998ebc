/// A method that trains otherwise than [unlearn] says.
#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "options/resolving.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::resolve;
using testing_support::TemporaryFolder;

TEST(MethodOverrides, ReplaceOnlyWhatTheySay) {
  const auto c = resolve({"--unlearn.learning_rate", "1", "--unlearn.epochs", "2", "--unlearn.batch_size", "3",
                          "--method.epochs", "7", "--method.schedule", "cosine", "--seed", "9"});
  const auto train = c.unlearn_training();
  EXPECT_EQ(train.learning_rate, 1);
  EXPECT_EQ(train.epochs, 7) << "both on the command line: that of the method";
  EXPECT_EQ(train.batch_size, 3);
  EXPECT_EQ(name_of_value(train.schedule), "cosine");
  EXPECT_EQ(train.seed, 9U);
  EXPECT_EQ(c.finetune.train.seed, 9U);
}

/// A configuration with common settings, and a method that says all five for itself.
class MethodFile : public testing::Test {
 protected:
  TrainOptions train(std::vector<std::string> arguments, const std::string& more = "") const {
    return configuration(std::move(arguments), more).unlearn.train;
  }
  Configuration configuration(std::vector<std::string> arguments, const std::string& more = "") const {
    const auto config = folder_.write("c.ini",
                                      "[unlearn]\nlearning_rate = 1\nepochs = 1\nmax_steps = 1\nbatch_size = 1\n"
                                      "schedule = constant\n" +
                                          more);
    folder_.write("methods/own.ini",
                  "[method]\nname = own\nlearning_rate = 2\nepochs = 2\nmax_steps = 2\nbatch_size = 2\nschedule = linear\n");
    folder_.write("methods/plain.ini", "[method]\nname = plain\n");
    arguments.insert(arguments.begin(), {"--config", config.string()});
    return resolve(arguments, "unlearn");
  }
  const TemporaryFolder folder_;
};

void expect_all(const TrainOptions& o, int number, const std::string& schedule) {
  EXPECT_EQ(o.learning_rate, number);
  EXPECT_EQ(o.epochs, number);
  EXPECT_EQ(o.max_steps, number);
  EXPECT_EQ(o.batch_size, number);
  EXPECT_EQ(name_of_value(o.schedule), schedule);
}

TEST_F(MethodFile, BeatsWhatTheConfigurationSaysForAllMethods) {
  expect_all(train({"--method", "own"}), 2, "linear");
  expect_all(train({"--method", "plain"}), 1, "constant");
}

TEST_F(MethodFile, LosesToTheCommandLine) {
  expect_all(train({"--method", "own", "--unlearn.learning_rate", "3", "--unlearn.epochs", "3", "--unlearn.max_steps", "3",
                    "--unlearn.batch_size", "3", "--unlearn.schedule", "cosine"}),
             3, "cosine");
  const auto one = train({"--method", "own", "--unlearn.epochs", "3"});
  EXPECT_EQ(one.epochs, 3);
  EXPECT_EQ(one.learning_rate, 2) << "the others stay the method's";
  EXPECT_EQ(train({"--method", "own", "--unlearn.epochs", "3", "--method.epochs", "4"}).epochs, 4)
      << "the method's on the command line beats all";
  EXPECT_EQ(train({"--method", "own", "--method.epochs", "-1"}).epochs, 1) << "-1 on the command line: as for all methods";
}

TEST_F(MethodFile, LosesToTheMethodSectionOfTheConfiguration) {
  EXPECT_EQ(train({"--method", "own"}, "[method]\nepochs = 5\n").epochs, 5);
  EXPECT_EQ(train({"--method", "own", "--unlearn.epochs", "3"}, "[method]\nepochs = 5\n").epochs, 3);
}

TEST_F(MethodFile, OfWhatRunsIsWhatTheConfigurationShows) {
  const auto c = configuration({"--method", "own"});
  EXPECT_THAT(settings_that_affect(c, Made::training), HasSubstr("learning_rate = 2\n"));
  EXPECT_EQ(c.method_overrides.learning_rate, -1) << "it says so in one place";
  EXPECT_EQ(to_ini(c), to_ini(configuration({"--method", "own", "--unlearn.learning_rate", "2"})));
  const TemporaryFolder elsewhere;
  const auto again = resolve({"--config", elsewhere.write("printed.ini", to_ini(c)).string()}, "unlearn");
  EXPECT_EQ(to_ini(again), to_ini(c));
}

TEST_F(MethodFile, ACampaignPrintsWhatEachMethodRuns) {
  const TemporaryFolder elsewhere;
  int file = 0;
  for (const auto& more : std::vector<std::vector<std::string>>{{}, {"--unlearn.epochs", "3"}, {"--method.epochs", "4"}}) {
    configuration({});  // writes the files
    std::vector<std::string> arguments = {"--config", (folder_.path() / "c.ini").string(), "--campaign.methods",
                                          "own, plain"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandLine line("reproduce", arguments);
    const auto printed = line.printed();
    const CommandLine alone("reproduce", {"--config", elsewhere.write(concat(file++, ".ini"), printed).string()});
    EXPECT_EQ(alone.printed(), printed);
    for (const auto* method : {"own", "plain"}) {
      const auto cell = line.resolve({concat("method.use=", method)}),
                 again = alone.resolve({concat("method.use=", method)});
      EXPECT_EQ(settings_that_affect(cell, Made::cell), settings_that_affect(again, Made::cell))
          << method << " " << testing::PrintToString(more);
      if (!more.empty()) {
        EXPECT_EQ(again.unlearn.train.epochs, more.front() == "--unlearn.epochs" ? 3 : 4) << method;
      }
    }
  }
}

}  // namespace
}  // namespace unpact
