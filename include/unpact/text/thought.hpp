#pragma once
/// Traces of thought between a prompt and an answer, as tokens.
#include <cstddef>
#include <string>
#include <vector>

#include "unpact/text/prompt.hpp"

namespace unpact {

/// What stands between prompt and answer: the mark that opens it, the trace, the mark that closes it.
struct Thought {
  std::vector<TokenId> ids;
  std::size_t trace_begin = 0, trace_end = 0;  ///< the trace's own tokens; those that close it follow
};

/// Whether models with this template think.
inline bool thinks(const PromptTemplate& prompt_template) { return !prompt_template.thought_end.empty(); }

/// A closed thought, encoded as one text; an empty trace gives an empty thought. No tokens where the template has no thoughts.
Thought encode_thought(const Tokenizer& tokenizer, const PromptTemplate& prompt_template, const std::string& trace);

/// The tokens that open a thought, behind a prompt.
std::vector<TokenId> encode_thought_begin(const Tokenizer& tokenizer, const PromptTemplate& prompt_template);
/// The tokens that close one, behind a trace.
std::vector<TokenId> encode_thought_end(const Tokenizer& tokenizer, const PromptTemplate& prompt_template);

/// Tokens that a model wrote behind an opened thought, cut where it closes it.
struct CutThought {
  bool closed = false;
  std::size_t trace_end = 0;     ///< tokens before the first that holds a part of the closing mark
  std::size_t answer_begin = 0;  ///< behind the closing mark and the white space that follows it
};

/// Looks for the closing mark (thought_end without white space around it) as its token, where it is one, else in the text.
CutThought cut_thought(const Tokenizer& tokenizer, const PromptTemplate& prompt_template,
                       const std::vector<TokenId>& written);

}  // namespace unpact
