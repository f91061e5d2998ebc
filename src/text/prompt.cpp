#include "unpact/text/prompt.hpp"

#include <algorithm>
#include <utility>

#include "unicode.hpp"
#include "unpact/core/error.hpp"
#include "words.hpp"

namespace unpact {
namespace {

std::string quoted(const std::string& text) { return concat('"', shortened(text), '"'); }

/// A text in the making, of a template's own parts and of what these are filled with.
struct Draft {
  std::string text;
  std::vector<ByteSpan> literals;

  void add(const std::string& part) { text += part; }
  void fill(const std::string& content) {
    if (!content.empty()) literals.push_back({text.size(), text.size() + content.size()});
    text += content;
  }
};

/// Everything up to the question that is asked.
Draft draft_of(const PromptTemplate& prompt_template, const std::vector<InContextExample>& examples,
               const std::string& introduction) {
  Draft draft;
  bool introduced = false;
  const auto begin_turn = [&] {
    draft.add(prompt_template.before_question);
    if (!std::exchange(introduced, true)) draft.fill(introduction);
  };
  if (!prompt_template.system.empty()) {
    draft.add(prompt_template.before_system);
    draft.fill(prompt_template.system);
    draft.add(prompt_template.after_system);
  }
  for (const auto& [question, answer] : examples) {
    begin_turn();
    draft.fill(question);
    draft.add(prompt_template.after_question + prompt_template.answer_prefix);
    draft.fill(answer);
    draft.add(prompt_template.between_examples);
  }
  begin_turn();
  return draft;
}

/// Whether the bytes hold something that can be seen. Pieces may end inside a character: its bytes can all be seen.
bool has_visible_byte(std::string_view bytes) {
  if (!bytes.empty() && is_continuation_byte(bytes.front())) return true;
  return !is_blank(bytes);
}

std::string_view part(const std::string& text, std::size_t begin, std::size_t end) {
  return begin < end ? std::string_view(text).substr(begin, end - begin) : std::string_view();
}

void mark_candidates(Prompt& prompt, std::size_t question_begin, std::size_t question_end, const std::string& question) {
  prompt.candidate_begin = prompt.candidate_end = 0;
  for (std::size_t i = 0; i < prompt.spans.size(); ++i) {
    const auto [begin, end] = prompt.spans[i];
    if (!has_visible_byte(part(prompt.text, std::max(begin, question_begin), std::min(end, question_end)))) continue;
    const bool mixed = has_visible_byte(part(prompt.text, begin, std::min(end, question_begin))) ||
                       has_visible_byte(part(prompt.text, std::max(begin, question_end), end));
    UNPACT_VALIDATE(!mixed, concat("the tokens of the question ", quoted(question), " cannot be told from the template's"),
                    concat("one token holds text of both: ", quoted(prompt.text.substr(begin, end - begin))),
                    "put white space or a line feed between the question and the template's text");
    if (prompt.candidate_end == 0) prompt.candidate_begin = i;
    prompt.candidate_end = i + 1;
  }
  UNPACT_VALIDATE(prompt.candidate_end > 0, concat("the question ", quoted(question), " has no tokens"),
                  "the tokenizer drops its text", "check the tokenizer");
}

}  // namespace

std::vector<ByteSpan> words_of(const std::string& text, std::size_t begin, std::size_t end) {
  std::vector<ByteSpan> words;
  bool inside = false;
  for (std::size_t at = begin; at < end;) {
    const auto c = code_point_at(text, at);
    const bool space = is_space(c.value);
    if (!space && !inside) words.push_back({at, end});
    if (space && inside) words.back().end = at;
    inside = !space;
    at += c.bytes;
  }
  return words;
}

/// Whether the token is a part of the word; a token of white space belongs to the word that it introduces.
bool belongs_to(const ByteSpan& token, const ByteSpan& word, const std::string& text) {
  if (token.begin < word.end && word.begin < token.end) return true;
  return token.end == word.begin && token.begin < token.end && !has_visible_byte(part(text, token.begin, token.end));
}

Prompt build_prompt(const Tokenizer& tokenizer, const PromptTemplate& prompt_template, const std::string& question,
                    const std::vector<InContextExample>& examples, const std::string& introduction) {
  UNPACT_VALIDATE(!is_blank(question), "a prompt cannot be built", "the question is empty", "check the dataset");
  auto draft = draft_of(prompt_template, examples, introduction);
  const std::size_t question_begin = draft.text.size(), question_end = question_begin + question.size();
  draft.fill(question);
  draft.add(prompt_template.after_question + prompt_template.generation_prefix);

  Prompt prompt;
  prompt.text = std::move(draft.text);
  auto encoding = tokenizer.encode_around(prompt.text, draft.literals);
  prompt.ids = std::move(encoding.ids);
  prompt.spans = std::move(encoding.spans);
  if (prompt_template.add_bos) {
    UNPACT_VALIDATE(tokenizer.bos_id().has_value(), "a prompt cannot begin with BOS", "the tokenizer has no BOS token",
                    "switch the template's add_bos off");
    prompt.ids.insert(prompt.ids.begin(), *tokenizer.bos_id());
    prompt.spans.insert(prompt.spans.begin(), ByteSpan{});
  }
  if (tokenizer.ends_prompts()) {
    prompt.ids.push_back(tokenizer.eos_id().value());
    prompt.spans.push_back({prompt.text.size(), prompt.text.size()});
  }
  mark_candidates(prompt, question_begin, question_end, question);
  return prompt;
}

std::vector<TokenId> encode_answer(const Tokenizer& tokenizer, const PromptTemplate& prompt_template,
                                   const std::string& answer) {
  UNPACT_VALIDATE(!is_blank(answer), "an answer cannot be encoded", "it is empty", "check the dataset");
  Draft draft;
  draft.add(prompt_template.answer_prefix);
  draft.fill(answer);
  return tokenizer.encode_continuation_around(draft.text, draft.literals);
}

std::string readable_answer(const Tokenizer& tokenizer, const PromptTemplate& prompt_template,
                            const std::vector<TokenId>& ids) {
  const std::string text = tokenizer.decode(ids);
  std::size_t end = text.size();
  for (const auto& stop : prompt_template.stop_strings)
    if (!stop.empty()) end = std::min(end, text.find(stop));
  return trim(std::string_view(text).substr(0, end));
}

std::vector<std::string> words_behind(const Prompt& prompt, const std::vector<bool>& marked) {
  UNPACT_EXPECT(marked.size() == prompt.candidate_end - prompt.candidate_begin);
  if (marked.empty()) return {};
  const auto words =
      words_of(prompt.text, prompt.spans[prompt.candidate_begin].begin, prompt.spans[prompt.candidate_end - 1].end);
  std::vector<std::string> phrases;
  std::string phrase;
  const auto close = [&] {
    const bool known = std::find(phrases.begin(), phrases.end(), phrase) != phrases.end();
    if (!phrase.empty() && !known) phrases.push_back(phrase);
    phrase.clear();
  };
  for (const auto& word : words) {
    bool is_marked = false;
    for (std::size_t i = 0; i < marked.size() && !is_marked; ++i)
      is_marked = marked[i] && belongs_to(prompt.spans[prompt.candidate_begin + i], word, prompt.text);
    if (!is_marked) {
      close();
      continue;
    }
    const auto core = strip_punctuation(part(prompt.text, word.begin, word.end));
    if (!core.empty() && !phrase.empty()) phrase += ' ';
    phrase += core;
  }
  close();
  return phrases;
}

}  // namespace unpact
