#include "unpact/campaign/unlearn_inputs.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "core/temporary_folder.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::ByteTokenizer;
using testing_support::message_of;

class UnlearnInputs : public testing::Test {
 protected:
  UnlearnInputs() {
    for (const auto* question : {"Who?", "Where?", "When?"}) dataset_.forget_questions.push_back({question, "gold", {}});
    dataset_.retain_questions.push_back({"What?", "kept", {}});
    dataset_.forget_texts = {"abcdefgh"};
    dataset_.retain_texts = {"ijkl"};
    c_.unlearn.chunks.length = 5;
  }
  UnlearnData read() const { return unlearn_data(c_, dataset_, ByteTokenizer(), c_.prompt.resolve(), limit_); }
  ContextLimit limit_;
  std::string refusal() const {
    return message_of<UserError>([&] { read(); });
  }
  /// Reads the file as the one that the method asks for.
  void give(const std::string& text, const std::string& forget = "dpo") {
    const auto file = folder_.write("file.txt", text).string();
    c_.method.forget = forget;
    if (forget != "dpo") c_.method.weighting = WeightingKind::given;
    (forget == "dpo" ? c_.method.alternates : c_.method.weights_path) = file;
  }
  static std::string answer_of(const Example& example) {
    std::vector<TokenId> ids;
    for (std::size_t i = 0; i < example.ids.size(); ++i)
      if (example.has_loss[i] != 0) ids.push_back(example.ids[i]);
    return ByteTokenizer().decode(ids);
  }

  const testing_support::TemporaryFolder folder_;
  Dataset dataset_;
  Configuration c_;
};

TEST_F(UnlearnInputs, AreQuestionsWithLossWhereItIsAsked) {
  const auto data = read();
  ASSERT_EQ(data.forget->size(), 3U);
  ASSERT_EQ(data.retain->size(), 1U);
  EXPECT_EQ(answer_of(data.retain->front()), " kept");
  c_.unlearn.loss_on = LossOn::all;
  EXPECT_THAT(answer_of(read().retain->front()), HasSubstr("What?"));
  EXPECT_EQ(data.alternates, nullptr);
}

TEST_F(UnlearnInputs, ArePiecesOfTextsByEitherRule) {
  c_.unlearn.form = ExampleForm::texts;
  const auto pieces = [&] {
    std::vector<std::string> all;
    const auto data = read();
    for (const auto& example : *data.forget) all.push_back(ByteTokenizer().decode(example.ids));
    return all;
  };
  EXPECT_THAT(pieces(), testing::ElementsAre("abcd", "efgh"));
  c_.unlearn.chunks.rule = ChunkRule::open_unlearning;
  EXPECT_THAT(pieces(), testing::ElementsAre("abcde", "fgh"));
  dataset_.retain_texts.clear();
  EXPECT_THAT(refusal(), AllOf(HasSubstr("the retain set is empty"), HasSubstr("no texts")));
}

TEST_F(UnlearnInputs, TheRetainTermSeesNoQuestionThatIsHeldOut) {
  dataset_.retain_questions = {{"What?", "trained", {}}, {"Why?", "held out", {}}, {"How?", "trained", {}}};
  dataset_.retain_questions[1].half = SetHalf::held_out;
  for (const auto i : {0, 2}) dataset_.retain_questions[static_cast<std::size_t>(i)].half = SetHalf::trained;
  const auto data = read();
  ASSERT_EQ(data.retain->size(), 2U);
  for (const auto& example : *data.retain) EXPECT_EQ(answer_of(example), " trained");
  EXPECT_EQ(data.forget->size(), 3U) << "the forget set is unlearned whole";
}

TEST_F(UnlearnInputs, ArePiecesThatTheTargetWasMadeOf) {
  c_.unlearn.form = ExampleForm::texts;
  c_.finetune.parts = "texts";
  for (const auto rule : {ChunkRule::muse, ChunkRule::open_unlearning}) {
    c_.unlearn.chunks.rule = c_.finetune.chunks.rule = rule;
    for (const std::int64_t length : {3, 4, 7, 20}) {
      c_.finetune.chunks.length = length;
      c_.unlearn.chunks.length = 0;  // as long as those
      const auto made = finetune_examples(c_, dataset_, ByteTokenizer(), c_.prompt.resolve(), {});
      const auto data = read();
      auto asked = *data.forget;
      asked.insert(asked.end(), data.retain->begin(), data.retain->end());
      ASSERT_EQ(made.size(), asked.size()) << length;
      for (std::size_t i = 0; i < made.size(); ++i) EXPECT_EQ(made[i].ids, asked[i].ids) << length << ", piece " << i;
    }
  }
}

TEST_F(UnlearnInputs, PassTheSamplingOn) {
  c_.unlearn.retain_sampling = Sampling::paired;
  EXPECT_EQ(read().retain_sampling, Sampling::paired);
}

TEST_F(UnlearnInputs, AnswersToPreferAreDrawnFromLinesBySeed) {
  give("I do not know.\nNo idea.\n\nAsk me later.\n");
  const auto answers = [&] {
    std::vector<std::string> all;
    const auto data = read();
    for (const auto& example : *data.alternates) all.push_back(answer_of(example));
    return all;
  };
  const auto first = answers();
  ASSERT_EQ(first.size(), 3U);
  for (const auto& answer : first) EXPECT_THAT(answer, testing::AnyOf(" I do not know.", " No idea.", " Ask me later."));
  EXPECT_EQ(answers(), first);
  std::set<std::vector<std::string>> drawn;
  for (c_.run.seed = 0; c_.run.seed < 20; ++c_.run.seed) drawn.insert(answers());
  EXPECT_GT(drawn.size(), 3U);
}

TEST_F(UnlearnInputs, AnswersToPreferOfEachQuestion) {
  give(
      "{\"question\": \"When?\", \"answer\": \"c\"}\n{\"question\": \"Who?\", \"answer\": \"a\"}\n{\"question\": "
      "\"Where?\", \"answer\": \"b\"}\n");
  const auto data = read();
  EXPECT_EQ(answer_of((*data.alternates)[0]) + answer_of((*data.alternates)[1]) + answer_of((*data.alternates)[2]),
            " a b c");
  give("{\"question\": \"When?\", \"answer\": \"c\"}\n");
  EXPECT_THAT(refusal(), HasSubstr("no answer to prefer for the question 'Who?'"));
}

TEST_F(UnlearnInputs, GivenWeightsBelongToTokensWithLoss) {
  give("[1, 0.5, 0, 0, 1, 2]\n[0, 0, 0, 0, 0, 1]\n[1, 1, 1, 1, 1, 1]\n", "ga");
  const auto weights = read().given_weights;
  ASSERT_EQ(weights.size(), 3U);
  const std::vector<float> tail(weights[0].end() - 6, weights[0].end());
  EXPECT_THAT(tail, testing::ElementsAre(1, 0.5F, 0, 0, 1, 2));
  EXPECT_EQ(weights[0].front(), 0) << "the prompt has no loss";
}

TEST_F(UnlearnInputs, WrongWeightsAreNamedWithTheirLine) {
  give("[1]\n", "ga");
  EXPECT_THAT(refusal(), HasSubstr("the file has 1 lines, the forget set 3 examples"));
  give("[1, 1, 1, 1, 1, 1]\n[1]\n[1]\n", "ga");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("line 2"), HasSubstr("6 tokens")));
  give("[1, 1, 1, 1, 1, -1]\n[1]\n[1]\n", "ga");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("line 1"), HasSubstr("'-1' is no number >= 0")));
}

TEST_F(UnlearnInputs, NoAnchorHoldsWhatFollowsAnOnset) {
  for (auto& question : dataset_.forget_questions) question.entities = {"gold"};
  c_.method.weighting = WeightingKind::spans;
  c_.method.anchor_weight = 1;
  EXPECT_TRUE(read().held_back.empty()) << "spans weigh 1 themselves";
  c_.method.span_tokens = 2;
  const auto data = read();
  const std::vector<float> weights(data.given_weights[0].end() - 6, data.given_weights[0].end()),
      held_back(data.held_back[0].end() - 6, data.held_back[0].end());
  EXPECT_THAT(weights, testing::ElementsAre(0, 1, 1, 0, 0, 0)) << "a token a byte of ' gold', and the end";
  EXPECT_THAT(held_back, testing::ElementsAre(0, 1, 1, 1, 1, 0));
}

class PhrasedInputs : public UnlearnInputs {
 protected:
  PhrasedInputs() {
    c_.unlearn.phrased = 2;
    contributions_.forget.resize(3);
    contributions_.forget[0].key_words = {"Who"};
    contributions_.forget[2].key_words = {"When", "then"};
    contributions_.retain.resize(1);
    contributions_.retain[0].key_words = {"What"};
  }
  UnlearnData read_phrased() const {
    return unlearn_data(c_, dataset_, ByteTokenizer(), c_.prompt.resolve(), limit_, &contributions_);
  }
  static std::string text_of(const Example& example) {
    const auto text = ByteTokenizer().decode(example.ids);
    return text.substr(0, text.find("\nAnswer"));
  }
  TrainedContributions contributions_;
};

TEST_F(PhrasedInputs, NameTheKeyTokensInPhrasingsBehindTheHeldOutTwo) {
  const auto data = read_phrased();
  std::vector<std::string> forget, retain;
  for (const auto& example : *data.forget) forget.push_back(text_of(example));
  for (const auto& example : *data.retain) retain.push_back(text_of(example));
  EXPECT_THAT(forget, testing::ElementsAre(
                          "Question: Who?", "Question: Where?", "Question: When?", "Question: Who? The key words are Who.",
                          "Question: When? The key words are When, then.", "Question: Who? Think of Who before you answer.",
                          "Question: When? Think of When, then before you answer."))
      << "the question without KeyTokens stays as it is";
  EXPECT_THAT(retain, testing::ElementsAre("Question: What?", "Question: What? The key words are What.",
                                           "Question: What? Think of What before you answer."));
  for (const auto& example : *data.forget) EXPECT_EQ(answer_of(example), " gold");
}

TEST_F(PhrasedInputs, TakeTheirAnswersToPreferAndWeightsFromTheirQuestions) {
  give(
      "{\"question\": \"When?\", \"answer\": \"c\"}\n{\"question\": \"Who?\", \"answer\": \"a\"}\n{\"question\": "
      "\"Where?\", \"answer\": \"b\"}\n");
  const auto preferred = read_phrased();
  std::string answers;
  for (const auto& example : *preferred.alternates) answers += answer_of(example);
  EXPECT_EQ(answers, " a b c a c a c");
  c_.method = MethodOptions();
  c_.method.weighting = WeightingKind::attribution;
  auto& who = contributions_.forget[0];
  who.is_key_token = {1};
  who.log_probabilities.assign(12, -1);  // 6 targets, the end among them
  who.log_probabilities[7] = -2;
  const auto weighted = read_phrased();
  ASSERT_EQ(weighted.given_weights.size(), 7U);
  for (const std::size_t i : {0, 3, 5})
    EXPECT_EQ(std::vector<float>(weighted.given_weights[i].end() - 6, weighted.given_weights[i].end()),
              (std::vector<float>{0, 6, 0, 0, 0, 0}));
  EXPECT_EQ(weighted.given_weights[4].back(), 1) << "no KeyTokens, no weights of its own";
  EXPECT_THAT(lines_of_weights(weighted), testing::StartsWith("[0.0,6.0,0.0,0.0,0.0,0.0]\n[1.0,"));
}

TEST_F(PhrasedInputs, AreRefusedWhereNoQuestionHasKeyTokens) {
  contributions_.retain[0].key_words.clear();
  EXPECT_THAT(message_of<UserError>([&] { read_phrased(); }),
              AllOf(HasSubstr("no question of the retain set has KeyTokens"), HasSubstr("unlearn.phrased = 0")));
  c_.unlearn.phrased = 4;
  EXPECT_THAT(message_of<UserError>([&] { read_phrased(); }), HasSubstr("'unlearn.phrased' is 4"));
}

TEST_F(PhrasedInputs, ArePlannedAsManyAndAsLongAsTheyCanBecome) {
  const auto planned = read(), made = read_phrased();
  EXPECT_EQ(planned.forget->size(), 9U);
  const auto longest = [](const UnlearnData& data) {
    std::size_t most = 0;
    for (const auto& example : *data.forget) most = std::max(most, example.ids.size());
    return most;
  };
  contributions_.forget[2].key_words = {"When"};
  EXPECT_GE(longest(planned), longest(read_phrased()));
  auto plain = c_;
  plain.unlearn.phrased = 0;
  EXPECT_NE(data_key(plain), data_key(c_));
}

TEST_F(UnlearnInputs, AFileWithAnotherContentThanNamedIsRefused) {
  give("I do not know.\n");
  c_.method.file_checksum = sha256_of_file(c_.method.alternates);
  EXPECT_NO_THROW(read());
  give("Something else.\n");
  EXPECT_THAT(refusal(), HasSubstr("another content than method.file_checksum"));
}

}  // namespace
}  // namespace unpact
