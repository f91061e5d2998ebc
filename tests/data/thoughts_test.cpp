/// Traces of thought: read from entries, and as targets of a loss.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/temporary_folder.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/json.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/data/examples.hpp"
#include "unpact/text/thought.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::ByteTokenizer;
using testing_support::message_of;
using testing_support::TemporaryFolder;

QuestionFields with_traces() {
  QuestionFields fields;
  fields.trace = "cot";
  return fields;
}

PromptTemplate thinking_template() {
  PromptTemplate prompt_template;
  prompt_template.thought_begin = "<think>\n";
  prompt_template.thought_end = "\n</think>\n";
  prompt_template.answer_prefix = "";
  return prompt_template;
}

QuestionAnswer thought_pair() {
  QuestionAnswer pair{"Who?", "Ann", {}};
  pair.trace = "It was Ann.";
  return pair;
}

std::string loss_text(const Example& example) {
  std::string text;
  for (std::size_t i = 0; i < example.ids.size(); ++i)
    if (example.has_loss[i] != 0) text += example.ids[i] == 2 ? '>' : static_cast<char>(example.ids[i] - 3);
  return text;
}

TEST(Traces, AreReadAsRTofuPublishesThem) {
  const TemporaryFolder folder;
  const auto file =
      folder.write("forget01.json", R"({"task_id": "1", "question": "a?", "answer": "b", "cot": "So b.\n\nYes."}
{"task_id": "1", "question": "c?", "answer": "d", "cot": " <think>\nSo d.\n</think> "}
)");
  const auto pairs = read_question_lines(file, with_traces());
  EXPECT_EQ(pairs.at(0).trace, "So b.\n\nYes.");
  EXPECT_EQ(pairs.at(1).trace, "So d.");
  EXPECT_EQ(read_question_lines(file, {}).at(0).trace, "") << "without the option nobody reads them";
  Dataset with, without;
  with.forget_questions = pairs;
  without.forget_questions = read_question_lines(file, {});
  EXPECT_NE(dataset_checksum(with), dataset_checksum(without));
}

TEST(Traces, MessagesNameFileAndEntry) {
  const TemporaryFolder folder;
  const auto complaint = [&](const std::string& cot) {
    const auto file = folder.write(
        "f.json", "{\"question\": \"a\", \"answer\": \"b\", \"cot\": \"c\"}\n{\"question\": \"a\", \"answer\": \"b\"" +
                      (cot.empty() ? "" : ", \"cot\": " + cot) + "}\n");
    return message_of<UserError>([&] { read_question_lines(file, with_traces()); });
  };
  EXPECT_THAT(complaint(""), HasSubstr("f.json, line 2: field 'cot' is missing"));
  EXPECT_THAT(complaint("\" \""), HasSubstr("f.json, line 2: field 'cot' is empty"));
  EXPECT_THAT(complaint("\"<think> </think>\""), HasSubstr("f.json, line 2: the trace in field 'cot' is empty"));
  EXPECT_THAT(complaint("\"<think>So b.\""), AllOf(HasSubstr("f.json, line 2"), HasSubstr("has no end")));
  EXPECT_THAT(complaint("\"So </think> b.\""), AllOf(HasSubstr("line 2"), HasSubstr("inside of a trace")));
  EXPECT_THAT(complaint("\"<think>a</think> b\""), AllOf(HasSubstr("line 2"), HasSubstr("inside of a trace")));
}

TEST(ThoughtExamples, LossOnAnswerTraceOrBoth) {
  const auto of = [](LossOn loss_on) {
    return loss_text(make_question_example(ByteTokenizer(), thinking_template(), thought_pair(), loss_on));
  };
  EXPECT_EQ(of(LossOn::answer), "Ann>");
  EXPECT_EQ(of(LossOn::trace), "It was Ann.\n</think>\n");
  EXPECT_EQ(of(LossOn::both), "It was Ann.\n</think>\nAnn>");
  EXPECT_EQ(of(LossOn::all), "Question: Who?\nAnswer:<think>\nIt was Ann.\n</think>\nAnn>");
}

TEST(ThoughtExamples, WithoutATraceTheThoughtIsEmpty) {
  auto pair = thought_pair();
  pair.trace.clear();
  const auto example = make_question_example(ByteTokenizer(), thinking_template(), pair, LossOn::all);
  EXPECT_EQ(loss_text(example), "Question: Who?\nAnswer:<think>\n\n</think>\nAnn>");
  EXPECT_THAT(
      message_of<UserError>([&] { make_question_example(ByteTokenizer(), thinking_template(), pair, LossOn::trace); }),
      AllOf(HasSubstr("'Who?'"), HasSubstr("dataset.trace_field")));
  EXPECT_THAT(message_of<UserError>([] { make_question_example(ByteTokenizer(), {}, thought_pair(), LossOn::both); }),
              HasSubstr("prompt.thought_end"));
}

PromptTemplate template_of(const Json& fields) {
  PromptTemplate made;
  made.before_question = fields["before_question"];
  made.after_question = fields["after_question"];
  made.answer_prefix = fields["answer_prefix"];
  made.thought_begin = fields["thought_begin"];
  made.thought_end = fields["thought_end"];
  made.add_bos = fields["add_bos"] == "true";
  return made;
}

std::vector<std::uint8_t> flags_of(const Json& parts, bool trace, bool answer) {
  std::vector<std::uint8_t> flags;
  for (const auto& part : parts) flags.push_back((part == 1 && trace) || (part == 2 && answer) ? 1 : 0);
  return flags;
}

/// tests/prompts/thoughts.py
TEST(ThoughtExamples, HaveTheIdsAndTargetsOfTransformers) {
  const auto file = std::filesystem::path(UNPACT_FIXTURES) / "prompts/thoughts.json";
  if (std::string(UNPACT_FIXTURES).empty() || std::string(UNPACT_TEST_DATA).empty() || !std::filesystem::exists(file))
    GTEST_SKIP() << "no fixtures: run tests/prompts/make_fixtures.py and set UNPACT_FIXTURES and UNPACT_TEST_DATA";
  for (const auto& family : read_json_file(file)) {
    const auto prompt_template = template_of(family["template"]);
    const auto tokenizer = load_tokenizer(std::filesystem::path(UNPACT_TEST_DATA) / family["tokenizer"].get<std::string>());
    ASSERT_GE(family["cases"].size(), 50U);
    for (const auto& one : family["cases"]) {
      QuestionAnswer pair{one["question"], one["answer"], {}};
      auto ids = build_prompt(*tokenizer, prompt_template, pair.question).ids;
      auto empty = ids;
      for (const auto id : encode_thought(*tokenizer, prompt_template, "").ids) empty.push_back(id);
      EXPECT_EQ(empty, one["empty"].get<std::vector<TokenId>>());
      const auto asked = one["asked"].get<std::vector<TokenId>>();
      if (asked.size() > ids.size())  // the published template opens the thought
        for (const auto id : encode_thought_begin(*tokenizer, prompt_template)) ids.push_back(id);
      EXPECT_EQ(ids, asked);
      pair.trace = one["trace"];
      const auto both = make_question_example(*tokenizer, prompt_template, pair, LossOn::both);
      ASSERT_EQ(both.ids, one["whole"].get<std::vector<TokenId>>()) << pair.trace;
      EXPECT_EQ(both.has_loss, flags_of(one["part"], true, true));
      EXPECT_EQ(make_question_example(*tokenizer, prompt_template, pair, LossOn::trace).has_loss,
                flags_of(one["part"], true, false));
      EXPECT_EQ(make_question_example(*tokenizer, prompt_template, pair, LossOn::answer).has_loss,
                flags_of(one["part"], false, true));
    }
  }
}

}  // namespace
}  // namespace unpact
