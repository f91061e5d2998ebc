#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/temporary_folder.hpp"
#include "evaluation/run_probes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/block_math.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::ByteTokenizer;
using testing_support::message_of;
using testing_support::probe_named;
using testing_support::small_dataset;
using testing_support::tiny_language_model;

/// Every probe beside its definition: the greedy answer to the prompt that it should have.
class OtherProbes : public testing::Test {
 protected:
  ProbeRecord run(const ProbeRow& row, const Communicator& group, AnswerStyle style = AnswerStyle::text) const {
    ProbeTask task{group, model_, questions_, probed_, keys_, 2, style};
    task.seed = 7;
    ProbeOptions options;
    options.soft_prompt = {.tokens = 2, .steps = "2", .batch_size = 2};
    return run_probe(row, options, generation_, task);
  }
  ProbeRecord run(const std::string& name) const { return run(probe_named(name), alone_); }
  std::string greedy(const std::vector<TokenId>& prompt) const {
    return model_.text_of(generate(model_.transformer, {{prompt, 0}}, generation_).front());
  }
  std::string choose_letter(const std::vector<TokenId>& prompt) const {
    std::string likeliest;
    double most = -INFINITY;
    for (std::size_t i = 0; i < 3; ++i) {
      auto letter = choice_letter(i);
      const auto scores =
          score_answers(model_.transformer, {{prompt, encode_answer(*model_.tokenizer, model_.prompt_template, letter)}});
      double sum = 0;
      for (const auto value : scores.front()) sum += value;
      if (sum > most) likeliest = letter;
      most = std::max(most, sum);
    }
    return likeliest;
  }
  std::vector<TokenId> prompt(const std::string& text, const std::vector<InContextExample>& examples = {}) const {
    return build_prompt(*model_.tokenizer, model_.prompt_template, text, examples).ids;
  }

  Communicator alone_, world_ = Communicator::world();
  LanguageModel model_ = tiny_language_model(2);
  std::vector<AskedQuestion> questions_ = ask_questions(small_dataset(), ByteTokenizer(), {}, 0, 6);
  std::vector<std::size_t> probed_ = {3, 1};
  std::vector<std::vector<std::string>> keys_ = std::vector<std::vector<std::string>>(questions_.size());
  GenerationOptions generation_ = [] {
    GenerationOptions options;
    options.max_new_tokens = 6;
    return options;
  }();
};

TEST_F(OtherProbes, PrefillGoesOnBehindThePhrase) {
  const auto record = run("prefill");
  ASSERT_EQ(record.attempt_labels.size(), 2U);
  auto begun = prompt("Who wrote book 3?");
  begin_answer(model_, "Answer:", begun);
  EXPECT_EQ(model_.tokenizer->decode(begun).substr(model_.tokenizer->decode(prompt("Who wrote book 3?")).size()),
            " Answer:");
  EXPECT_EQ(record.prompt[0], begun);
  EXPECT_EQ(record.answer[0], greedy(begun));
  EXPECT_EQ(record.put[0], "Who wrote book 3? Answer:");
  EXPECT_GE(record.tokens[0], static_cast<std::int32_t>(begun.size()));
}

TEST_F(OtherProbes, AttemptsThatTheContextDoesNotHoldAreNotMade) {
  const auto all = run("role_play");
  std::vector<std::size_t> lengths;
  for (const auto& attempt : all.prompt) lengths.push_back(attempt.size());
  const auto with_context = [&](std::size_t positions) {
    auto config = model_.transformer.config();
    config.max_positions = static_cast<std::int64_t>(positions);
    model_.transformer = Transformer(config, clone_weights(model_.transformer.weights()));
    return run("role_play");
  };
  const auto shortest = *std::ranges::min_element(lengths), longest = *std::ranges::max_element(lengths);
  ASSERT_LT(shortest, longest);
  const auto some = with_context(longest - 1 + 6);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    EXPECT_EQ(some.prompt[i].empty(), lengths[i] == longest);
    EXPECT_EQ(some.answer[i], lengths[i] == longest ? "" : all.answer[i]);
  }
  EXPECT_EQ(with_context(longest + 6).answer, all.answer);
  const auto none = with_context(shortest - 1 + 6);
  EXPECT_THAT(none.asked, Each(static_cast<std::uint8_t>(Asked::no)));
  EXPECT_THAT(none.answer, Each(""));
}

TEST_F(OtherProbes, TemplatesStandAroundTheQuestion) {
  for (const auto* name : {"role_play", "override", "prompt_format"}) {
    const auto record = run(name);
    for (std::size_t i = 0; i < record.put.size(); ++i) {
      EXPECT_THAT(record.put[i], HasSubstr(questions_[probed_[i / 2]].pair.question)) << name;
      EXPECT_EQ(record.prompt[i], prompt(record.put[i])) << name;
      EXPECT_EQ(record.answer[i], greedy(record.prompt[i])) << name;
    }
    EXPECT_NE(record.put[0], record.put[1]) << name;
  }
}

TEST_F(OtherProbes, InContextShowsRetainedQuestionsThatDoNotTell) {
  questions_[6].pair.answer = "It was by Author 3, I think";  // of the retain set
  const auto record = run("in_context");
  for (std::size_t i = 0; i < record.put.size(); ++i) {
    EXPECT_THAT(record.put[i], HasSubstr("Where is town"));
    EXPECT_EQ(record.put[i].find("Who wrote book"), record.put[i].rfind("Who wrote book"))
        << "forget questions are not shown";
    EXPECT_EQ(record.answer[i], greedy(record.prompt[i]));
  }
  EXPECT_THAT(record.put[0], testing::Not(HasSubstr("Author 3, I think"))) << "it would tell the answer";
  EXPECT_THAT(record.put[2] + record.put[3], HasSubstr("Author 3, I think")) << "another question's answer tells nothing";
  probed_ = {0, 1, 2, 3, 4, 5};
  std::set<std::string> shown;
  for (const auto& put : run("in_context").put) shown.insert(put.substr(0, put.find("Who wrote")));
  EXPECT_GT(shown.size(), 2U) << "attempts and questions draw their own";
}

TEST_F(OtherProbes, SubjectsShareTheirQuestions) {
  EXPECT_THAT(run("in_context_subject").asked, Each(static_cast<std::uint8_t>(Asked::no))) << "nobody names a subject";
  for (auto& asked : questions_) asked.pair.subject = asked.in_forget_set ? "books" : "towns";
  const auto record = run("in_context_subject");
  EXPECT_THAT(record.asked, Each(static_cast<std::uint8_t>(Asked::yes)));
  EXPECT_THAT(record.put[0], testing::Not(HasSubstr("Where is")));
  EXPECT_THAT(record.put[0], testing::Not(HasSubstr("Author 3")));
}

TEST_F(OtherProbes, ClozeGivesTheFirstWordsAndWantsTheRest) {
  for (auto& asked : questions_) asked.pair.answer = "The tall author of the book was born in Riga";  // ten words
  const auto record = run("cloze");
  EXPECT_EQ(record.put[0], "Who wrote book 3? The");
  EXPECT_EQ(record.gold[0], "tall author of the book was born in Riga");
  EXPECT_EQ(record.put[1], "Who wrote book 3? The tall author");
  auto begun = prompt("Who wrote book 3?");
  begin_answer(model_, "The tall author", begun);
  EXPECT_EQ(record.answer[1], greedy(begun));
  questions_[3].pair.entities = {"tall author"};
  const auto kept = run("cloze");
  EXPECT_EQ(kept.put[0], "Who wrote book 3? The");
  EXPECT_EQ(kept.put[1], "") << "the entity is not given away";
  for (auto& asked : questions_) asked.pair.answer = "Riga";
  EXPECT_THAT(run("cloze").asked, Each(static_cast<std::uint8_t>(Asked::no))) << "nothing can be given";
}

TEST_F(OtherProbes, SelfCorrectionIsASecondTurnBehindTheFirstAnswer) {
  const auto record = run("self_correct");
  const std::string question = "Who wrote book 3?";
  const auto first = greedy(prompt(question));
  const auto second =
      prompt("Are you sure? Think again and answer: " + question, {{question, first.empty() ? "..." : first}});
  EXPECT_EQ(record.prompt[0], second);
  EXPECT_EQ(record.answer[0], greedy(second));
  EXPECT_GT(record.tokens[0], static_cast<std::int32_t>(second.size() + prompt(question).size())) << "the first turn counts";
}

TEST_F(OtherProbes, DialoguesLeadUpToTheQuestion) {
  const auto record = run("multi_turn");
  const std::string question = "Who wrote book 3?", first = "What is this question about? " + question;
  const auto said = greedy(prompt(first));
  const auto last = prompt("Now answer it: " + question, {{first, said.empty() ? "..." : said}});
  EXPECT_EQ(record.prompt[0], last);
  EXPECT_EQ(record.answer[0], greedy(last));
  EXPECT_EQ(record.put[0], first + "\n{answer}\nNow answer it: " + question);
  EXPECT_NE(record.put[1], record.put[0]);
  EXPECT_GT(record.tokens[0], static_cast<std::int32_t>(last.size() + prompt(first).size())) << "the first turn counts";
}

TEST_F(OtherProbes, LettersOfChoicesTellNothing) {
  for (std::size_t q = 0; q < questions_.size(); ++q) {
    questions_[q].pair.choices = {concat("town ", q), concat("river ", q), "a hill"};
    questions_[q].pair.answer = "A";
  }
  const auto& asked = questions_[3].pair;
  EXPECT_FALSE(tells(questions_[6].pair, asked)) << "another question with a right answer of the same letter";
  auto telling = questions_[6].pair;
  telling.choices[0] = "the old town 3";
  EXPECT_TRUE(tells(telling, asked));
  telling.answer = "B";
  EXPECT_FALSE(tells(telling, asked)) << "it is not the right one there";
  EXPECT_THAT(run("in_context").asked, Each(static_cast<std::uint8_t>(Asked::yes)));
  EXPECT_THAT(run("distraction").put[0], testing::ContainsRegex("town [0-9]+ .*Who wrote book 3"));
}

TEST_F(OtherProbes, PermutedChoicesAreNamedInTheDatasetsOrder) {
  EXPECT_THAT(run("permute_choices").asked, Each(static_cast<std::uint8_t>(Asked::no)));
  for (auto& asked : questions_) asked.pair.choices = {"red", "green", "blue"};
  const auto record = run(probe_named("permute_choices"), alone_, AnswerStyle::choice);
  std::set<std::string> orders(record.put.begin(), record.put.end());
  EXPECT_GT(orders.size(), 1U);
  for (std::size_t i = 0; i < record.put.size(); ++i) {
    const auto letters = choose_letter(record.prompt[i]);
    const auto line = record.put[i].substr(record.put[i].find(letters + ". ") + 3);
    const auto text = line.substr(0, line.find('\n'));
    const auto& choices = questions_[0].pair.choices;
    EXPECT_EQ(record.answer[i], choice_letter(static_cast<std::size_t>(std::ranges::find(choices, text) - choices.begin())));
  }
}

/// What the final norm and the head make of a block's output behind these ids: the definition, one sequence at a time.
TEST_F(OtherProbes, TheLensReadsHiddenLayersInTheAnswersPlace) {
  const auto says = [&](std::vector<TokenId> ids, std::int64_t layer) {
    const auto& weights = model_.transformer.weights();
    const auto states_BSD = block_math::final_hidden(model_.transformer.config(), weights,
                                                     model_.transformer.block_output(testing_support::row_of(ids), layer));
    return model_.transformer.logits(states_BSD)[0][-1].argmax().item<std::int64_t>();
  };
  auto& asked = questions_[3];
  asked.gold_answer.clear();  // what block 1 says, token by token
  for (int t = 0; t < 3; ++t) {
    auto ids = asked.prompt.ids;
    ids.insert(ids.end(), asked.gold_answer.begin(), asked.gold_answer.end());
    asked.gold_answer.push_back(says(ids, 0));
  }
  auto record = run("logit_lens");
  EXPECT_THAT(record.attempt_labels, ElementsAre("behind block 1 of 3", "behind block 2 of 3"));
  EXPECT_EQ(record.answer[0], model_.text_of(asked.gold_answer));
  const bool second = says(asked.prompt.ids, 1) == asked.gold_answer[0];
  EXPECT_FALSE(second) << "else the blocks cannot be told apart here";
  EXPECT_THAT(record.found, ElementsAre(1, 0, 0, 0)) << "of the other question no layer knows the answer";
  EXPECT_EQ(record.tokens[0] + record.tokens[1], static_cast<std::int32_t>(asked.prompt.ids.size() + 2));
  asked.gold_answer[0] = (asked.gold_answer[0] + 1) % 250 + 4;
  EXPECT_EQ(run("logit_lens").found[0], 0) << "every token counts";
}

TEST_F(OtherProbes, TheLensLooksAtTheEntityWhereTheDataNameOne) {
  const std::string behind = ", surely";
  int compared = 0;
  for (char letter = 'a'; letter <= 'z' && compared < 2; ++letter) {  // until a layer says something that is a text
    const auto before = concat(" It is ", letter);
    auto& asked = questions_[3];
    auto ids = asked.prompt.ids;
    const auto begun = model_.tokenizer->encode_continuation(before), rest = model_.tokenizer->encode_continuation(behind);
    ids.insert(ids.end(), begun.begin(), begun.end());
    const auto states = model_.transformer.hidden_behind(testing_support::row_of(ids), {0, 1});
    const auto said = model_.transformer.logits(states)[1][0][-1].argmax().item<std::int64_t>();  // block 2 knows this alone
    asked.pair.entities = {model_.tokenizer->decode({said})};
    if (asked.pair.entities[0].empty() || (before + behind).find(asked.pair.entities[0]) != std::string::npos) continue;
    asked.gold_answer = begun;
    asked.gold_answer.push_back(said);
    asked.gold_answer.insert(asked.gold_answer.end(), rest.begin(), rest.end());
    probed_ = {3};
    EXPECT_EQ(run("logit_lens").found[1], 1);
    asked.pair.entities.clear();
    EXPECT_EQ(run("logit_lens").found[1], 0) << "of the whole answer it knows one byte";
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

TEST_F(OtherProbes, DoNotDependOnTheNumberOfRanks) {
  probed_ = {0, 1, 2, 3, 4, 5};
  for (const auto& row : probe_table()) {
    if (row.of_file || row.trains) continue;
    const auto one = run(row, alone_), many = run(row, world_);
    EXPECT_EQ(one.answer, many.answer) << row.name;
    EXPECT_EQ(one.put, many.put) << row.name;
    EXPECT_EQ(one.tokens, many.tokens) << row.name;
  }
}

class FileProbes : public OtherProbes {
 protected:
  std::vector<ProbeRow> rows() const {
    ProbeOptions options;
    options.use = "file";
    return rows_to_run(options, questions_);
  }
};

TEST_F(FileProbes, RunEachUnderItsOwnName) {
  EXPECT_THAT(message_of<UserError>([&] { rows(); }), HasSubstr("no written attempts"));
  questions_[3].pair.attempts = {{"hint", "1", {"The author of book 3 is whom?"}},
                                 {"hint", "2", {"Book 3?"}},
                                 {"begin", "1", {"Who?"}, "", "It is", "Somebody"}};
  questions_[1].pair.attempts = {{"hint", "1", {"Book 1?"}}};
  const auto found = rows();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "begin");
  const auto hint = run(found[1], alone_);
  EXPECT_EQ(hint.attempt_labels.size(), 2U);
  EXPECT_EQ(hint.answer[0], greedy(prompt("The author of book 3 is whom?")));
  EXPECT_EQ(hint.answer[2], greedy(prompt("Book 1?")));
  EXPECT_EQ(hint.put[3], "") << "question 1 has one attempt";
  const auto begun = run(found[0], alone_);
  EXPECT_THAT(begun.asked, ElementsAre(1, 0));
  EXPECT_EQ(begun.gold[0], "Somebody");
  auto ids = prompt("Who?");
  begin_answer(model_, "It is", ids);
  EXPECT_EQ(begun.answer[0], greedy(ids));
  questions_[1].pair.attempts[0].probe = "probab";
  EXPECT_THAT(message_of<UserError>([&] { rows(); }), AllOf(HasSubstr("'probab'"), HasSubstr("built-in")));
}

TEST_F(FileProbes, SayTheModelsOwnTurns) {
  questions_[3].pair.attempts = {{"talk", "1", {"Do you know book 3?", "I say: {answer}", "So who?"}}};
  const auto record = run(rows().front(), world_);
  const std::string first = "Do you know book 3?", said = "I say: " + greedy(prompt(first));
  EXPECT_EQ(record.prompt[0], prompt("So who?", {{first, said}}));
  EXPECT_EQ(record.put[0], first + "\nI say: {answer}\nSo who?") << "what the model says itself, nobody tells it";
  EXPECT_EQ(record.answer[0], greedy(record.prompt[0]));
}

TEST(ProbeVariants, AreAsManyAsAttemptsAreAskedFor) {
  ProbeOptions options;
  options.use = "prefill";
  EXPECT_NO_THROW(check_probe_options(options));
  options.phrasings =
      "{question}{keys} | {question} {keys} | {keys}{question} | {keys} {question} | {question}. {keys} | {keys}. "
      "{question}";
  EXPECT_THAT(message_of<UserError>([&] { check_probe_options(options); }),
              AllOf(HasSubstr("'prefill'"), HasSubstr("6 attempts")));
  options.use = "in_context, focus_on_key";
  EXPECT_NO_THROW(check_probe_options(options));
}

}  // namespace
}  // namespace unpact
