/// Encoding word by word against one call of the library for the whole text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "../../src/text/sentencepiece_tokenizer.hpp"  // private to the layer
#include "text/fixture_reader.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing_support::FixtureReader;
using testing_support::message_of;
using testing_support::TemporaryFolder;
using testing_support::trained_folder;

// --- protobuf messages ------------------------------------------------------------------------------------------

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string number(std::uint64_t field, std::uint64_t value) { return varint(field << 3) + varint(value); }

std::string bytes(std::uint64_t field, const std::string& content) {
  return varint(field << 3 | 2) + varint(content.size()) + content;
}

std::string piece(const std::string& text, std::uint64_t type = 0) {
  return bytes(1, bytes(1, text) + (type == 0 ? std::string() : number(3, type)));
}

std::string scored_piece(const std::string& text, float score) {
  std::string raw(sizeof score, '\0');
  std::memcpy(raw.data(), &score, sizeof score);
  return bytes(1, bytes(1, text) + varint(2 << 3 | 5) + raw);
}

/// A BPE model that keeps its text.
std::string plain_model() {
  return piece("<unk>", 2) + piece("<s>", 3) + piece("<0x0A>", 6) + piece("\u2581") + piece("\u2581\u2581a") +
         piece("a", 1) + bytes(2, number(3, 2)) + bytes(3, bytes(1, "identity") + bytes(2, "") + number(4, 0));
}

bool alone(const std::string& model) { return read_sentencepiece_rules(model, "a test").words_stand_alone; }

TEST(SentencePieceRules, WordsOfAPlainModelStandAlone) {
  EXPECT_TRUE(alone(plain_model()));
  EXPECT_TRUE(read_sentencepiece_rules(plain_model(), "a test").dummy_prefix);
  EXPECT_FALSE(read_sentencepiece_rules(plain_model() + bytes(3, number(3, 0)), "a test").dummy_prefix);
}

TEST(SentencePieceRules, OneThingAmissIsEnough) {
  const std::pair<const char*, std::string> additions[] = {
      {"Unigram", bytes(2, number(3, 1))},
      {"the space goes behind a word", bytes(2, number(24, 1))},
      {"characters are replaced", bytes(3, bytes(2, "map"))},
      {"extra white space is removed", bytes(3, number(4, 1))},
      {"spaces stay spaces", bytes(3, number(5, 0))},
      {"a piece across words", piece("a\u2581b")},
      {"a piece that ends with a space", piece("a\u2581")},
      {"a piece with spaces on both sides", piece("\u2581\u2581a\u2581")},
      {"a user-defined piece", piece("xyz", 4)},
      {"an unused piece", piece("xyz", 5)},
      {"a type that nobody knows", piece("xyz", 77)}};
  for (const auto& [what, addition] : additions) EXPECT_FALSE(alone(plain_model() + addition)) << what;
  EXPECT_FALSE(alone(piece("<unk>", 2) + piece("a") + bytes(2, number(3, 2)) + bytes(3, number(4, 0)))) << "no U+2581";
  EXPECT_FALSE(alone(piece("\u2581"))) << "the defaults are Unigram and fewer spaces";
  EXPECT_TRUE(alone(plain_model() + bytes(2, number(3, 1)) + bytes(2, number(3, 2)))) << "what stands last counts";
}

TEST(SentencePieceRules, RefusesWhatIsNoMessage) {
  const auto model = plain_model();
  for (std::size_t size = 1; size < model.size(); ++size) {
    const auto message = message_of<UserError>([&] { alone(model.substr(0, size)); });
    EXPECT_TRUE(message == "nothing was thrown" || message.find("a test is not a SentencePiece model") == 0) << message;
  }
  EXPECT_THAT(message_of<UserError>([&] { alone(bytes(1, "\xFF")); }), HasSubstr("a test is not a SentencePiece model"));
}

// --- words against the whole ------------------------------------------------------------------------------------

void expect_equal(const Encoding& words, const Encoding& whole, const std::string& text) {
  ASSERT_EQ(words.ids, whole.ids) << Json(text).dump();
  ASSERT_EQ(words.spans.size(), whole.spans.size()) << Json(text).dump();
  for (std::size_t k = 0; k < whole.spans.size(); ++k) {
    ASSERT_EQ(words.spans[k].begin, whole.spans[k].begin) << "token " << k << " of " << Json(text).dump();
    ASSERT_EQ(words.spans[k].end, whole.spans[k].end) << "token " << k << " of " << Json(text).dump();
  }
}

/// Texts of few different parts, so that words come again: spaces of both spellings, known, rare and broken up ones.
std::vector<std::string> random_texts(std::size_t count) {
  const std::vector<std::string> parts = {
      " ",   " ",       "  ",     "\u2581", " \u2581",           "\n",         "\t",     "the",
      "a",   "harbour", "report", "1472",   "caf\u00e9",         "\U0001F999", "\u0436", std::string(1, '\0'),
      "<s>", "<0x0A>",  ",",      ".",      std::string(70, 'x')};
  std::mt19937 random(7);
  std::vector<std::string> texts = {"", " ", "  ", "\u2581", " \u2581 ", "a ", " a", "a  ", "\U0001F999 \U0001F999"};
  while (texts.size() < count) {
    std::string text;
    for (auto left = random() % 24; left > 0; --left) text += parts[random() % parts.size()];
    texts.push_back(text);
  }
  return texts;
}

TEST(SentencePieceWords, RandomTexts) {
  const SentencePieceTokenizer tokenizer(trained_folder());
  ASSERT_TRUE(tokenizer.encodes_words());
  for (int pass = 0; pass < 2; ++pass)  // the second one finds the words in the cache
    for (const auto& text : random_texts(3000)) {
      expect_equal(tokenizer.encode(text), tokenizer.encode_whole(text), text);
      if (HasFatalFailure()) return;
    }
}

TEST(SentencePieceWords, UnknownCharactersMeltOnlyInsideOfWords) {
  // Without byte fallback a run of unknown characters is one token.
  std::string model = piece("<unk>", 2) + piece("<s>", 3) + piece("</s>", 3);
  float score = 0;
  for (const char* text : {"\u2581a", "th", "\u2581\u2581", "the", "\u2581", "a", "t", "h", "e", "r", "1", "4"})
    model += scored_piece(text, --score);
  const TemporaryFolder folder;
  folder.write("tokenizer.model", model + bytes(2, number(3, 2)) + bytes(3, number(4, 0)));
  const SentencePieceTokenizer tokenizer(folder.path());
  ASSERT_TRUE(tokenizer.encodes_words());
  EXPECT_EQ(tokenizer.encode("\u0436\u0436 \u0436\u0436\u0436").ids.size(), 4u) << "a space and a run, twice";
  for (const auto& text : random_texts(1000)) {
    expect_equal(tokenizer.encode(text), tokenizer.encode_whole(text), text);
    if (HasFatalFailure()) return;
  }
}

TEST(SentencePieceWords, ModelsWithoutADummySpace) {
  const TemporaryFolder folder;
  folder.write("tokenizer.model", read_file(trained_folder() / "tokenizer.model") + bytes(3, number(3, 0)));
  const SentencePieceTokenizer tokenizer(folder.path());
  ASSERT_TRUE(tokenizer.encodes_words());
  EXPECT_EQ(tokenizer.piece(tokenizer.encode("the").ids.front()).front(), 't');
  for (const auto& text : random_texts(1000)) {
    expect_equal(tokenizer.encode(text), tokenizer.encode_whole(text), text);
    if (HasFatalFailure()) return;
  }
}

TEST(SentencePieceWords, TextsContinueWhereEveryCharacterIsPartOfALongerPiece) {
  // As in Gemma's vocabulary the line feed is; here all the others are, too: one outside of it serves.
  const TemporaryFolder folder;
  const SentencePieceTokenizer usual(trained_folder());
  auto model = read_file(trained_folder() / "tokenizer.model") + scored_piece("\n\n", -90);
  for (TokenId id = 0; id < usual.vocabulary_size(); ++id)
    if (usual.piece(id).size() < 4) model += scored_piece(usual.piece(id) + "\x7F", -99);
  folder.write("tokenizer.model", model);
  const SentencePieceTokenizer tokenizer(folder.path());
  for (const char* text : {"the report", " the", "1", "\n", "\u00e9"})
    EXPECT_EQ(tokenizer.encode_continuation(text), usual.encode_continuation(text)) << text;
}

TEST(SentencePieceWords, APieceAcrossWordsIsFound) {
  // Words cut at their spaces could not have this piece, whose score is the best of all.
  const TemporaryFolder folder;
  folder.write("tokenizer.model", read_file(trained_folder() / "tokenizer.model") + scored_piece("e\u2581", 1));
  const SentencePieceTokenizer tokenizer(folder.path());
  ASSERT_FALSE(tokenizer.encodes_words());
  EXPECT_THAT(testing_support::pieces_of(tokenizer, tokenizer.encode("the report").ids), testing::Contains("e "));
}

TEST(SentencePieceWords, EveryStringOfTheFixtures) {
  const auto fixtures = fs::path(UNPACT_FIXTURES) / "text";
  if (std::string(UNPACT_FIXTURES).empty() || !fs::exists(fixtures / "bpe.json") || !fs::exists(fixtures / "llama2.json"))
    GTEST_SKIP() << "no fixtures: run tests/text/make_fixtures.py and set UNPACT_FIXTURES";
  if (std::string(UNPACT_TEST_DATA).empty()) GTEST_SKIP() << "UNPACT_TEST_DATA is not set";
  const SentencePieceTokenizer tokenizer(fs::path(UNPACT_TEST_DATA) / "tokenizers/llama2");
  ASSERT_TRUE(tokenizer.encodes_words());
  std::set<std::string> texts;
  const auto llama = read_json_file(fixtures / "llama2.json");
  for (const auto& entry : llama["cases"]) texts.insert(entry["text"].get<std::string>());
  for (const auto& entry : read_json_file(fixtures / "bpe.json")) {
    FixtureReader strings(fixtures / entry["strings"].get<std::string>());
    for (auto left = strings.number(); left > 0; --left) texts.emplace(strings.text());
  }
  ASSERT_GE(texts.size(), 20000u);
  for (const auto& text : texts) {
    expect_equal(tokenizer.encode(text), tokenizer.encode_whole(text), text);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace unpact
