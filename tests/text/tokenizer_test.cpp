#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sentencepiece_trainer.h>

#include <optional>

#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/random.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::pieces_of;
using testing_support::TemporaryFolder;
using testing_support::trained_folder;

TEST(LoadTokenizer, NamesTheSupportedKinds) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<UserError>([&] { load_tokenizer(folder.path() / "missing"); }), HasSubstr("no such folder"));
  EXPECT_THAT(message_of<UserError>([&] { load_tokenizer(folder.path()); }),
              AllOf(HasSubstr("no tokenizer.model"), HasSubstr("SentencePiece")));
  folder.write("tokenizer.json", "{}");
  EXPECT_THAT(message_of<UserError>([&] { load_tokenizer(folder.path()); }), HasSubstr("no object 'model'"));
}

TEST(LoadTokenizer, RefusesBrokenModels) {
  const auto good = read_file(trained_folder() / "tokenizer.model");
  for (const auto& content : {std::string(), std::string("IQ== 0\nIg== 1\n"), std::string(1000, '\xFF'),
                              good.substr(0, good.size() / 2), std::string("{}")}) {
    const TemporaryFolder folder;
    folder.write("tokenizer.model", content);
    EXPECT_THAT(message_of<UserError>([&] { load_tokenizer(folder.path()); }), HasSubstr("tokenizer.model"));
  }
}

TEST(LoadTokenizer, SaysWhichClassOfVocabularyAndMergesItDoesNotKnow) {
  const TemporaryFolder folder;
  folder.write("vocab.json", R"({"a": 0, "b": 1, "ab": 2})");
  folder.write("merges.txt", "a b\n");
  EXPECT_EQ(load_tokenizer(folder.path())->encode("ab").ids, (std::vector<TokenId>{2})) << "no class: GPT-2's";
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizerFast"})");
  EXPECT_THAT(message_of<UserError>([&] { load_tokenizer(folder.path()); }),
              AllOf(HasSubstr("class RobertaTokenizer"), HasSubstr("tokenizer.json")));
}

/// Ids that transformers 5.23 gives to the same folders.
TEST(LoadTokenizer, GivesIdsToSpecialTokensThatOnlyTheClassOrTheConfigurationNames) {
  struct Case {
    const char *config, *tokenizer_config;
    std::string text;
    std::vector<TokenId> ids;
    std::optional<TokenId> bos, eos;
  };
  const Case cases[] = {
      // config.json alone: the class's own end of text, not the </s> that the vocabulary happens to hold
      {R"({"model_type": "qwen2_moe"})", nullptr, "a<|endoftext|>", {0, 4}, std::nullopt, 4},
      {R"({"model_type": "gpt_neox"})", nullptr, "<|padding|><|endoftext|>", {5, 4}, 4, 4},
      {nullptr,
       R"({"tokenizer_class": "Qwen2Tokenizer", "additional_special_tokens": ["[A]"], "eos_token": "[E]"})",
       "[A][E]<|endoftext|>",
       {6, 4, 5},
       std::nullopt,
       4},
      {nullptr,
       R"({"tokenizer_class": "GPT2Tokenizer", "unk_token": null, "bos_token": null, "eos_token": "</s>",
                    "pad_token": "[P]"})",
       "[P]</s>",
       {4, 3},
       std::nullopt,
       3},
      {nullptr,
       R"({"tokenizer_class": "GPT2Tokenizer", "bos_token": "</s>", "eos_token": "</s>", "add_bos_token": true})",
       "ab",
       {3, 2},
       3,
       3},
  };
  for (const auto& [config, tokenizer_config, text, ids, bos, eos] : cases) {
    const TemporaryFolder folder;
    folder.write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "</s>": 3})");
    folder.write("merges.txt", "a b\n");
    if (config != nullptr) folder.write("config.json", config);
    if (tokenizer_config != nullptr) folder.write("tokenizer_config.json", tokenizer_config);
    const auto tokenizer = load_tokenizer(folder.path());
    EXPECT_EQ(tokenizer->encode_with_special(text).ids, ids) << text;
    EXPECT_EQ(tokenizer->bos_id(), bos) << text;
    EXPECT_EQ(tokenizer->eos_id(), eos) << text;
  }
}

TEST(LoadTokenizer, ItsFilesAreAllThatItAndItsChatsNeed) {
  const TemporaryFolder folder;
  fs::copy_file(trained_folder() / "tokenizer.model", folder.path() / "tokenizer.model");
  const std::vector<std::string> names = {"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
                                          "chat_template.json"};
  for (const auto& name : names) folder.write(name, "{}");
  folder.write("chat_template.jinja", "{{ messages }}");
  folder.write("README.md", "not the tokenizer's");
  std::vector<std::string> found;
  for (const auto& file : load_tokenizer(folder.path())->files()) found.push_back(file.filename().string());
  EXPECT_THAT(found, testing::UnorderedElementsAre("tokenizer.model", "chat_template.jinja", names[0], names[1], names[2],
                                                   names[3]));
}

TEST(LoadTokenizer, RefusesHugeFiles) {
  const TemporaryFolder folder;
  fs::resize_file(folder.write("tokenizer.model", "x"), 65ULL << 20);
  EXPECT_THAT(message_of<UserError>([&] { load_tokenizer(folder.path()); }), HasSubstr("more than the limit"));
}

class Sentences final : public sentencepiece::SentenceIterator {
 public:
  bool done() const override { return next_ >= testing_support::training_texts().size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return testing_support::training_texts()[next_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  std::size_t next_ = 0;
};

/// A model with the library's defaults: its own normalization, no byte fallback.
std::string library_model(const std::string& type) {
  Sentences sentences;
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(
      {{"model_type", type}, {"vocab_size", "80"}, {"hard_vocab_limit", "false"}, {"minloglevel", "3"}}, &sentences, &model);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return model;
}

TEST(LoadTokenizer, OtherModelsOfTheLibraryWork) {
  // Their normalization turns a line feed into a space: another sentinel has to be found.
  for (const char* type : {"bpe", "unigram", "char"}) {
    const TemporaryFolder folder;
    folder.write("tokenizer.model", library_model(type));
    const auto tokenizer = load_tokenizer(folder.path());
    const std::string text = "the river \xEF\xAC\x81 town";  // a ligature
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text).ids), "the river fi town") << type;
    EXPECT_EQ(tokenizer->decode(tokenizer->encode("a\nb").ids), "a b") << type;
    for (const char* answer : {" the river", "the river", " 1472"}) {
      const auto pieces = pieces_of(*tokenizer, tokenizer->encode_continuation(answer));
      EXPECT_EQ(join(pieces, ""), answer) << type;
    }
  }
}

/// A protobuf field of the length-delimited kind, its content below 2^14 bytes.
std::string field(char number, const std::string& content) {
  const auto size = content.size();
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(size % 128 | 128),
                     static_cast<char>(size / 128)} +
         content;
}

/// The trained model with this normalization table, as the last of several definitions it is the one that counts.
std::string with_table(const std::vector<std::uint32_t>& units, const std::string& strings) {
  std::string map;
  const auto put = [&](std::uint32_t value) {
    for (int k = 0; k < 4; ++k) map += static_cast<char>(value >> (8 * k));
  };
  put(static_cast<std::uint32_t>(4 * units.size()));
  for (const auto unit : units) put(unit);
  return read_file(trained_folder() / "tokenizer.model") + field(3, field(2, map + strings));
}

TEST(LoadTokenizer, ChecksNormalizationTables) {
  const TemporaryFolder folder;
  const std::string strings("x\0", 2);
  const auto complaint = [&](const std::string& content) {
    folder.write("tokenizer.model", content);
    return message_of<UserError>([&] { load_tokenizer(folder.path()); });
  };
  // A table that writes x for a: from the root to unit 'a', whose value stands at unit 1.
  std::vector<std::uint32_t> good(256, 0xFF);
  good[0] = 0;
  good['a'] = ('a' ^ 1) << 10 | 1 << 8 | 'a';
  good[1] = 1U << 31 | 0;
  EXPECT_EQ(complaint(with_table(good, strings)), "nothing was thrown");
  const auto tokenizer = load_tokenizer(folder.path());
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("banana").ids), "bxnxnx");

  const auto refused = HasSubstr("normalization table points outside");
  auto bad = good;
  bad['a'] = 0x3FF << 10 | 'a';
  EXPECT_THAT(complaint(with_table(bad, strings)), refused) << "offset behind the array";
  bad = good;
  bad[1] = 1U << 31 | 2;
  EXPECT_THAT(complaint(with_table(bad, strings)), refused) << "value behind the strings";
  EXPECT_THAT(complaint(with_table(good, "xx")), refused) << "no end of the last string";
  EXPECT_THAT(complaint(with_table(good, "")), refused) << "no strings";
  bad = good;
  bad.resize(100);
  EXPECT_THAT(complaint(with_table(bad, strings)), refused) << "too short an array";
}

TEST(LoadTokenizer, RefusesModelsThatMakeLongTextsOfShortOnes) {
  const TemporaryFolder folder;
  const auto complaint = [&](const std::string& content) {
    folder.write("tokenizer.model", content);
    return message_of<UserError>([&] { load_tokenizer(folder.path()); });
  };
  std::vector<std::uint32_t> units(256, 0xFF);
  units[0] = 0;
  units['a'] = ('a' ^ 1) << 10 | 1 << 8 | 'a';
  units[1] = 1U << 31 | 0;
  EXPECT_THAT(complaint(with_table(units, std::string(2000, 'x') + '\0')), HasSubstr("very long texts"));
  const auto trained = read_file(trained_folder() / "tokenizer.model");
  const std::string surface = std::string("\xE2\x02\xD0\x0F", 4) + std::string(2000, '?');  // field 44, 2000 bytes
  EXPECT_THAT(complaint(trained + field(2, surface)), HasSubstr("2000 bytes for an unknown token"));
}

TEST(LoadTokenizer, RefusesMalformedProtobuf) {
  const auto model = read_file(trained_folder() / "tokenizer.model");
  for (const auto& tail : {std::string("\x1B"), std::string("\x1A\x7F"), std::string(11, '\x80'), std::string("\x19")}) {
    const TemporaryFolder folder;
    folder.write("tokenizer.model", model + tail);
    EXPECT_THAT(message_of<UserError>([&] { load_tokenizer(folder.path()); }), HasSubstr("not a SentencePiece model"));
  }
}

TEST(LoadTokenizer, SurvivesDamagedBytes) {
  // Either it loads and works, or it says that the file is broken: nothing else.
  const auto good = read_file(trained_folder() / "tokenizer.model");
  const TemporaryFolder folder;
  for (std::uint64_t round = 0; round < 300; ++round) {
    auto damaged = good;
    for (std::uint64_t k = 0; k < 1 + round % 4; ++k)
      damaged[random_below(damaged.size(), 7, round, 2 * k)] = static_cast<char>(random_bits(7, round, 2 * k + 1));
    folder.write("tokenizer.model", damaged);
    try {
      const auto tokenizer = load_tokenizer(folder.path());
      tokenizer->decode(tokenizer->encode("the river, caf\xC3\xA9 1472\n\xF0\x9F\xA6\x99").ids);
      tokenizer->encode_continuation(" the");
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace unpact
