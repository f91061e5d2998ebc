#include "../../src/text/sentencepiece_tokenizer.hpp"  // private to the layer

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::covered;
using testing_support::message_of;
using testing_support::pieces_of;
using testing_support::TemporaryFolder;
using testing_support::trained_folder;
using testing_support::trained_tokenizer;

fs::path test_data() { return UNPACT_TEST_DATA; }

// --- the same as the Python package -----------------------------------------------------------------------------

class SameAsPython : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const fs::path file = fs::path(UNPACT_FIXTURES) / "text" / (std::string(GetParam()) + ".json");
    if (std::string(UNPACT_FIXTURES).empty() || !fs::exists(file))
      GTEST_SKIP() << "no fixtures: run tests/text/make_fixtures.py and set UNPACT_FIXTURES";
    if (test_data().empty()) GTEST_SKIP() << "UNPACT_TEST_DATA is not set";
    fixture = read_json_file(file);
    tokenizer = std::make_unique<SentencePieceTokenizer>(test_data() / require_string(fixture, "tokenizer", file.string()));
  }
  Json fixture;
  std::unique_ptr<Tokenizer> tokenizer;
};

TEST_P(SameAsPython, IdsPiecesAndDecodedText) {
  ASSERT_GE(fixture["cases"].size(), 2000u);
  for (const auto& entry : fixture["cases"]) {
    const auto text = entry["text"].get<std::string>();
    const auto ids = entry["ids"].get<std::vector<TokenId>>();
    ASSERT_EQ(tokenizer->encode(text).ids, ids) << entry.dump();
    ASSERT_EQ(tokenizer->decode(ids), entry["decoded"].get<std::string>()) << entry.dump();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto piece = replace_all(entry["pieces"][i].get<std::string>(), "\xE2\x96\x81", " ");
      ASSERT_EQ(tokenizer->piece(ids[i]), piece) << entry.dump();
    }
  }
}

TEST_P(SameAsPython, DecodesWhateverAModelMaySay) {
  ASSERT_GE(fixture["raw_decodes"].size(), 100u);
  for (const auto& entry : fixture["raw_decodes"]) {
    const auto text = tokenizer->decode(entry["ids"].get<std::vector<TokenId>>());
    ASSERT_EQ(text, entry["decoded"].get<std::string>()) << entry.dump();
    ASSERT_TRUE(is_valid_utf8(text)) << entry.dump();
  }
}

TEST_P(SameAsPython, SpansTileTheText) {
  const bool keeps_spaces = std::string(GetParam()) == "llama2";  // the other model drops repeated white space
  for (const auto& entry : fixture["cases"]) {
    const auto text = entry["text"].get<std::string>();
    const auto encoding = tokenizer->encode(text);
    ASSERT_EQ(encoding.spans.size(), encoding.ids.size());
    std::size_t at = 0, gaps = 0;
    for (const auto& span : encoding.spans) {
      ASSERT_LE(span.begin, span.end);
      ASSERT_GE(span.begin, at) << entry.dump();
      gaps += span.begin - at;
      at = span.end;
    }
    ASSERT_LE(at, text.size());
    gaps += text.size() - at;
    if (keeps_spaces) {
      ASSERT_EQ(gaps, 0u) << entry.dump();
    }
  }
}

TEST_P(SameAsPython, ContinuationsJoinTheirPrompt) {
  // Behind a line feed, which is a token of its own, a text has the tokens that it has as a continuation.
  for (const auto& entry : fixture["cases"]) {
    const auto text = entry["text"].get<std::string>();
    auto joined = tokenizer->encode("a\n").ids;
    const auto continuation = tokenizer->encode_continuation(text);
    joined.insert(joined.end(), continuation.begin(), continuation.end());
    ASSERT_EQ(joined, tokenizer->encode("a\n" + text).ids) << entry.dump();
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SameAsPython, testing::Values("llama2", "stories260K"),
                         [](const auto& named) { return std::string(named.param); });

// --- a model trained on the spot --------------------------------------------------------------------------------

TEST(SentencePieceTokenizer, SpansAreBytesOfTheText) {
  const std::string text = "caf\xC3\xA9 \xF0\x9F\xA6\x99 the";
  const auto encoding = trained_tokenizer().encode(text);
  EXPECT_THAT(covered(text, encoding.spans), ElementsAre("caf\xC3\xA9", " ", "\xF0", "\x9F", "\xA6", "\x99", " the"));
  EXPECT_THAT(pieces_of(trained_tokenizer(), encoding.ids),
              ElementsAre(" caf\xC3\xA9", " ", "<0xF0>", "<0x9F>", "<0xA6>", "<0x99>", " the"));
}

TEST(SentencePieceTokenizer, ContinuationHasNoDummySpace) {
  const auto& tokenizer = trained_tokenizer();
  EXPECT_EQ(tokenizer.piece(tokenizer.encode("the").ids.front()), " the");
  EXPECT_EQ(join(pieces_of(tokenizer, tokenizer.encode_continuation("the")), ""), "the");
  EXPECT_EQ(tokenizer.encode_continuation(" the"), tokenizer.encode("the").ids);
  EXPECT_THAT(pieces_of(tokenizer, tokenizer.encode_continuation(" 1472")), ElementsAre(" ", "1", "4", "7", "2"));
  EXPECT_THAT(pieces_of(tokenizer, tokenizer.encode_continuation("\n\n")), ElementsAre("<0x0A>", "<0x0A>"));
  EXPECT_TRUE(tokenizer.encode_continuation("").empty());
}

TEST(SentencePieceTokenizer, LlamaContinuations) {
  if (test_data().empty()) GTEST_SKIP() << "UNPACT_TEST_DATA is not set";
  const auto tokenizer = load_tokenizer(test_data() / "tokenizers/llama2");
  EXPECT_THAT(pieces_of(*tokenizer, tokenizer->encode_continuation(" 1472")), ElementsAre(" ", "1", "4", "7", "2"));
  EXPECT_THAT(pieces_of(*tokenizer, tokenizer->encode_continuation("Sam")), ElementsAre("Sam"));
  EXPECT_THAT(pieces_of(*tokenizer, tokenizer->encode_continuation(" Sam")), ElementsAre(" Sam"));
  EXPECT_EQ(tokenizer->vocabulary_size(), 32000);
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->eos_id(), 2);
}

TEST(SentencePieceTokenizer, DecodeLeavesControlTokensOut) {
  const auto& tokenizer = trained_tokenizer();
  auto ids = tokenizer.encode("the river\n\ncaf\xC3\xA9 \xF0\x9F\xA6\x99").ids;
  ids.insert(ids.begin(), *tokenizer.bos_id());
  ids.insert(ids.begin() + 3, *tokenizer.eos_id());
  ids.push_back(*tokenizer.eos_id());
  EXPECT_EQ(tokenizer.decode(ids), "the river\n\ncaf\xC3\xA9 \xF0\x9F\xA6\x99");
  EXPECT_EQ(tokenizer.decode({}), "");
}

TEST(SentencePieceTokenizer, RefusesIdsOutsideTheVocabulary) {
  const auto& tokenizer = trained_tokenizer();
  for (const TokenId id : {TokenId{-1}, TokenId{360}, TokenId{1} << 40}) {
    EXPECT_THAT(message_of<UserError>([&] {
                  tokenizer.decode({5, id});
                }),
                AllOf(HasSubstr(concat("token id ", id, " is unknown")), HasSubstr("360 pieces")));
    EXPECT_THAT(message_of<UserError>([&] { tokenizer.piece(id); }), HasSubstr("is unknown"));
  }
}

TEST(SentencePieceTokenizer, RefusesTextThatIsNotUtf8) {
  for (const char* text : {"\xFF", "a\xC3", "\xED\xA0\x80", "\xC0\xAF"}) {
    EXPECT_THAT(message_of<UserError>([&] { trained_tokenizer().encode(text); }), HasSubstr("not valid UTF-8"));
    EXPECT_THAT(message_of<UserError>([&] { trained_tokenizer().encode_continuation(text); }), HasSubstr("not valid UTF-8"));
  }
}

TEST(SentencePieceTokenizer, SaysWhatItIs) {
  const auto& tokenizer = trained_tokenizer();
  EXPECT_EQ(tokenizer.vocabulary_size(), 360);
  EXPECT_EQ(tokenizer.bos_id(), 1);
  EXPECT_EQ(tokenizer.eos_id(), 2);
  EXPECT_THAT(tokenizer.kind(), HasSubstr("SentencePiece"));
  EXPECT_EQ(tokenizer.checksum(), sha256_of_file(trained_folder() / "tokenizer.model"));
  EXPECT_THAT(tokenizer.files(),
              ElementsAre(trained_folder() / "tokenizer.model", trained_folder() / "tokenizer_config.json"));
}

TEST(SentencePieceTokenizer, ItsFilesMakeItAgain) {
  const TemporaryFolder folder;
  for (const auto& file : trained_tokenizer().files()) fs::copy(file, folder.path() / file.filename());
  const auto copy = load_tokenizer(folder.path());
  EXPECT_EQ(copy->checksum(), trained_tokenizer().checksum());
  EXPECT_EQ(copy->encode("the river").ids, trained_tokenizer().encode("the river").ids);
}

}  // namespace
}  // namespace unpact
