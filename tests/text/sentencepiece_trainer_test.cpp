#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::pieces_of;
using testing_support::TemporaryFolder;
using testing_support::trained_folder;
using testing_support::trained_tokenizer;
using testing_support::training_texts;

TEST(TrainSentencepiece, IsDeterministic) {
  const TemporaryFolder folder;
  train_sentencepiece(training_texts(), 360, folder.path() / "again");
  EXPECT_EQ(read_file(folder.path() / "again/tokenizer.model"), read_file(trained_folder() / "tokenizer.model"));
}

TEST(TrainSentencepiece, HasLlamasSpecialTokensAndBytes) {
  const auto& tokenizer = trained_tokenizer();
  EXPECT_EQ(tokenizer.piece(0), "<unk>");
  EXPECT_EQ(tokenizer.piece(1), "<s>");
  EXPECT_EQ(tokenizer.piece(2), "</s>");
  EXPECT_EQ(tokenizer.piece(3), "<0x00>");
  EXPECT_EQ(tokenizer.piece(258), "<0xFF>");
}

TEST(TrainSentencepiece, KeepsTheTextAsItIs) {
  // Identity normalization, all white space, line feeds and characters that were never seen.
  for (const std::string text :
       {"  two  spaces ", "a\n\n b\tc", "\xEF\xBC\xA1 full width", "\xE6\x97\xA5 \xF0\x9F\xA6\x99", ""}) {
    const auto ids = trained_tokenizer().encode(text).ids;
    EXPECT_EQ(trained_tokenizer().decode(ids), text);
    EXPECT_THAT(ids, testing::Not(testing::Contains(0))) << "unknown token in " << text;
  }
}

TEST(TrainSentencepiece, LearnsWordsAndSplitsDigits) {
  const auto& tokenizer = trained_tokenizer();
  EXPECT_THAT(pieces_of(tokenizer, tokenizer.encode("the harbour").ids), ElementsAre(" the", " harbour"));
  EXPECT_THAT(pieces_of(tokenizer, tokenizer.encode("2005").ids), ElementsAre(" ", "2", "0", "0", "5"));
}

TEST(TrainSentencepiece, LongLinesAreNotDropped) {
  std::string line;
  for (int i = 0; i < 3000; ++i) line += "zorgon ";
  const TemporaryFolder folder;
  train_sentencepiece({line, "some other words"}, 275, folder.path());
  const auto tokenizer = load_tokenizer(folder.path());
  EXPECT_THAT(pieces_of(*tokenizer, tokenizer->encode("zorgon").ids), ElementsAre(" zorgon"));
}

TEST(TrainSentencepiece, WritesWhatTransformersReads) {
  const auto config = read_json_file(trained_folder() / "tokenizer_config.json");
  EXPECT_EQ(config["tokenizer_class"], "LlamaTokenizer");
  EXPECT_EQ(config["legacy"], true);
  EXPECT_EQ(config["add_bos_token"], true);
  EXPECT_EQ(config["add_eos_token"], false);
  EXPECT_EQ(config["bos_token"], "<s>");
  EXPECT_EQ(config["eos_token"], "</s>");
  EXPECT_EQ(config["unk_token"], "<unk>");
}

TEST(TrainSentencepiece, NamesTheLargestVocabulary) {
  const TemporaryFolder folder;
  const std::vector<std::string> texts = {"abc abd abc"};
  const auto message = message_of<UserError>([&] { train_sentencepiece(texts, 5000, folder.path()); });
  ASSERT_THAT(message, AllOf(HasSubstr("vocabulary of 5000 pieces"), HasSubstr("choose at most ")));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "tokenizer.model"));
  const auto largest = std::stoll(message.substr(message.find("at most ") + 8));
  EXPECT_NO_THROW(train_sentencepiece(texts, largest, folder.path()));
  EXPECT_EQ(load_tokenizer(folder.path())->vocabulary_size(), largest);
  EXPECT_THROW(train_sentencepiece(texts, largest + 1, folder.path()), UserError);
}

TEST(TrainSentencepiece, NamesTheSmallestVocabulary) {
  const TemporaryFolder folder;
  const auto message = message_of<UserError>([&] { train_sentencepiece(training_texts(), 100, folder.path()); });
  ASSERT_THAT(message, AllOf(HasSubstr("too small"), HasSubstr("choose at least ")));
  const auto smallest = std::stoll(message.substr(message.find("at least ") + 9));
  EXPECT_NO_THROW(train_sentencepiece(training_texts(), smallest, folder.path()));
}

TEST(TrainSentencepiece, RefusesBadInput) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<UserError>([&] { train_sentencepiece({}, 300, folder.path()); }), HasSubstr("no text"));
  EXPECT_THAT(message_of<UserError>([&] { train_sentencepiece({"", "\n\n"}, 300, folder.path()); }), HasSubstr("no text"));
  EXPECT_THAT(message_of<UserError>([&] { train_sentencepiece({"a\xFF"}, 300, folder.path()); }), HasSubstr("UTF-8"));
  EXPECT_THAT(message_of<UserError>([&] { train_sentencepiece({"a"}, 0, folder.path()); }), HasSubstr("out of range"));
}

}  // namespace
}  // namespace unpact
