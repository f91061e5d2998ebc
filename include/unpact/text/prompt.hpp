#pragma once
/// Prompts: a template filled with a question, as tokens, with the question's own tokens marked.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "unpact/core/enumeration.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// How a model is asked. The defaults are the demonstration's; MUSE's own has a space behind "Answer:" and an empty
/// `answer_prefix` (configs/models/muse.ini).
///
/// The template's text may name special tokens (<|eot_id|>, [INST]), which become these tokens. What the template is
/// filled with, the system text, questions and answers, cannot: its tokens are those of plain text.
struct PromptTemplate {
  std::string system;  ///< in front of everything, between the next two; empty: none of the three
  std::string before_system, after_system;
  std::string before_question = "Question: ";
  std::string after_question = "\nAnswer:";
  std::string answer_prefix = " ";        ///< between prompt and answer
  std::string generation_prefix;          ///< ends the prompt, but is not in the examples (Qwen3: an empty thought)
  std::string between_examples = "\n\n";  ///< behind each in-context example's answer
  /// Of a model that thinks: what stands around its trace, between the prompt and the answer; an empty end: it does not.
  std::string thought_begin, thought_end;
  bool add_bos = true;
  std::vector<std::string> stop_strings = {"\n\n", "\nQuestion", "Question:"};
};

/// A solved question shown before the one that is asked.
using InContextExample = std::pair<std::string, std::string>;

/// A tokenized prompt. The candidates are the tokens that hold text of the question; the template's tokens, the
/// examples and BOS are context.
struct Prompt {
  std::string text;
  std::vector<TokenId> ids;                            ///< BOS first when the template adds it; EOS last for an encoder
  std::vector<ByteSpan> spans;                         ///< bytes of `text` behind each token
  std::size_t candidate_begin = 0, candidate_end = 0;  ///< token range of the question
};

/// @param introduction text in front of the first question, examples included; context, not a candidate.
/// @throws UserError for an empty question or one whose tokens cannot be told from the template's.
Prompt build_prompt(const Tokenizer& tokenizer, const PromptTemplate& prompt_template, const std::string& question,
                    const std::vector<InContextExample>& examples = {}, const std::string& introduction = "");

/// The answer's tokens behind that prompt. @throws UserError for an empty answer.
std::vector<TokenId> encode_answer(const Tokenizer& tokenizer, const PromptTemplate& prompt_template,
                                   const std::string& answer);

/// What a person reads of generated ids: decoded, cut at the first stop string, white space trimmed.
std::string readable_answer(const Tokenizer& tokenizer, const PromptTemplate& prompt_template,
                            const std::vector<TokenId>& ids);

/// What white space separates between two bytes of a text.
std::vector<ByteSpan> words_of(const std::string& text, std::size_t begin, std::size_t end);

/// The words behind the marked tokens, in the order of the text, each once: a token is widened to the word that it is
/// a part of, and neighbouring marked words become one phrase. `marked[i]` belongs to candidate i.
std::vector<std::string> words_behind(const Prompt& prompt, const std::vector<bool>& marked);

/// How much of a prompt is taken out at once.
enum class RemovalUnit : std::uint8_t { token, word, sentence };
UNPACT_ENUMERATION(RemovalUnit, "token", "word", "sentence");

/// The candidates cut into units: first token of each unit, and the end. Words are separated by white space, and keep
/// their punctuation; a sentence ends with a word whose last visible character, closing quotes and brackets aside, is
/// one of . ! ? and their full-width forms. A token that holds parts of two units joins them.
std::vector<std::size_t> unit_bounds(const Prompt& prompt, RemovalUnit unit);

}  // namespace unpact
