#include "unpact/text/prompt.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::ByteTokenizer;
using testing_support::message_of;
using testing_support::trained_tokenizer;

/// The text that the candidates cover.
std::string candidate_text(const Prompt& prompt) {
  const auto begin = prompt.spans[prompt.candidate_begin].begin;
  return prompt.text.substr(begin, prompt.spans[prompt.candidate_end - 1].end - begin);
}

/// Marks every candidate that covers a byte of one of the parts.
std::vector<bool> mark(const Prompt& prompt, const std::vector<std::string>& parts) {
  std::vector<bool> marked;
  for (std::size_t i = prompt.candidate_begin; i < prompt.candidate_end; ++i) {
    bool hit = false;
    for (const auto& part : parts) {
      const auto at = prompt.text.find(part);
      EXPECT_NE(at, std::string::npos) << part;
      hit = hit || (prompt.spans[i].begin < at + part.size() && at < prompt.spans[i].end);
    }
    marked.push_back(hit);
  }
  return marked;
}

std::vector<std::string> words(const std::string& question, const std::vector<std::string>& parts) {
  const ByteTokenizer tokenizer;
  const auto prompt = build_prompt(tokenizer, {}, question);
  return words_behind(prompt, mark(prompt, parts));
}

TEST(BuildPrompt, FillsTheTemplate) {
  const ByteTokenizer tokenizer;
  const auto prompt = build_prompt(tokenizer, {}, "Who?");
  EXPECT_EQ(prompt.text, "Question: Who?\nAnswer:");
  EXPECT_EQ(prompt.ids.front(), 1);
  EXPECT_EQ(prompt.spans.front().end, 0u);
  EXPECT_EQ(prompt.ids.size(), prompt.text.size() + 1);
  EXPECT_EQ(prompt.spans.size(), prompt.ids.size());
  EXPECT_EQ(candidate_text(prompt), "Who?");
  EXPECT_EQ(prompt.candidate_begin, 11u);  // BOS and "Question: "
}

TEST(BuildPrompt, PutsExamplesInFront) {
  const ByteTokenizer tokenizer;
  const auto prompt = build_prompt(tokenizer, {}, "Who?", {{"Who?", "Ann"}, {"When?", "1472"}});
  EXPECT_EQ(prompt.text, "Question: Who?\nAnswer: Ann\n\nQuestion: When?\nAnswer: 1472\n\nQuestion: Who?\nAnswer:");
  EXPECT_EQ(candidate_text(prompt), "Who?");
  EXPECT_EQ(prompt.spans[prompt.candidate_begin].begin, prompt.text.rfind("Who?"));
}

TEST(BuildPrompt, MuseTemplateEndsWithASpace) {
  PromptTemplate muse;
  muse.after_question = "\nAnswer: ";
  muse.answer_prefix = "";
  const auto prompt = build_prompt(ByteTokenizer(), muse, "Who?", {{"When?", "1472"}});
  EXPECT_EQ(prompt.text, "Question: When?\nAnswer: 1472\n\nQuestion: Who?\nAnswer: ");
}

TEST(BuildPrompt, SystemTextAndGenerationPrefixAppearOnce) {
  PromptTemplate chat;
  chat.before_system = "<";
  chat.after_system = ">";
  chat.generation_prefix = "!";
  EXPECT_EQ(build_prompt(ByteTokenizer(), chat, "Who?").text, "Question: Who?\nAnswer:!");
  chat.system = "Be kind.";
  EXPECT_EQ(build_prompt(ByteTokenizer(), chat, "Who?", {{"When?", "1472"}}).text,
            "<Be kind.>Question: When?\nAnswer: 1472\n\nQuestion: Who?\nAnswer:!");
}

TEST(BuildPrompt, BosIsOptional) {
  ByteTokenizer tokenizer;
  PromptTemplate plain;
  plain.add_bos = false;
  EXPECT_EQ(build_prompt(tokenizer, plain, "Who?").ids.front(), 3 + 'Q');
  tokenizer.has_specials = false;
  EXPECT_NO_THROW(build_prompt(tokenizer, plain, "Who?"));
  EXPECT_THAT(message_of<UserError>([&] { build_prompt(tokenizer, {}, "Who?"); }), HasSubstr("no BOS token"));
}

TEST(BuildPrompt, WhiteSpaceAroundAQuestionIsNoCandidate) {
  const auto prompt = build_prompt(ByteTokenizer(), {}, "  Who \xC2\xA0 is it? \n");
  EXPECT_EQ(candidate_text(prompt), "Who \xC2\xA0 is it?");
}

TEST(BuildPrompt, TokensThatTakeTheTemplatesSpaceAreCandidates) {
  const auto prompt = build_prompt(trained_tokenizer(), {}, "the harbour");
  EXPECT_EQ(candidate_text(prompt), " the harbour");
  EXPECT_EQ(prompt.candidate_end - prompt.candidate_begin, 2u);
}

TEST(BuildPrompt, RefusesTokensOfTemplateAndQuestion) {
  PromptTemplate glued;
  glued.before_question = "har";
  EXPECT_THAT(message_of<UserError>([&] { build_prompt(trained_tokenizer(), glued, "bour of the town"); }),
              AllOf(HasSubstr("bour of the town"), HasSubstr("harbour"), HasSubstr("template")));
  PromptTemplate behind;
  behind.after_question = "bour";
  EXPECT_THAT(message_of<UserError>([&] { build_prompt(trained_tokenizer(), behind, "the har"); }), HasSubstr("template"));
}

TEST(BuildPrompt, RefusesEmptyQuestions) {
  for (const char* question : {"", " ", "\n\t", "\xC2\xA0"})
    EXPECT_THAT(message_of<UserError>([&] { build_prompt(ByteTokenizer(), {}, question); }), HasSubstr("question is empty"));
}

TEST(EncodeAnswer, ContinuesThePrompt) {
  const ByteTokenizer tokenizer;
  EXPECT_EQ(tokenizer.decode(encode_answer(tokenizer, {}, "1472")), " 1472");
  PromptTemplate muse;
  muse.answer_prefix = "";
  EXPECT_EQ(tokenizer.decode(encode_answer(tokenizer, muse, "1472")), "1472");
  EXPECT_THAT(message_of<UserError>([&] { encode_answer(tokenizer, {}, " "); }), HasSubstr("answer"));
}

TEST(EncodeAnswer, PromptAndAnswerAreTheTokensOfTheirText) {
  if (std::string(UNPACT_TEST_DATA).empty()) GTEST_SKIP() << "UNPACT_TEST_DATA is not set";
  const std::filesystem::path data = UNPACT_TEST_DATA;
  const auto tokenizer = load_tokenizer(data / "tokenizers/llama2");
  const auto pairs = read_json_file(data / "muse-news/knowmem/forget_qa.json");
  for (const auto& pair : pairs) {
    const auto answer = pair["answer"].get<std::string>();
    const auto prompt = build_prompt(*tokenizer, {}, pair["question"].get<std::string>());
    auto ids = prompt.ids;
    const auto answer_ids = encode_answer(*tokenizer, {}, answer);
    ids.insert(ids.end(), answer_ids.begin(), answer_ids.end());
    auto whole = tokenizer->encode(prompt.text + " " + answer).ids;
    whole.insert(whole.begin(), 1);
    EXPECT_EQ(ids, whole) << pair.dump();
    EXPECT_EQ(trim(candidate_text(prompt)), pair["question"].get<std::string>());
  }
}

TEST(ReadableAnswer, CutsAtTheFirstStopString) {
  const ByteTokenizer tokenizer;
  const auto read = [&](const std::string& text) {
    auto ids = tokenizer.encode(text).ids;
    ids.push_back(2);
    return readable_answer(tokenizer, {}, ids);
  };
  EXPECT_EQ(read(" 1472 "), "1472");
  EXPECT_EQ(read(" 1472\n\nQuestion: Who?"), "1472");
  EXPECT_EQ(read(" 1472\nQuestion: Who?\n\n"), "1472");
  EXPECT_EQ(read(" 1472 Question: Who?"), "1472");
  EXPECT_EQ(read(" one\ntwo"), "one\ntwo");
  EXPECT_EQ(read("\n\n1472"), "");
  EXPECT_EQ(read(""), "");
}

TEST(ReadableAnswer, EmptyStopStringsCutNothing) {
  const ByteTokenizer tokenizer;
  PromptTemplate odd;
  odd.stop_strings = {"", "7"};
  EXPECT_EQ(readable_answer(tokenizer, odd, tokenizer.encode("1472").ids), "14");
}

TEST(WordsBehind, WidensATokenToItsWord) {
  EXPECT_THAT(words("When did Paul O'Grady host it?", {"Grad"}), ElementsAre("O'Grady"));
  EXPECT_THAT(words("When did Paul O'Grady host it?", {"id"}), ElementsAre("did"));
  EXPECT_THAT(words("Was it 1.5 or 1,000 or 19%?", {".5", "00", "19"}), ElementsAre("1.5", "1,000", "19%"));
  EXPECT_THAT(words("Where is Montr\xC3\xA9"
                    "al?",
                    {"\xA9"}),
              ElementsAre("Montr\xC3\xA9"
                          "al"));
}

TEST(WordsBehind, StripsPunctuationAtTheEnds) {
  EXPECT_THAT(words("Who (or what) is \"Bob\"?", {"or", "Bob"}), ElementsAre("or", "Bob"));
  EXPECT_THAT(words("Is \xE2\x80\x9C"
                    "Bob\xE2\x80\x9D here\xE2\x80\xA6",
                    {"Bob", "here"}),
              ElementsAre("Bob here"));
  EXPECT_THAT(words("Does \xC2\xBF"
                    "qui\xC3\xA9n?",
                    {"qui"}),
              ElementsAre("qui\xC3\xA9n"));
  EXPECT_THAT(words("Who is it ?!", {"?"}), IsEmpty());
}

TEST(WordsBehind, NeighboursBecomeOnePhrase) {
  EXPECT_THAT(words("In what year did Willie Nelson sing?", {"year", "Wil", "son"}), ElementsAre("year", "Willie Nelson"));
  EXPECT_THAT(words("Was Elton, Sir of  Pinner there?", {"Elton", "Sir", "of", "Pin"}), ElementsAre("Elton Sir of Pinner"));
}

TEST(WordsBehind, EachPhraseOnceInTheOrderOfTheText) {
  const ByteTokenizer tokenizer;
  const auto prompt = build_prompt(tokenizer, {}, "Ann or Bob or Ann?");
  std::vector<bool> marked(prompt.candidate_end - prompt.candidate_begin, false);
  marked[0] = marked[8] = marked[15] = true;
  EXPECT_THAT(words_behind(prompt, marked), ElementsAre("Ann", "Bob"));
  std::fill(marked.begin(), marked.end(), false);
  EXPECT_THAT(words_behind(prompt, marked), IsEmpty());
}

TEST(WordsBehind, ATokenOfWhiteSpaceIntroducesItsWord) {
  // SentencePiece writes " 1472" as a lone space and four digits.
  const auto prompt = build_prompt(trained_tokenizer(), {}, "the 1472 report");
  std::vector<bool> marked(prompt.candidate_end - prompt.candidate_begin, false);
  ASSERT_EQ(trained_tokenizer().piece(prompt.ids[prompt.candidate_begin + 1]), " ");
  marked[1] = true;
  EXPECT_THAT(words_behind(prompt, marked), ElementsAre("1472"));
}

TEST(WordsBehind, WantsOneMarkACandidate) {
  const auto prompt = build_prompt(ByteTokenizer(), {}, "Who?");
  EXPECT_THROW(words_behind(prompt, {true}), ContractViolation);
}

TEST(BuildPrompt, IntroductionStandsOnceInFrontAndIsContext) {
  const ByteTokenizer tokenizer;
  const auto alone = build_prompt(tokenizer, {}, "Who?", {}, "About it.\n\n");
  EXPECT_EQ(alone.text, "Question: About it.\n\nWho?\nAnswer:");
  EXPECT_EQ(candidate_text(alone), "Who?");
  const auto shown = build_prompt(tokenizer, {}, "Who?", {{"When?", "1472"}}, "About it.\n\n");
  EXPECT_EQ(shown.text, "Question: About it.\n\nWhen?\nAnswer: 1472\n\nQuestion: Who?\nAnswer:");
  EXPECT_EQ(candidate_text(shown), "Who?");
}

}  // namespace
}  // namespace unpact
