/// T5's tokenizers; ids and decoded texts against the packages are in bpe_oracle_test.cpp.
#include "../../src/text/unigram_tokenizer.hpp"  // private to the layer

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "../../src/text/unigram_json.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/text/prompt.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::pieces_of;
using testing_support::TemporaryFolder;

/// A tokenizer.json with few pieces: letters, and one word.
std::string unigram_json(const std::string& more = R"("byte_fallback": false)", const std::string& score = "-1.5",
                         const std::string& template_end = R"({"SpecialToken": {"id": "</s>", "type_id": 0}})") {
  return R"({"added_tokens": [{"id": 0, "content": "<pad>", "special": true}, {"id": 1, "content": "</s>", "special": true},
    {"id": 2, "content": "<unk>", "special": true}, {"id": 8, "content": "<extra_id_0>", "special": true}],
    "normalizer": null, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
    "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}, )" +
         template_end + R"(]}, "decoder": {"type": "Metaspace"},
    "model": {"type": "Unigram", "unk_id": 2, )" +
         more +
         R"(, "vocab": [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["▁", -2.0], ["a", -3.0], ["b", -3.0], ["▁ab", )" +
         score + R"(], ["?", -4.0], ["<extra_id_0>", 0.0]]}})";
}

class Unigram : public testing::Test {
 protected:
  std::unique_ptr<Tokenizer> load(const std::string& json) {
    std::ofstream(folder_.path() / "tokenizer.json") << json;
    return load_tokenizer(folder_.path());
  }
  TemporaryFolder folder_;
};

TEST_F(Unigram, CutsWordsByScoresAndFindsSpecialTokensByName) {
  const auto tokenizer = load(unigram_json());
  EXPECT_EQ(tokenizer->kind(), "SentencePiece Unigram");
  EXPECT_EQ(tokenizer->vocabulary_size(), 9);
  EXPECT_EQ(tokenizer->eos_id(), 1);
  EXPECT_FALSE(tokenizer->bos_id().has_value());
  EXPECT_TRUE(tokenizer->ends_prompts());
  EXPECT_THAT(pieces_of(*tokenizer, tokenizer->encode("ab  ba <extra_id_0> ab").ids),
              ElementsAre(" ab", " ", "b", "a", "<extra_id_0>", " ab"));
  EXPECT_THAT(tokenizer->encode_with_special("ab").ids, ElementsAre(6, 1));
  EXPECT_THAT(tokenizer->encode_continuation("ab"), ElementsAre(6)) << "an answer is a text of its own";
  EXPECT_EQ(tokenizer->decode({6, 3, 5, 8, 1, 0}), "ab b");
  // What others wrote names no token.
  EXPECT_THAT(tokenizer->encode_around("<extra_id_0>", {{0, 12}}).ids, testing::Not(testing::Contains(8)));
}

TEST_F(Unigram, PromptsEndWithEos) {
  const auto tokenizer = load(unigram_json());
  PromptTemplate plain;
  plain.before_question = plain.answer_prefix = "";
  plain.after_question = " ?";
  plain.add_bos = false;
  const auto prompt = build_prompt(*tokenizer, plain, "ab ba");
  EXPECT_THAT(prompt.ids, ElementsAre(6, 3, 5, 4, 3, 7, 1));
  EXPECT_EQ(prompt.candidate_begin, 0U);
  EXPECT_EQ(prompt.candidate_end, 4U) << "neither the template's question mark nor EOS";
  EXPECT_THAT(encode_answer(*tokenizer, plain, "ab"), ElementsAre(6));
}

TEST_F(Unigram, BrokenAndForeignFilesAreNamed) {
  EXPECT_THAT(message_of<UserError>([&] { load(unigram_json(R"("byte_fallback": true)")); }),
              HasSubstr("falls back to bytes"));
  EXPECT_THAT(message_of<UserError>([&] { load(unigram_json(R"("byte_fallback": false)", "\"a\"")); }),
              HasSubstr("no pair of a piece and its score"));
  EXPECT_THAT(message_of<UserError>(
                  [&] { load(unigram_json(R"("byte_fallback": false)", "-1.5", R"({"Sequence": {"id": "B"}})")); }),
              HasSubstr("does not end a text with one special token"));
}

}  // namespace
}  // namespace unpact
