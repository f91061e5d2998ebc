#include "sentencepiece_added.hpp"

#include <algorithm>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Those of the literals that lie in the section, counted from its beginning.
std::vector<ByteSpan> within(const ByteSpan& section, const std::vector<ByteSpan>& literals) {
  std::vector<ByteSpan> found;
  for (const auto& literal : literals) {
    const auto begin = std::max(literal.begin, section.begin), end = std::min(literal.end, section.end);
    if (begin < end) found.push_back({begin - section.begin, end - section.begin});
  }
  return found;
}

/// The model's own special tokens are found by name, too, as those of the files are.
std::vector<AddedToken> all_tokens(TokenizerConfig config, const SentencePieceTokenizer& model) {
  const auto own = model.control_pieces();
  config.additional.insert(config.additional.end(), own.begin(), own.end());
  return with_named_specials(config, model.vocabulary_size(), [&](const std::string& piece) { return model.id_of(piece); });
}

}  // namespace

AddedSentencePieceTokenizer::AddedSentencePieceTokenizer(std::unique_ptr<SentencePieceTokenizer> model,
                                                         const TokenizerConfig& config)
    : model_(std::move(model)), added_(all_tokens(config, *model_), nullptr, model_->path().string()),
      space_after_tokens_(config.legacy.value_or(false)), size_(model_->vocabulary_size()) {
  for (const auto& token : added_.all()) {
    const auto known = model_->id_of(token.content);
    UNPACT_VALIDATE(known ? *known == token.id : token.id >= model_->vocabulary_size(),
                    concat(model_->path().string(), " and the files beside it do not fit together"),
                    concat("the added token ", token.content, " and the model disagree about id ", token.id),
                    "fetch the files again");
    size_ = std::max(size_, token.id + 1);
  }
  bos_id_ = config.bos ? id_of(config.bos) : model_->bos_id();
  eos_id_ = config.eos ? id_of(config.eos) : model_->eos_id();
  const bool as_model = size_ == model_->vocabulary_size() && bos_id_ == model_->bos_id() && eos_id_ == model_->eos_id() &&
                        added_.all().size() == model_->control_pieces().size();
  const auto rules = concat(model_->checksum(), space_after_tokens_ ? " legacy" : "");
  checksum_ = as_model ? model_->checksum() : checksum_with_tokens(rules, added_.all(), bos_id_, eos_id_);
}

std::optional<TokenId> AddedSentencePieceTokenizer::id_of(const std::optional<std::string>& content) const {
  const auto added = added_.id_of(*content);
  return added ? added : model_->id_of(*content);
}

Encoding AddedSentencePieceTokenizer::encode(std::string_view text) const { return run(text, Beginning::own, {}); }

Encoding AddedSentencePieceTokenizer::encode_around(std::string_view text, const std::vector<ByteSpan>& literals) const {
  return run(text, Beginning::own, literals);
}

std::vector<TokenId> AddedSentencePieceTokenizer::encode_continuation(std::string_view text) const {
  return run(text, Beginning::continuation, {}).ids;
}

std::vector<TokenId> AddedSentencePieceTokenizer::encode_continuation_around(std::string_view text,
                                                                             const std::vector<ByteSpan>& literals) const {
  return run(text, Beginning::continuation, literals).ids;
}

Encoding AddedSentencePieceTokenizer::run(std::string_view text, Beginning beginning,
                                          const std::vector<ByteSpan>& literals) const {
  Encoding encoding;
  const auto add = [&](const Section& section, std::size_t offset) {
    const ByteSpan span{section.span.begin + offset, section.span.end + offset};
    if (!section.id) return encode_words(text, span, beginning, encoding);
    encoding.ids.push_back(*section.id);
    encoding.spans.push_back(span);
  };
  for (const auto& section : added_.split_around(std::string(text), false, literals)) {
    if (section.id || !added_.has_normalized()) {
      add(section, 0);
      continue;
    }
    const std::string part(text.substr(section.span.begin, section.span.end - section.span.begin));
    for (const auto& inner : added_.split_around(part, true, within(section.span, literals))) add(inner, section.span.begin);
  }
  return encoding;
}

void AddedSentencePieceTokenizer::encode_words(std::string_view text, const ByteSpan& section, Beginning beginning,
                                               Encoding& encoding) const {
  const auto words = text.substr(section.begin, section.end - section.begin);
  if (words.empty()) return;
  const bool first = section.begin == 0;
  const bool has_space = words.starts_with(' ') || words.starts_with(kSpaceSymbol);
  const bool with_space = first ? beginning == Beginning::own : space_after_tokens_ && !has_space;
  const auto part = with_space ? model_->encode(words) : model_->encode_continuing(words);
  for (std::size_t i = 0; i < part.ids.size(); ++i) {
    encoding.ids.push_back(part.ids[i]);
    encoding.spans.push_back({part.spans[i].begin + section.begin, part.spans[i].end + section.begin});
  }
}

std::string AddedSentencePieceTokenizer::decode(const std::vector<TokenId>& ids) const {
  std::string text;
  std::vector<TokenId> words;
  const auto end_words = [&] {
    if (words.empty()) return;
    if (!text.empty() && model_->piece(words.front()).starts_with(' ')) text += ' ';  // the model drops a text's first
    text += model_->decode(words);
    words.clear();
  };
  for (const TokenId id : ids) {
    UNPACT_VALIDATE(id >= 0 && id < size_, concat("token id ", id, " is unknown"),
                    concat("the vocabulary of ", model_->path().string(), " has ", size_, " pieces"),
                    "check that model and tokenizer belong together");
    const auto* token = added_.find(id);
    if (token == nullptr) {
      if (id < model_->vocabulary_size()) words.push_back(id);
      continue;
    }
    if (token->special) continue;  // what is left out parts no words
    end_words();
    text += token->content;
  }
  end_words();
  return text;
}

std::string AddedSentencePieceTokenizer::piece(TokenId id) const {
  if (const auto* token = added_.find(id)) return token->content;
  return id >= model_->vocabulary_size() && id < size_ ? "" : model_->piece(id);
}

std::vector<std::pair<TokenId, std::string>> AddedSentencePieceTokenizer::special_tokens() const { return added_.special(); }

}  // namespace unpact
