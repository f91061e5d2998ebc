#include <algorithm>
#include <functional>

#include "prepared.hpp"
#include "probes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"
#include "unpact/text/unicode.hpp"
#include "unpact/evaluation/phrasings.hpp"

namespace unpact {
namespace {

using Words = std::vector<std::string>;
/// The words that a phrase names of a question.
using Choice = std::function<Words(const ProbeTask& task, std::size_t question)>;

/// The question with a phrase that names some words, one greedy answer a phrasing. A question without words to name cannot
/// be emphasised: it is not asked, and its attempts are empty answers. In-context examples stay in front, choices below.
class Emphasis : public PreparedProbe {
 public:
  Emphasis(std::vector<std::string> phrasings, const GenerationOptions& generation, Choice choose)
      : PreparedProbe(generation), phrasings_(std::move(phrasings)), choose_(std::move(choose)) {
    check_phrasings(phrasings_);
  }

 protected:
  std::vector<std::string> labels(const ProbeTask& task) const override {
    UNPACT_EXPECT(task.budget <= phrasings_.size());
    return {phrasings_.begin(), phrasings_.begin() + static_cast<std::ptrdiff_t>(task.budget)};
  }
  Asked asked_as(const ProbeTask& task, std::size_t q) const override {
    return task.named_by.empty() ? Asked::yes : static_cast<Asked>(task.named_by[q]);
  }
  std::optional<PreparedAttempt> prepare(const ProbeTask& task, std::size_t p, std::size_t a) const override {
    const auto q = task.probed[p];
    const auto words = choose_(task, q);
    if (words.empty()) return std::nullopt;
    auto put = fill_phrasing(phrasings_[a], task.questions[q].pair.question, words);
    auto prompt = prompt_of(task.model, task.questions[q], put);
    return PreparedAttempt{std::move(put), std::move(prompt)};
  }

 private:
  std::vector<std::string> phrasings_;
  Choice choose_;
};

std::vector<std::string> folded(const Words& words) {
  std::vector<std::string> all;
  for (const auto& word : words) all.push_back(fold(word));
  return all;
}

/// As many random words of the question as it has key words, none of them a key word or a part of one.
Words other_words(const ProbeTask& task, std::size_t q) {
  const auto keys = folded(task.keys[q]);
  Words others;
  for (const auto& word : words_of_question(task.questions[q])) {
    const auto is_in = [text = fold(word)](const std::string& key) { return key.find(text) != std::string::npos; };
    if (std::ranges::none_of(keys, is_in)) others.push_back(word);
  }
  static const auto stream = stream_of("no_focus");
  const auto order = random_permutation(static_cast<std::int64_t>(others.size()), task.seed, random_bits(0, stream, q));
  std::vector<std::size_t> chosen(order.begin(),
                                  order.begin() + static_cast<std::ptrdiff_t>(std::min(others.size(), keys.size())));
  std::ranges::sort(chosen);  // in the order of the question, as key words are
  Words words;
  for (const auto i : chosen) words.push_back(others[i]);
  return words;
}

/// The key words of another question of the same set, drawn at random.
Words words_of_another(const ProbeTask& task, std::size_t q) {
  std::vector<std::size_t> others;
  for (std::size_t other = 0; other < task.questions.size(); ++other)
    if (task.questions[other].in_forget_set == task.questions[q].in_forget_set && !task.keys[other].empty() &&
        folded(task.keys[other]) != folded(task.keys[q]))
      others.push_back(other);
  if (others.empty() || task.keys[q].empty()) return {};
  return task.keys[others[random_below(others.size(), task.seed, stream_of("wrong_focus"), q)]];
}

std::unique_ptr<const Probe> emphasis(const ProbeOptions& options, const GenerationOptions& generation, Choice choose) {
  return std::make_unique<Emphasis>(options.resolve_phrasings(), generation, std::move(choose));
}

}  // namespace

std::unique_ptr<const Probe> make_focus_on_key(const ProbeOptions& options, const GenerationOptions& generation) {
  return emphasis(options, generation, [](const ProbeTask& task, std::size_t q) { return task.keys[q]; });
}

std::unique_ptr<const Probe> make_no_focus(const ProbeOptions& options, const GenerationOptions& generation) {
  return emphasis(options, generation, other_words);
}

std::unique_ptr<const Probe> make_wrong_focus(const ProbeOptions& options, const GenerationOptions& generation) {
  return emphasis(options, generation, words_of_another);
}

}  // namespace unpact
