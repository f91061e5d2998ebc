#include "unpact/evaluation/probes.hpp"

#include <algorithm>

#include "unpact/core/error.hpp"
#include "unpact/evaluation/choices.hpp"

namespace unpact {

const std::vector<std::string>& default_phrasings() {
  static const std::vector<std::string> phrasings = {
      "{question} Focus on {keys} to answer.",
      "{question} Pay attention to {keys}.",
      "{question} The key words are {keys}.",
      "{question} Think of {keys} before you answer.",
      "Focus on {keys}. {question}",
  };
  return phrasings;
}

void check_phrasings(const std::vector<std::string>& phrasings) {
  UNPACT_VALIDATE(!phrasings.empty(), "option 'probe.phrasings' is empty", "FocusOnKey needs at least one", "remove the option to use the default");
  for (const auto& phrasing : phrasings)
    UNPACT_VALIDATE(phrasing.find("{question}") != std::string::npos && phrasing.find("{keys}") != std::string::npos,
                    concat("the phrasing '", phrasing, "' cannot be used"), "it must contain {question} and {keys}",
                    "e.g. {question} Focus on {keys} to answer.");
}

std::string fill_phrasing(const std::string& phrasing, const std::string& question, const std::vector<std::string>& keys) {
  // From left to right, never looking at what was filled in: a question may contain braces.
  const std::pair<std::string, std::string> fields[] = {{"{question}", question}, {"{keys}", join(keys, ", ")}};
  std::string text;
  for (std::size_t at = 0; at < phrasing.size();) {
    const auto field = std::find_if(std::begin(fields), std::end(fields),
                                    [&](const auto& f) { return phrasing.compare(at, f.first.size(), f.first) == 0; });
    text += field == std::end(fields) ? phrasing.substr(at, 1) : field->second;
    at += field == std::end(fields) ? 1 : field->first.size();
  }
  return text;
}

std::vector<std::string> key_words(const AskedQuestion& question, const std::vector<std::uint8_t>& is_key_token) {
  return words_behind(question.prompt, std::vector<bool>(is_key_token.begin(), is_key_token.end()));
}

ProbeResult focus_on_key(const Communicator& group, const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                         const std::vector<std::size_t>& probed, const std::vector<std::vector<std::string>>& keys,
                         const std::vector<std::string>& phrasings, const GenerationOptions& options, AnswerStyle style) {
  check_phrasings(phrasings);
  UNPACT_EXPECT(keys.size() == questions.size());
  ProbeResult result{"focus_on_key", phrasings, probed, std::vector<std::string>(probed.size() * phrasings.size())};
  std::vector<std::vector<TokenId>> prompts;
  std::vector<std::size_t> slots, choices;
  for (std::size_t p = 0; p < probed.size(); ++p) {
    const auto q = probed[p];
    if (keys[q].empty()) continue;
    for (std::size_t a = 0; a < phrasings.size(); ++a) {
      const auto& pair = questions[q].pair;
      const auto text = question_text(fill_phrasing(phrasings[a], pair.question, keys[q]), pair.choices);
      const auto examples = questions[q].examples ? *questions[q].examples : std::vector<InContextExample>{};
      prompts.push_back(build_prompt(*model.tokenizer, model.prompt_template, text, examples, pair.introduction).ids);
      choices.push_back(pair.choices.size());
      slots.push_back(p * phrasings.size() + a);
    }
  }
  const auto answers = answer_in_style(group, model, prompts, choices, options, style);
  for (std::size_t i = 0; i < slots.size(); ++i) result.answers[slots[i]] = answers[i].text;
  return result;
}

ProbeResult probab(const Communicator& group, const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                   const std::vector<std::size_t>& probed, std::size_t samples, GenerationOptions options, AnswerStyle style) {
  options.sample = true;
  ProbeResult result{"probab", {}, probed, {}};
  for (std::size_t s = 0; s < samples; ++s) result.attempt_labels.push_back(concat("sample ", s + 1));
  std::vector<std::vector<TokenId>> prompts;
  std::vector<std::uint64_t> streams;
  std::vector<std::size_t> choices;
  for (const auto q : probed) {
    for (std::size_t s = 0; s < samples; ++s) {
      prompts.push_back(questions[q].prompt.ids);
      streams.push_back((static_cast<std::uint64_t>(q) << 20) + s);
      choices.push_back(questions[q].pair.choices.size());
    }
  }
  for (auto& answer : answer_in_style(group, model, prompts, choices, options, style, streams)) result.answers.push_back(std::move(answer.text));
  return result;
}

}  // namespace unpact
