/// The rows of the option table: each says what it affects, and only that is in the text of it.
#include "unpact/options/option_table.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <set>

#include "changed_option.hpp"
#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing_support::change;
using testing_support::message_of;

const std::vector<Made>& all_made() {
  static const std::vector<Made> all = {Made::target, Made::baseline, Made::cell, Made::training};
  return all;
}

/// The keys of the real table that affect `made`.
std::set<std::string> keys_that_affect(Made made) {
  Configuration c;
  std::set<std::string> keys;
  for (const auto& option : option_table(c))
    if (option.affects.has(made)) keys.insert(option.key);
  return keys;
}

TEST(OptionTable, KeysAreDifferentAndSaySectionAndName) {
  Configuration c;
  std::set<std::string> keys;
  for (const auto& option : option_table(c)) {
    EXPECT_TRUE(keys.insert(option.key).second) << option.key;
    EXPECT_EQ(std::count(option.key.begin(), option.key.end(), '.'), 1) << option.key;
    EXPECT_FALSE(option.help.empty()) << option.key;
  }
}

TEST(OptionTable, EveryRowHoldsAValueOfItsOwnThatItsTextGivesBack) {
  Configuration c, copy;
  const auto rows = option_table(c), others = option_table(copy);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    change(rows[i]);
    EXPECT_NE(value_text(rows[i]), value_text(others[i])) << rows[i].key << " shares its value with another row";
    assign(others[i], value_text(rows[i]), "in a test");
    EXPECT_EQ(value_text(rows[i]), value_text(others[i])) << rows[i].key;
  }
  EXPECT_EQ(to_ini(c), to_ini(copy));
}

TEST(OptionTable, DefaultsPassTheirOwnChecks) {
  Configuration c;
  for (const auto& option : option_table(c))
    if (option.check) {
      EXPECT_NO_THROW(option.check(option)) << option.key;
    }
}

TEST(Affects, AChangeShowsInExactlyTheTextsOfWhatItAffects) {
  Configuration defaults, c;
  for (std::size_t i = 0; i < option_table(defaults).size(); ++i) {
    c = defaults;
    const auto option = option_table(c)[i];
    change(option);
    for (const auto made : all_made())
      EXPECT_EQ(settings_that_affect(c, made) != settings_that_affect(defaults, made), option.affects.has(made))
          << option.key << " and " << name_of_value(made);
  }
}

TEST(Affects, ACellHoldsWhatItsBaselineAndItsTrainingAre) {
  const auto cell = keys_that_affect(Made::cell);
  for (const auto made : {Made::baseline, Made::training})
    for (const auto& key : keys_that_affect(made)) EXPECT_EQ(cell.count(key), 1U) << key;
}

TEST(Affects, WhatIsKnownToDecideNumbersDoes) {
  using Set = std::set<Made>;
  const Set none, all = {Made::target, Made::baseline, Made::cell, Made::training},
                  unlearning = {Made::cell, Made::training};
  const std::map<std::string, Set> expected = {{"run.seed", all},
                                               {"prompt.before_question", all},
                                               {"finetune.learning_rate", {Made::target}},
                                               {"unlearn.learning_rate", unlearning},
                                               {"unlearn.micro_batch", unlearning},
                                               {"unlearn.step_rule", unlearning},
                                               {"finetune.step_rule", {Made::target}},
                                               {"method.beta", unlearning},
                                               {"method.file_checksum", unlearning},
                                               {"evaluation.metrics", {Made::baseline, Made::cell}},
                                               {"evaluation.retrained", none},
                                               {"evaluation.retrained_checksum", {Made::cell}},
                                               {"train.dtype", {Made::target, Made::cell, Made::training}},
                                               {"train.master_weights", {Made::target, Made::cell, Made::training}},
                                               {"train.long_examples", {Made::target, Made::cell, Made::training}},
                                               {"train.lora_rank", {Made::target, Made::cell, Made::training}},
                                               {"train.lora_alpha", {Made::target, Made::cell, Made::training}},
                                               {"train.lora_targets", {Made::target, Made::cell, Made::training}},
                                               {"train.lora_result", none},
                                               {"dataset.skip_long", all},
                                               {"generation.max_new_tokens", {Made::baseline, Made::cell}},
                                               {"attribution.alpha", {Made::baseline, Made::cell}},
                                               {"judge.threshold", {Made::baseline, Made::cell}},
                                               {"judge.model", none},
                                               {"judge.model_checksum", {Made::baseline, Made::cell}},
                                               {"judge.passages", none},
                                               {"judge.passages_checksum", {Made::baseline, Made::cell}},
                                               {"judge.question", {Made::baseline, Made::cell}},
                                               {"attribution.score_end", {Made::baseline, Made::cell}},
                                               {"unlearn.forget_sets", unlearning},
                                               {"unlearn.forget_sets_checksum", unlearning},
                                               {"campaign.sequence", none},
                                               {"unlearn.save_points", unlearning},
                                               {"unlearn.keep_points", none},
                                               {"unlearn.select", unlearning},
                                               {"unlearn.mix", {Made::cell}},
                                               {"unlearn.mix_keep", {Made::cell}},
                                               {"campaign.sweep", none},
                                               {"method.sweep", none},
                                               {"probe.temperature", {Made::baseline, Made::cell}},
                                               {"probe.phrasings", {Made::target, Made::baseline, Made::cell}},
                                               {"dataset.forget_set", none},  // its texts are in the checksum
                                               {"dataset.limit", {Made::baseline, Made::cell}},
                                               {"evaluate.checksum", {Made::cell}},
                                               {"evaluate.config_checksum", {Made::cell}},
                                               {"model.dtype", {Made::baseline, Made::cell}},
                                               {"model.config_checksum", {Made::baseline, Made::cell, Made::training}},
                                               // where things lie and are kept, on what they run, what they are called
                                               {"run.output", none},
                                               {"run.device", none},
                                               {"run.threads", none},
                                               {"generation.token_budget", none},
                                               {"model.path", none},
                                               {"model.replica", none},
                                               {"dataset.path", none},
                                               {"model.name", none},
                                               {"method.name", none},
                                               {"train.shard", none},
                                               {"train.recompute", none},
                                               {"train.checkpoint_every", none},
                                               {"train.checkpoint_minutes", none},
                                               {"method.cache", none},
                                               {"method.cache_gib", none},
                                               {"method.rmu_early_stop", none},
                                               {"attribution.tune", none},
                                               {"attribution.tune_alphas", none},
                                               {"campaign.methods", none},
                                               {"campaign.ranks_per_cell", none},
                                               {"ask.prompt", none},
                                               {"evaluate.unlearned", none}};
  Configuration c;
  std::set<std::string> found;
  for (const auto& option : option_table(c)) {
    const auto it = expected.find(option.key);
    if (it == expected.end()) continue;
    found.insert(option.key);
    for (const auto made : all_made())
      EXPECT_EQ(option.affects.has(made), it->second.count(made) == 1) << option.key << " " << name_of_value(made);
  }
  EXPECT_EQ(found.size(), expected.size());
}

TEST(Affects, PathsAndNamesDecideNothing) {
  Configuration c;
  for (const auto& option : option_table(c))
    for (const auto made : all_made())
      if (option.role == Role::input_path || option.role == Role::name) {
        EXPECT_FALSE(option.affects.has(made)) << option.key;
      }
}

TEST(OriginsOfInputs, AreNamesPathsAndHowTheTargetWasMade) {
  Configuration c;
  c.model.name = "mine";
  c.dataset.path = "data";
  c.finetune.train.epochs = 77;
  const auto text = origins_of_inputs(c, Made::cell);
  EXPECT_THAT(text, HasSubstr("name = mine\n"));
  EXPECT_THAT(text, HasSubstr(concat("path = ", (std::filesystem::current_path() / "data").string(), "\n")));
  EXPECT_THAT(text, HasSubstr("epochs = 77\n"));
  EXPECT_THAT(text, Not(HasSubstr("tokenizer ="))) << "nothing is not written";
  EXPECT_THAT(text, Not(HasSubstr("[unlearn]"))) << "stands among the settings";
}

TEST(AddedOptions, AreOptionsLikeTheOthers) {
  std::int64_t steps = 3;
  {
    const AddedOptions added({{"extra.steps", "of a test", &steps, {Made::cell}}});
    const auto c = CommandLine("unlearn", {"--extra.steps", "5"}).resolve();
    EXPECT_EQ(steps, 5);
    EXPECT_THAT(to_ini(c), HasSubstr("[extra]\nsteps = 5\n"));
    EXPECT_THAT(settings_that_affect(c, Made::cell), HasSubstr("[extra]\nsteps = 5\n"));
    EXPECT_THAT(settings_that_affect(c, Made::baseline), Not(HasSubstr("extra")));
    EXPECT_THAT(message_of<UserError>([] {
                  CommandLine("unlearn", {"--extra.steps", "x"}).resolve();
                }),
                HasSubstr("'extra.steps' is 'x'"));
  }
  EXPECT_THAT(message_of<UserError>([] {
                CommandLine("unlearn", {"--extra.steps", "5"}).resolve();
              }),
              HasSubstr("unknown option"));
}

}  // namespace
}  // namespace unpact
