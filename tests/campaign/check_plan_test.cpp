#include "unpact/campaign/check_plan.hpp"

#include <gmock/gmock.h>

#include "../../src/campaign/findings.hpp"  // private to the layer
#include "small_campaign.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/data/load_dataset.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_support::message_of;
using testing_support::write_text;

/// A plan of one pair and one cell; each test breaks something of it.
class CheckPlan : public testing_support::SmallCampaign {
 protected:
  PlanSummary check(std::vector<Pair> plan) { return check_plan(session_, 1, plan); }
  std::string refusal(const Configuration& c) { return refusal(std::vector<Pair>{{c, {c}}}); }
  std::string refusal(std::vector<Pair> plan) {
    return message_of<UserError>([&] { check_plan(session_, 1, plan); });
  }
  /// All ranks of the world see what the root writes.
  void write(const std::string& name, const std::string& text) {
    world_.barrier();
    if (world_.is_root()) write_text(folder_ / name, text);
    world_.barrier();
  }
  Configuration with_method(const std::string& forget) const {
    auto c = configuration();
    c.method.forget = c.method.name = forget;
    return c;
  }
};

TEST_F(CheckPlan, APlanThatHoldsIsCounted) {
  const auto c = configuration(), made = with_made_target();
  const auto summary = check({{c, {c, with_method("npo")}}, {made, {made}}});
  EXPECT_EQ(summary.pairs, 2U);
  EXPECT_EQ(summary.cells, 3U);
  EXPECT_GT(summary.most_bytes, 0);
  EXPECT_THAT(summary.text(), AllOf(HasSubstr("2 pair(s)"), HasSubstr("3 cell(s)"), HasSubstr("GiB")));
  EXPECT_FALSE(std::filesystem::exists(out_)) << "nothing is written";
}

TEST_F(CheckPlan, ALayerThatTheModelHasNotNamesPairCellAndMethod) {
  auto c = with_method("rmu");
  c.method.layer = 7;
  EXPECT_THAT(refusal(c), AllOf(HasSubstr("model model x dataset dataset"), HasSubstr(cell_id(c)), HasSubstr("(method rmu)"),
                                HasSubstr("'method.layer' is 7"), HasSubstr("blocks 0..")));
}

TEST_F(CheckPlan, LayersAndWeightsThatTrainMustExist) {
  auto c = with_method("rmu");
  c.method.layer = 1;
  c.method.trained_layers = "0,1";
  c.method.trained_weights = "mlp.up.weight";
  EXPECT_THAT(refusal(c), HasSubstr("the model has no weight"));
  c.method.trained_layers = "5";
  EXPECT_THAT(refusal(c), HasSubstr("names block 5"));
}

TEST_F(CheckPlan, ASecondModelThatIsMissingIsFoundBeforeTheFirstIsAsked) {
  const auto c = configuration();
  auto second = c;
  second.model.name = "second";
  second.model.path = (folder_ / "nowhere").string();
  EXPECT_THAT(refusal({{c, {c}}, {second, {second}}}),
              AllOf(HasSubstr("model second x dataset dataset"), HasSubstr("nowhere")));
}

TEST_F(CheckPlan, BrokenWeightsAreFoundInTheirHeaders) {
  auto c = configuration();
  write("model/model.safetensors", "torn");
  EXPECT_THAT(refusal(c), HasSubstr("model.safetensors"));
}

TEST_F(CheckPlan, ASecondDatasetThatIsBrokenNamesFileAndEntry) {
  const auto c = configuration();
  auto second = c;
  second.dataset.name = "second";
  second.dataset.path = (folder_ / "second").string();
  write("second/knowmem/forget_qa.json", R"([{"question": "Who?"}])");
  EXPECT_THAT(refusal({{c, {c}}, {second, {second}}}),
              AllOf(HasSubstr("x dataset second"), HasSubstr("forget_qa.json, entry 1"), HasSubstr("'answer'")));
}

TEST_F(CheckPlan, TextsThatTheDatasetHasNotAreMissedWithAndWithoutATokenizer) {
  for (auto c : {configuration(), with_made_target()}) {
    c.unlearn.form = ExampleForm::texts;
    EXPECT_EQ(check({{c, {c}}}).cells, 1U);
    write("bare/knowmem/forget_qa.json", R"([{"question": "Who?", "answer": "Mira"}])");
    write("bare/knowmem/retain_qa.json", R"([{"question": "Where?", "answer": "there"}])");
    c.dataset.path = (folder_ / "bare").string();
    EXPECT_THAT(refusal(c), AllOf(HasSubstr(cell_id(c)), HasSubstr("the forget set is empty"), HasSubstr("no texts")));
    c.model.tokenizer.clear();
    EXPECT_THAT(refusal(c), HasSubstr("the forget set is empty"));
  }
}

TEST_F(CheckPlan, QuestionsMustFitIntoTheContext) {
  auto c = configuration();
  c.generation.max_new_tokens = 400;
  EXPECT_THAT(refusal(c), AllOf(HasSubstr("forget question 0 does not fit"), HasSubstr("its context holds 400")));
}

TEST_F(CheckPlan, FilesOfMethodsAreReadAndPinned) {
  auto c = with_method("dpo");
  c.method.alternates = (folder_ / "answers.txt").string();
  EXPECT_THAT(refusal(c), AllOf(HasSubstr("answers.txt"), HasSubstr("(method dpo)")));
  write("answers.txt", "I do not know.\n");
  std::vector<Pair> plan = {{c, {c}}};
  check_plan(session_, 1, plan);
  EXPECT_EQ(plan[0].cells[0].method.file_checksum, sha256_of_bytes("I do not know.\n"));
  auto weighted = with_method("ga");
  weighted.method.weighting = WeightingKind::given;
  weighted.method.weights_path = (folder_ / "weights.jsonl").string();
  write("weights.jsonl", "[1]\n");
  EXPECT_THAT(refusal(weighted), HasSubstr("do not fit the forget set"));
}

TEST_F(CheckPlan, DataAndConfigsMustStayWhatWasLookedAt) {
  std::vector<Pair> plan = {{configuration(), {configuration()}}};
  check_plan(session_, 1, plan);
  const auto& seen = plan[0].configuration;
  EXPECT_EQ(seen.dataset.checksum, dataset_checksum(load_dataset(seen.dataset)));
  EXPECT_EQ(seen.model.config_checksum, config_checksum(testing_support::small_config()));
  write("data/knowmem/retain_qa.json", R"([{"question": "Where?", "answer": "there"}])");
  EXPECT_THAT(message_of<UserError>([&] { load_dataset(seen.dataset); }), HasSubstr(seen.dataset.checksum));
}

TEST_F(CheckPlan, ATrainingThatCannotFitIsRefused) {
  auto c = with_made_target();
  auto giant = testing_support::small_config();
  giant.hidden_size = 65536, giant.intermediate_size = 262144, giant.layers = 400, giant.head_dim = 16384;
  write("giant/config.json", model_config_json(giant, "float32").dump());
  c.model.config = (folder_ / "giant").string();
  const auto text = refusal(c);
  EXPECT_THAT(text, AllOf(HasSubstr("does not fit into the memory"), HasSubstr(cell_id(c))));
  for (const auto* stage : {"finetune", "baseline", "unlearn", "reshard", "evaluate"})
    EXPECT_THAT(text, HasSubstr(concat("the stage '", stage, "' does not fit")));
}

TEST_F(CheckPlan, EveryProblemIsSaidAtOnce) {
  auto c = configuration(), layer = with_method("rmu"), data = configuration();
  layer.method.layer = 7;
  data.dataset.name = "second";
  data.dataset.path = (folder_ / "nowhere").string();
  const auto text = refusal({{c, {layer, c}}, {data, {data}}});
  EXPECT_THAT(text, AllOf(HasSubstr("has 2 problems"), HasSubstr("(1) model model x dataset dataset, cell"),
                          HasSubstr("method.layer"), HasSubstr("(2) model model x dataset second"), HasSubstr("nowhere")));
}

TEST_F(CheckPlan, AProblemOfOneRankIsOneOfAll) {
  const testing_support::TemporaryFolder own;
  auto c = with_method("dpo");
  c.method.alternates = (world_.rank() == world_.size() - 1 ? own.path() / "none" : folder_ / "answers.txt").string();
  write("answers.txt", "I do not know.\n");
  EXPECT_THAT(refusal(c), HasSubstr("none"));
}

TEST(Findings, AreListedUpToSomeNumberAndOnceWhereRanksAgree) {
  const auto world = Communicator::world();
  Findings findings;
  for (int i = 0; i < 25; ++i)
    EXPECT_FALSE(findings.note(concat("place ", i), [&] { throw UserError(concat("wrong ", i), "because", "mend it"); }));
  EXPECT_TRUE(findings.note("well", [] {}));
  const auto text = message_of<UserError>([&] { findings.refuse(world, "the plan"); });
  EXPECT_THAT(text, AllOf(HasSubstr("the plan has 25 problems"), HasSubstr("(20) place 19: wrong 19: because [mend it]"),
                          HasSubstr("and 5 more")));
  EXPECT_THAT(text, Not(HasSubstr("place 20")));
}

TEST(Findings, AProblemOfSeveralPlacesIsSaidOnceWithAllOfThem) {
  const auto world = Communicator::world();
  Findings findings;
  for (const auto* place : {"cell a", "cell b"})
    findings.note(place, [] { throw UserError("the set is empty", "line one\n   line two", "choose another"); });
  const auto text = message_of<UserError>([&] { findings.refuse(world, "the plan"); });
  EXPECT_EQ(text, "cell a; cell b: the set is empty\n  reason: line one; line two\n  hint:   choose another");
}

}  // namespace
}  // namespace unpact
