#include "unpact/model/language_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tiny_models.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/checkpoint/checkpoint.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::ByteTokenizer;
using testing_support::message_of;
using testing_support::TemporaryFolder;
using testing_support::tiny_config;
using testing_support::trained_tokenizer;

ModelConfig config_for(std::int64_t vocabulary) {
  auto config = tiny_config();
  config.vocabulary_size = vocabulary;
  return config;
}

void save(const TemporaryFolder& folder, const ModelConfig& config) {
  save_checkpoint(folder.path() / "model", config, random_weights(config, 1), trained_tokenizer());
}

TEST(LanguageModel, LoadsModelAndTokenizerOfAFolder) {
  const TemporaryFolder folder;
  save(folder, config_for(trained_tokenizer().vocabulary_size() + 4));
  const auto model = load_language_model(folder.path() / "model", {}, at::kCPU);
  EXPECT_EQ(model.tokenizer->checksum(), trained_tokenizer().checksum());
  EXPECT_EQ(model.transformer.config().vocabulary_size, trained_tokenizer().vocabulary_size() + 4);
  EXPECT_EQ(model.folder, folder.path() / "model");
}

TEST(LanguageModel, ComesInTheDtypeThatIsAskedForAndKnowsThatOfItsFiles) {
  const TemporaryFolder folder;
  const auto config = config_for(trained_tokenizer().vocabulary_size());
  SaveOptions options;
  options.dtype = at::kBFloat16;
  save_checkpoint(folder.path() / "model", config, random_weights(config, 1), trained_tokenizer(), options);
  const auto load = [&](c10::ScalarType dtype) { return load_language_model(folder.path() / "model", {}, at::kCPU, dtype); };
  const auto wide = load(at::kFloat);
  EXPECT_EQ(wide.transformer.weights().embedding_VD.scalar_type(), at::kFloat);
  EXPECT_EQ(wide.stored, at::kBFloat16);
  for (const auto dtype : {at::kBFloat16, at::kHalf}) {
    const auto model = load(dtype);
    EXPECT_EQ(model.stored, at::kBFloat16);
    for (const auto& [name, tensor] : named_tensors(model.transformer.weights()))
      EXPECT_EQ(tensor.scalar_type(), dtype) << name;
    EXPECT_EQ(testing_support::first_difference(converted(wide.transformer, dtype, at::kCPU).weights(),
                                                model.transformer.weights()),
              "");
  }
  const auto same = converted(wide.transformer, at::kFloat, at::kCPU);
  EXPECT_TRUE(same.weights().head_VD.is_alias_of(wide.transformer.weights().head_VD))
      << "nothing to convert, nothing to copy";
}

TEST(LanguageModel, RefusesATokenizerWithMoreTokensThanTheModel) {
  const TemporaryFolder folder;
  const auto size = trained_tokenizer().vocabulary_size();
  save(folder, config_for(size - 1));
  EXPECT_THAT(message_of<UserError>([&] { load_language_model(folder.path() / "model", {}, at::kCPU); }),
              AllOf(HasSubstr("disagree"), HasSubstr(concat(size, " tokens")), HasSubstr(concat("only ", size - 1)),
                    HasSubstr("hint")));
}

TEST(LanguageModel, RefusesAnotherBos) {
  auto config = config_for(300);
  config.bos_id = 9;
  const ByteTokenizer tokenizer;
  EXPECT_THAT(message_of<UserError>([&] { check_vocabulary(config, tokenizer, "here"); }),
              AllOf(HasSubstr("here"), HasSubstr("BOS is 1"), HasSubstr("9 for the model")));
  config.bos_id = -1;
  EXPECT_NO_THROW(check_vocabulary(config, tokenizer, "here"));
  ByteTokenizer without_specials;
  without_specials.has_specials = false;
  EXPECT_NO_THROW(check_vocabulary(config_for(259), without_specials, "here"));
}

TEST(LanguageModel, TakesAnotherBosThatTheModelsFilesExplain) {
  const ByteTokenizer tokenizer;
  auto config = config_for(300);
  config.bos_id = 9;
  config.original_generation = {{"bos_token_id", 1}};  // as DeepSeek-R1-Distill-Qwen is published
  EXPECT_NO_THROW(check_vocabulary(config, tokenizer, "here"));
  config.original_generation = {{"bos_token_id", 9}};
  EXPECT_THROW(check_vocabulary(config, tokenizer, "here"), UserError);
  config.eos_ids = {9};
  EXPECT_NO_THROW(check_vocabulary(config, tokenizer, "here"));
}

TEST(LanguageModel, TakesSpecialTokensBeyondTheModelsRows) {
  const TemporaryFolder folder;
  const std::string pad = R"({"id": 3, "content": "[PAD]", "special": true})", plain = R"({"id": 3, "content": "zzz"})";
  for (const auto* token : {&pad, &plain}) {
    folder.write(
        "tokenizer.json",
        R"({"model": {"type": "BPE", "merges": [], "vocab": {"a": 0, "b": 1, "c": 2}}, "added_tokens": [)" + *token + "]}");
    const auto tokenizer = load_tokenizer(folder.path());
    ASSERT_EQ(tokenizer->vocabulary_size(), 4);
    EXPECT_EQ(vocabulary_disagreements(config_for(3), *tokenizer).empty(), token == &pad);
    EXPECT_TRUE(vocabulary_disagreements(config_for(4), *tokenizer).empty());
  }
}

TEST(LanguageModel, LeavesPaddingOfTheVocabularyOutOfAnswers) {
  const LanguageModel model{
      testing_support::tiny_transformer(1, config_for(264)), std::make_shared<ByteTokenizer>(), {}, {}};
  EXPECT_EQ(model.text_of({3 + ' ', 3 + 'P', 263, 3 + 'o', 259, 3 + 't', 2}), "Pot");
  EXPECT_EQ(model.text_of({3 + 'a', 3 + '\n', 3 + '\n', 3 + 'b'}), "a");
  EXPECT_EQ(model.text_of({}), "");
}

}  // namespace
}  // namespace unpact
