#include "injection.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "judging.hpp"
#include "unicode_words.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

using Words = std::vector<std::string>;

bool is_stop_word(const std::string& word) {
  static const std::set<std::string> words = {
      "a",  "an", "and", "are", "as", "at", "be",  "by", "for", "from", "had",  "has",  "he",   "her", "his",  "in",
      "is", "it", "its", "of",  "on", "or", "she", "so", "the", "to",   "that", "they", "this", "was", "were", "with"};
  return words.count(word) != 0;
}

Words without_stop_words(Words words) {
  std::erase_if(words, is_stop_word);
  return words;
}

std::int32_t count_new(const Words& put, std::set<std::string> known, const Words& phrase) {
  known.insert(phrase.begin(), phrase.end());
  return static_cast<std::int32_t>(std::ranges::count_if(put, [&](const auto& word) { return known.count(word) == 0; }));
}

}  // namespace

std::string answer_in_words(const QuestionAnswer& question) {
  for (std::size_t i = 0; i < question.choices.size(); ++i)
    if (question.answer == choice_letter(i)) return question.choices[i];
  return question.answer;
}

std::vector<std::string> telling_words(const QuestionAnswer& question) {
  const auto all = unicode_words(answer_in_words(question));
  auto telling = without_stop_words(all);
  return telling.empty() ? all : telling;
}

Injection injection_of(const QuestionAnswer& question, const std::string& put, const std::string& phrase) {
  const auto words = unicode_words(put), gold = unicode_words(answer_in_words(question));
  const auto telling = without_stop_words(gold);
  const std::set<std::string> there(words.begin(), words.end());
  Injection found;
  const auto known = std::ranges::count_if(telling, [&](const auto& word) { return there.count(word) != 0; });
  if (!telling.empty()) found.gold_share = static_cast<double>(known) / static_cast<double>(telling.size());
  const bool in_a_row = !gold.empty() && std::search(words.begin(), words.end(), gold.begin(), gold.end()) != words.end();
  found.has_gold = in_a_row || found.gold_share == 1;
  const auto asked = unicode_words(question.question);
  found.new_words = count_new(words, {asked.begin(), asked.end()}, unicode_words(phrase));
  return found;
}

InjectionRecord measure_injection(const std::vector<AskedQuestion>& questions, const ProbeRecord& probe, AnswerStyle style,
                                  std::vector<std::uint8_t> echo_right) {
  UNPACT_EXPECT(echo_right.size() == probe.put.size());
  InjectionRecord record;
  record.echo_right = std::move(echo_right);
  const auto attempts = probe.attempt_labels.size();
  for (std::size_t i = 0; i < probe.put.size(); ++i) {
    auto pair = questions[probe.question[i / attempts]].pair;
    if (!probe.gold.empty() && !probe.gold[i].empty()) pair = with_gold(std::move(pair), probe.gold[i]);
    auto phrase = replace_all(probe.attempt_labels[i % attempts], "{question}", " ");
    phrase = replace_all(std::move(phrase), "{keys}", " ");
    const auto found = style == AnswerStyle::choice ? Injection{} : injection_of(pair, probe.put[i], phrase);
    record.has_gold.push_back(found.has_gold);
    record.gold_share.push_back(found.gold_share);
    record.new_words.push_back(found.new_words);
  }
  return record;
}

}  // namespace unpact
