#include "unpact/evaluation/probe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "evaluation/run_probes.hpp"
#include "unpact/evaluation/phrasings.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::ByteTokenizer;
using testing_support::focus_on_key;
using testing_support::message_of;
using testing_support::probab;
using testing_support::small_dataset;
using testing_support::tiny_language_model;

TEST(Phrasing, NamesQuestionAndKeys) {
  EXPECT_EQ(fill_phrasing("{question} Focus on {keys} to answer.", "Who?", {"Mira", "Port Ellis"}),
            "Who? Focus on Mira, Port Ellis to answer.");
  EXPECT_EQ(fill_phrasing("Focus on {keys}. {question}", "Who?", {"Mira"}), "Focus on Mira. Who?");
  EXPECT_EQ(fill_phrasing("{question} {question} {keys}{keys}", "Q", {"k"}), "Q Q kk");
}

TEST(Phrasing, DoesNotLookIntoWhatItFillsIn) {
  const std::string phrasing = "{question} Focus on {keys}.";
  EXPECT_EQ(fill_phrasing(phrasing, "What does {keys} mean in {question}?", {"a"}),
            "What does {keys} mean in {question}? Focus on a.");
  EXPECT_EQ(fill_phrasing(phrasing, "Who?", {"{question}", "{keys}"}), "Who? Focus on {question}, {keys}.");
  EXPECT_EQ(fill_phrasing(phrasing, "{", {"}"}), "{ Focus on }.");
  EXPECT_EQ(fill_phrasing("{ {other} {question}{", "Q", {}), "{ {other} Q{");
}

TEST(Phrasing, NeedsBothFields) {
  EXPECT_NO_THROW(check_phrasings(default_phrasings()));
  EXPECT_EQ(default_phrasings().front(), "{question} Focus on {keys} to answer.");
  EXPECT_EQ(std::set<std::string>(default_phrasings().begin(), default_phrasings().end()).size(),
            default_phrasings().size());
  const auto refusal = [](const std::vector<std::string>& phrasings) {
    return message_of<UserError>([&] { check_phrasings(phrasings); });
  };
  EXPECT_THAT(refusal({}), HasSubstr("probe.phrasings"));
  EXPECT_THAT(refusal({default_phrasings().front(), "{question} Think."}), HasSubstr("'{question} Think.'"));
  EXPECT_THAT(refusal({"Focus on {keys}."}), AllOf(HasSubstr("{question} and {keys}"), HasSubstr("hint")));
}

TEST(KeyWords, AreTheWordsBehindTheKeyTokens) {
  const auto asked = ask_questions(small_dataset(), ByteTokenizer(), {}, 0, 1);
  const auto& question = asked.front();  // Who wrote book 0?
  std::vector<std::uint8_t> flags(question.prompt.candidate_end - question.prompt.candidate_begin, 0);
  EXPECT_THAT(key_words(question, flags), IsEmpty());
  flags[5] = 1;  // the r of wrote
  EXPECT_THAT(key_words(question, flags), ElementsAre("wrote"));
  flags[15] = 1;  // the 0
  EXPECT_THAT(key_words(question, flags), ElementsAre("wrote", "0"));
}

class Probes : public testing::Test {
 protected:
  std::string greedy_answer(const std::string& text, const std::vector<InContextExample>& examples = {}) const {
    const auto prompt = build_prompt(*model_.tokenizer, model_.prompt_template, text, examples);
    return model_.text_of(generate(model_.transformer, {{prompt.ids, 0}}, options_).front());
  }
  std::vector<std::vector<std::string>> keys_for_all() const {
    std::vector<std::vector<std::string>> keys;
    for (std::size_t i = 0; i < questions_.size(); ++i) keys.push_back({concat("key ", i), "book"});
    return keys;
  }

  Communicator world_ = Communicator::world(), null_;
  LanguageModel model_ = tiny_language_model(2);
  std::vector<AskedQuestion> questions_ = ask_questions(small_dataset(), ByteTokenizer(), {}, 0, 12);
  std::vector<std::string> phrasings_ = {default_phrasings()[0], default_phrasings()[4]};
  GenerationOptions options_ = [] {
    GenerationOptions options;
    options.max_new_tokens = 8;
    return options;
  }();
};

TEST_F(Probes, FocusOnKeyAsksEveryPhrasingOfEveryProbedQuestion) {
  const auto keys = keys_for_all();
  const auto result = focus_on_key(world_, model_, questions_, {7, 2}, keys, phrasings_, options_);
  EXPECT_EQ(result.name, "focus_on_key");
  EXPECT_EQ(result.label, "FocusOnKey");
  EXPECT_EQ(result.kind, ProbeKind::probe);
  EXPECT_EQ(result.attempt_labels, phrasings_);
  EXPECT_THAT(result.question, ElementsAre(7, 2));
  ASSERT_EQ(result.answer.size(), 4U);
  for (std::size_t p = 0; p < 2; ++p)
    for (std::size_t a = 0; a < 2; ++a) {
      const auto q = result.question[p];
      EXPECT_EQ(result.answer[2 * p + a], greedy_answer(fill_phrasing(phrasings_[a], questions_[q].pair.question, keys[q])));
    }
}

TEST_F(Probes, FocusOnKeyWithoutKeysGivesEmptyAnswers) {
  auto keys = keys_for_all();
  keys[3] = {};
  const auto result = focus_on_key(world_, model_, questions_, {3, 4}, keys, phrasings_, options_);
  EXPECT_EQ(result.answer[0] + result.answer[1], "");
  EXPECT_EQ(result.answer[2], greedy_answer(fill_phrasing(phrasings_[0], questions_[4].pair.question, keys[4])));
  const std::vector<std::vector<std::string>> no_keys(questions_.size());
  EXPECT_THAT(focus_on_key(world_, model_, questions_, {0, 1}, no_keys, phrasings_, options_).answer, Each(""));
  EXPECT_THAT(focus_on_key(world_, model_, questions_, {}, no_keys, phrasings_, options_).answer, IsEmpty());
}

TEST_F(Probes, FocusOnKeyShowsTheQuestionsExamples) {
  questions_ = ask_questions(small_dataset(), ByteTokenizer(), {}, 2, 3);
  const auto keys = keys_for_all();
  const auto result = focus_on_key(world_, model_, questions_, {4}, keys, phrasings_, options_);
  const std::vector<InContextExample> examples = {{"R0?", "no"}, {"R1?", "no"}};
  const auto text = fill_phrasing(phrasings_[0], questions_[4].pair.question, keys[4]);
  EXPECT_EQ(result.answer[0], greedy_answer(text, examples));
  EXPECT_NE(result.answer[0], greedy_answer(text));
}

TEST_F(Probes, FocusOnKeyChecksItsInput) {
  EXPECT_THROW(focus_on_key(world_, model_, questions_, {0}, keys_for_all(), {"{question}"}, options_), UserError);
  EXPECT_THROW(focus_on_key(world_, model_, questions_, {0}, {}, phrasings_, options_), ContractViolation);
}

TEST_F(Probes, FocusOnKeyDoesNotDependOnTheNumberOfRanks) {
  std::vector<std::size_t> all(questions_.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const auto together = focus_on_key(world_, model_, questions_, all, keys_for_all(), default_phrasings(), options_);
  const auto alone = focus_on_key(null_, model_, questions_, all, keys_for_all(), default_phrasings(), options_);
  EXPECT_EQ(together.answer, alone.answer);
}

TEST_F(Probes, ProbabSamplesThePlainPrompt) {
  const auto result = probab(world_, model_, questions_, {5, 0}, 3, options_);
  EXPECT_EQ(result.name, "probab");
  EXPECT_EQ(result.kind, ProbeKind::baseline);
  EXPECT_THAT(result.attempt_labels, ElementsAre("sample 1", "sample 2", "sample 3"));
  EXPECT_THAT(result.question, ElementsAre(5, 0));
  ASSERT_EQ(result.answer.size(), 6U);
  EXPECT_EQ(std::set<std::string>(result.answer.begin(), result.answer.end()).size(), 6U);
  options_.temperature = 1e-4;  // then a sample is the greedy answer
  EXPECT_EQ(probab(world_, model_, questions_, {5}, 1, options_).answer.front(), greedy_answer(questions_[5].pair.question));
}

TEST_F(Probes, ProbabDoesNotDependOnTheNumberOfRanks) {
  std::vector<std::size_t> all(questions_.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const auto together = probab(world_, model_, questions_, all, 5, options_);
  EXPECT_EQ(together.answer, probab(null_, model_, questions_, all, 5, options_).answer);
}

TEST_F(Probes, ProbabDependsOnSeedQuestionAndSampleAlone) {
  const auto many = probab(world_, model_, questions_, {1, 2, 3}, 4, options_);
  const auto one = probab(world_, model_, questions_, {2}, 4, options_),
             fewer = probab(world_, model_, questions_, {2}, 2, options_);
  EXPECT_EQ(one.answer, std::vector(many.answer.begin() + 4, many.answer.begin() + 8));
  EXPECT_EQ(fewer.answer, std::vector(one.answer.begin(), one.answer.begin() + 2));
  options_.seed = 1;
  EXPECT_NE(probab(world_, model_, questions_, {2}, 4, options_).answer, one.answer);
}

TEST(ProbeTable, NamesEveryProbeOnce) {
  std::set<std::string> names;
  for (const auto& row : probe_table()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.label.empty() || row.summary.empty() || !row.make) << row.name;
  }
}

class Controls : public testing::Test {
 protected:
  ProbeRecord run(const std::string& name, const std::vector<std::vector<std::string>>& keys, std::uint64_t seed = 0) const {
    ProbeOptions options;
    options.phrasings = "{question} ({keys})";
    ProbeTask task{alone_, model_, questions_, probed_, keys, 1};
    task.seed = seed;
    return run_probe(testing_support::probe_named(name), options, generation_, task);
  }
  std::vector<std::vector<std::string>> keys_of_all() const {
    std::vector<std::vector<std::string>> keys;
    for (std::size_t q = 0; q < questions_.size(); ++q) keys.push_back({words_of_question(questions_[q]).back()});
    return keys;
  }
  const GenerationOptions generation_ = [] {
    GenerationOptions options;
    options.max_new_tokens = 1;
    return options;
  }();

  Communicator alone_;
  LanguageModel model_ = testing_support::tiny_language_model(1);
  std::vector<AskedQuestion> questions_ = ask_questions(small_dataset(), ByteTokenizer(), {}, 0, 4);
  std::vector<std::size_t> probed_ = {0, 1, 2, 3};
};

TEST_F(Controls, NoFocusNamesOtherWordsOfTheQuestion) {
  const auto keys = keys_of_all();
  const auto record = run("no_focus", keys);
  EXPECT_EQ(record.kind, ProbeKind::control);
  for (std::size_t p = 0; p < probed_.size(); ++p) {
    const auto words = words_of_question(questions_[p]);
    EXPECT_THAT(record.put[p], testing::StartsWith(questions_[p].pair.question));
    const auto named = record.put[p].substr(questions_[p].pair.question.size() + 2);
    const auto word = named.substr(0, named.size() - 1);
    EXPECT_THAT(words, testing::Contains(word)) << record.put[p];
    EXPECT_NE(word, keys[p][0]);
  }
}

TEST_F(Controls, AreDrawnFromTheSeedAlone) {
  const auto keys = keys_of_all();
  for (const auto* name : {"no_focus", "wrong_focus"}) {
    EXPECT_EQ(run(name, keys, 3).put, run(name, keys, 3).put);
    std::set<std::vector<std::string>> drawn;
    for (std::uint64_t seed = 0; seed < 8; ++seed) drawn.insert(run(name, keys, seed).put);
    EXPECT_GT(drawn.size(), 1U) << name;
  }
}

TEST_F(Controls, WrongFocusNamesTheKeysOfAnotherQuestionOfTheSet) {
  std::vector<std::vector<std::string>> keys;
  for (std::size_t q = 0; q < questions_.size(); ++q) keys.push_back({concat("key", q)});
  const auto record = run("wrong_focus", keys);
  for (std::size_t p = 0; p < probed_.size(); ++p) {
    EXPECT_THAT(record.put[p], testing::Not(HasSubstr(concat("(key", p, ")"))));
    EXPECT_THAT(record.put[p],
                testing::AnyOf(HasSubstr("(key0)"), HasSubstr("(key1)"), HasSubstr("(key2)"), HasSubstr("(key3)")))
        << "the retain set's questions are others";
  }
}

TEST_F(Controls, WithoutWordsToNameNothingIsAsked) {
  auto keys = keys_of_all();
  keys[1] = {};
  for (const auto* name : {"focus_on_key", "no_focus", "wrong_focus"}) {
    const auto record = run(name, keys);
    EXPECT_THAT(record.asked, testing::ElementsAre(1, 0, 1, 1)) << name;
    EXPECT_EQ(record.put[1] + record.answer[1], "") << name;
  }
  keys[2] = words_of_question(questions_[2]);
  EXPECT_EQ(run("no_focus", keys).asked[2], 0) << "every word is a key word";
}

TEST(WordsToName, AreThoseOfTheRelativeFloorWhereTheAbsoluteOneLeavesNone) {
  const auto questions = ask_questions(small_dataset(), ByteTokenizer(), {}, 0, 3);
  ContributionRecord contributions;
  for (std::size_t q = 0; q < 3; ++q) {
    const auto n = questions[q].prompt.candidate_end - questions[q].prompt.candidate_begin;
    std::vector<float> values(n, -0.1F);
    std::vector<std::uint8_t> keys(n, 0);
    if (q < 2) values[0] = q == 0 ? 0.9F : 0.1F;
    keys[0] = q == 0;
    contributions.contributions.add(values);
    contributions.is_key_token.add(keys);
  }
  const auto named = words_to_name({questions.begin(), questions.begin() + 3}, contributions, 0.22);
  EXPECT_THAT(named.named_by, testing::ElementsAre(1, 2, 0)) << "KeyTokens, the relative floor, nothing positive";
  EXPECT_EQ(named.words[1], (std::vector<std::string>{words_of_question(questions[1]).front()}));
  EXPECT_TRUE(named.words[2].empty());
}

TEST(ChosenProbes, AreThoseOfTheOptionInItsOrder) {
  ProbeOptions options;
  ASSERT_EQ(chosen_probes(options).size(), 4U) << "a probe, its baseline and two controls";
  EXPECT_EQ(chosen_probes(options)[0]->name, "focus_on_key");
  options.use = "probab,focus_on_key";
  EXPECT_EQ(chosen_probes(options)[0]->name, "probab");
  options.use = "";
  EXPECT_THAT(chosen_probes(options), IsEmpty());
}

TEST(ChosenProbes, MustExistAndBeDifferent) {
  ProbeOptions options;
  const auto refusal = [&](const char* use) {
    options.use = use;
    return message_of<UserError>([&] { check_probe_options(options); });
  };
  EXPECT_THAT(refusal("probab, focus_on_kay"), AllOf(HasSubstr("probe.use"), HasSubstr("did you mean 'focus_on_key'")));
  EXPECT_THAT(refusal("probab, probab"), HasSubstr("'probab' twice"));
}

}  // namespace
}  // namespace unpact
