#include "unpact/campaign/unlearned_folder.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::message_of;
using testing_support::tiny_language_model;

class UnlearnedFolder : public testing::Test {
 protected:
  UnlearnedFolder() {
    made_.method.forget = "npo";
    made_.method.name = "mine";
    made_.unlearn.train.learning_rate = 0.25;
    made_.unlearn.loss_on = LossOn::all;
    save_unlearned(folder_, tiny_language_model(1), made_, "abc");
    asked_.evaluate.unlearned = folder_.string();
  }
  void describe() { describe_unlearned(asked_, {weights_checksum(folder_), config_checksum(read_model_config(folder_))}); }
  void rewrite(const Json& json) const { write("unlearning.json", json.dump()); }
  void write(const std::string& name, const std::string& text) const { temporary_.write("model/" + name, text); }

  const testing_support::TemporaryFolder temporary_;
  const std::filesystem::path folder_ = temporary_.path() / "model";
  Configuration made_, asked_;
};

TEST_F(UnlearnedFolder, SaysHowItWasMade) {
  describe();
  EXPECT_EQ(asked_.method.name, "mine");
  EXPECT_EQ(asked_.method.forget, "npo");
  EXPECT_EQ(asked_.unlearn.train.learning_rate, 0.25);
  EXPECT_EQ(asked_.unlearn.loss_on, LossOn::all);
  EXPECT_EQ(asked_.evaluate.checksum, weights_checksum(folder_));
  EXPECT_EQ(asked_.evaluate.config_checksum, config_checksum(read_model_config(folder_)));
  EXPECT_EQ(read_json_file(folder_ / "unlearning.json")["target_sha256"], "abc");
}

TEST_F(UnlearnedFolder, OfOlderVersionsSaysTwoRatesOfWhichTheMethodsRan) {
  auto json = read_json_file(folder_ / "unlearning.json");
  json["options"]["method.learning_rate"] = "0.5";
  rewrite(json);
  describe();
  EXPECT_EQ(asked_.unlearn.train.learning_rate, 0.5);
  EXPECT_EQ(asked_.method_overrides.learning_rate, -1);
}

TEST_F(UnlearnedFolder, WithoutADescriptionIsCalledUnlearned) {
  std::filesystem::remove(folder_ / "unlearning.json");
  describe();
  EXPECT_EQ(asked_.method.name, "unlearned");
}

TEST_F(UnlearnedFolder, AGivenNameWins) {
  asked_.method.name = "given";
  describe();
  EXPECT_EQ(asked_.method.name, "given");
  EXPECT_EQ(asked_.method.forget, Configuration().method.forget);
}

TEST_F(UnlearnedFolder, OtherWeightsThanNamedAreRefused) {
  asked_.evaluate.checksum = std::string(64, '0');
  EXPECT_THAT(message_of<UserError>([&] { describe(); }), HasSubstr("evaluate.checksum"));
  asked_.evaluate.checksum.clear();
  asked_.evaluate.config_checksum = std::string(64, '0');
  EXPECT_THAT(message_of<UserError>([&] { describe(); }), HasSubstr("evaluate.config_checksum"));
}

TEST_F(UnlearnedFolder, ABrokenDescriptionIsRefused) {
  for (const auto* text : {"[]", R"({"method": 3})", R"({"method": "x", "options": []})",
                           R"({"method": "x", "options": {"method.forget": "magic"}})",
                           R"({"method": "x", "options": {"unlearn.epochs": "many"}})",
                           R"({"method": "x", "options": {"unlearn.epochs": 3}})"}) {
    write("unlearning.json", text);
    auto c = asked_;
    EXPECT_THROW(describe_unlearned(c, {}), UserError) << text;
  }
}

TEST_F(UnlearnedFolder, AModelOfTwoKeepsBoth) {
  auto target = tiny_language_model(1);
  UnlearnResult result{clone_weights(tiny_language_model(2).transformer.weights()),
                       {},
                       clone_weights(tiny_language_model(3).transformer.weights())};
  MethodOptions method;
  method.scale = 3;
  const auto model = unlearned_model(target, std::move(result), method);
  ASSERT_NE(model.transformer.reinforced(), nullptr);
  save_unlearned(temporary_.path() / "two", model, made_, "abc");
  EXPECT_EQ(contrast_scale_of(temporary_.path() / "two"), 3.0);
}

}  // namespace
}  // namespace unpact
