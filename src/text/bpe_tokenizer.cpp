#include "bpe_tokenizer.hpp"

#include <algorithm>

#include "byte_level.hpp"
#include "unicode.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::size_t kMaxTextBytes = 1ULL << 30;  // symbols count bytes in 32 bits

/// The file's added tokens, and those that the configuration lists or names and that it does not have, as transformers
/// joins them.
std::vector<AddedToken> joined(std::vector<AddedToken> added, TokenizerConfig config, const BpeModel& model) {
  for (const auto& token : config.added) {
    const auto same = [&](const AddedToken& known) { return known.id == token.id || known.content == token.content; };
    if (std::none_of(added.begin(), added.end(), same)) added.push_back(token);
  }
  config.added = std::move(added);
  return with_named_specials(config, model.size(), [&](const std::string& piece) { return model.id_of(piece); });
}

/// Whether the pieces of a model are in ByteLevel's characters, and words can therefore be taken as bytes.
bool reads_bytes(const BpeParts& parts) {
  return ends_in_byte_level(parts.pre_tokenizer) && !parts.vocabulary.byte_fallback;
}

/// The bytes of a rewritten section that stand for bytes of the ranges of the original text.
std::vector<ByteSpan> ranges_within(const AlignedText& section, const std::vector<ByteSpan>& ranges) {
  std::vector<ByteSpan> found;
  const std::size_t size = section.bytes().size();
  std::size_t at = 0;
  for (const auto& range : ranges) {
    while (at < size && section.original(at, at + 1).end <= range.begin) ++at;
    const std::size_t begin = at;
    while (at < size && section.original(at, at + 1).begin < range.end) ++at;
    if (begin < at) found.push_back({begin, at});
  }
  return found;
}

BpeVocabulary with_bytes(BpeVocabulary vocabulary, bool bytes) {
  vocabulary.bytes = bytes;
  return vocabulary;
}

}  // namespace

BpeTokenizer::BpeTokenizer(BpeParts parts, const TokenizerConfig& config)
    : path_(parts.path), kind_(parts.kind), normalizer_(make_normalizer(parts.normalizer, path_.string())),
      pre_tokenizer_(make_pre_tokenizer(parts.pre_tokenizer, path_.string(), !reads_bytes(parts))),
      decoder_(make_decoder(parts.decoder, path_.string())),
      model_(with_bytes(std::move(parts.vocabulary), reads_bytes(parts)), path_.string()),
      added_(joined(std::move(parts.added), config, model_), normalizer_.get(), path_.string()), files_(parts.files) {
  size_ = model_.size();
  for (const auto& token : added_.all()) {
    size_ = std::max(size_, token.id + 1);
    const auto known = model_.id_of(token.content);
    const bool fits = known ? *known == token.id : token.id >= model_.size() || model_.piece(token.id).empty();
    UNPACT_VALIDATE(fits, concat(path_.string(), " is broken"),
                    concat("the added token ", token.content, " and the vocabulary disagree about id ", token.id),
                    "fetch the files again");
  }
  for (const Json* step : steps_of(parts.decoder, "decoders", path_.string()))
    if (step->at("type") == "ByteLevel") spells_bytes_ = true;
  for (const auto& [names, ids] : {std::pair(&parts.prefix, &prefix_), std::pair(&parts.suffix, &suffix_)})
    for (const auto& name : *names) {
      const auto id = id_of(name);
      UNPACT_VALIDATE(id.has_value(), concat(path_.string(), " is broken"),
                      concat("its post-processor names the token ", name, ", which does not exist"),
                      "fetch the files again");
      ids->push_back(*id);
    }
  choose_special_tokens(config);
  checksum_ = checksum_with_tokens(parts.checksum, added_.all(), bos_id_, eos_id_);
  description_ = {{"normalizer", describe_component(parts.normalizer)},
                  {"pre-tokenizer", describe_component(parts.pre_tokenizer)},
                  {"put in front", parts.prefix.empty() ? "nothing" : join(parts.prefix, " ")},
                  {"put behind", parts.suffix.empty() ? "nothing" : join(parts.suffix, " ")},
                  {"decoder", describe_component(parts.decoder)}};
}

std::optional<TokenId> BpeTokenizer::id_of(const std::string& content) const {
  const auto added = added_.id_of(content);
  return added ? added : model_.id_of(content);
}

void BpeTokenizer::choose_special_tokens(const TokenizerConfig& config) {
  if (config.bos) bos_id_ = id_of(*config.bos);
  if (config.eos) eos_id_ = id_of(*config.eos);
  if (!bos_id_ && !prefix_.empty()) bos_id_ = prefix_.front();
  if (config.exists) return;
  const auto first_known = [&](std::initializer_list<const char*> names) -> std::optional<TokenId> {
    for (const char* name : names)
      if (const auto id = id_of(name)) return id;
    return std::nullopt;
  };
  if (!bos_id_) bos_id_ = first_known({"<|begin_of_text|>", "<s>", "<|endoftext|>"});
  eos_id_ = first_known({"<|end_of_text|>", "</s>", "<|endoftext|>"});
}

Encoding BpeTokenizer::encode(std::string_view text) const { return run(text, Beginning::own, {}); }

Encoding BpeTokenizer::encode_around(std::string_view text, const std::vector<ByteSpan>& literals) const {
  return run(text, Beginning::own, literals);
}

Encoding BpeTokenizer::encode_with_special(std::string_view text) const {
  auto encoding = run(text, Beginning::own, {});
  encoding.ids.insert(encoding.ids.begin(), prefix_.begin(), prefix_.end());
  encoding.spans.insert(encoding.spans.begin(), prefix_.size(), ByteSpan{});
  encoding.ids.insert(encoding.ids.end(), suffix_.begin(), suffix_.end());
  encoding.spans.insert(encoding.spans.end(), suffix_.size(), ByteSpan{text.size(), text.size()});
  return encoding;
}

std::vector<TokenId> BpeTokenizer::encode_continuation(std::string_view text) const {
  return run(text, Beginning::continuation, {}).ids;
}

std::vector<TokenId> BpeTokenizer::encode_continuation_around(std::string_view text,
                                                              const std::vector<ByteSpan>& literals) const {
  return run(text, Beginning::continuation, literals).ids;
}

Encoding BpeTokenizer::run(std::string_view text, Beginning beginning, const std::vector<ByteSpan>& literals) const {
  UNPACT_VALIDATE(text.size() <= kMaxTextBytes, "a text is too long to tokenize",
                  concat("it has ", text.size(), " bytes, more than ", kMaxTextBytes), "split it into several texts");
  UNPACT_VALIDATE(is_valid_utf8(text), "a text cannot be tokenized", "it is not valid UTF-8", "convert it to UTF-8");
  const std::unique_lock lock(cache_mutex_, std::try_to_lock);
  const Run run{beginning, literals, lock.owns_lock() ? &cache_ : nullptr};
  Encoding encoding;
  encoding.ids.reserve(text.size() / 4 + 4);
  encoding.spans.reserve(text.size() / 4 + 4);
  for (const auto& section : added_.split_around(std::string(text), false, literals)) {
    if (section.id) {
      encoding.ids.push_back(*section.id);
      encoding.spans.push_back(section.span);
    } else {
      const auto part = text.substr(section.span.begin, section.span.end - section.span.begin);
      encode_section(AlignedText(part, section.span.begin), run, encoding);
    }
  }
  return encoding;
}

void BpeTokenizer::encode_section(AlignedText section, const Run& run, Encoding& encoding) const {
  if (normalizer_) normalizer_->apply(section, run.beginning);
  if (!added_.has_normalized()) return encode_words(std::move(section), run, encoding);
  for (const auto& part : added_.split_around(section.bytes(), true, ranges_within(section, run.literals))) {
    if (part.id) {
      encoding.ids.push_back(*part.id);
      encoding.spans.push_back(section.original(part.span.begin, part.span.end));
    } else {
      encode_words(section.slice(part.span), run, encoding);
    }
  }
}

void BpeTokenizer::encode_words(AlignedText section, const Run& run, Encoding& encoding) const {
  if (section.bytes().empty()) return;
  if (pre_tokenizer_) pre_tokenizer_->apply(section, run.beginning);
  UNPACT_VALIDATE(section.bytes().size() < (1ULL << 32), "a text is too long to tokenize",
                  "its normalized form has more than 2^32 bytes", "split it into several texts");
  std::vector<Symbol> symbols;
  for (const auto& word : section.words) {
    symbols.clear();
    model_.encode(section.view(word), static_cast<std::uint32_t>(word.begin), run.cache, symbols);
    for (const auto& symbol : symbols) {
      encoding.ids.push_back(symbol.id);
      encoding.spans.push_back(section.original(symbol.begin, symbol.end));
    }
  }
}

const std::string& BpeTokenizer::content_of(TokenId id) const {
  UNPACT_VALIDATE(id >= 0 && id < size_, concat("token id ", id, " is unknown"),
                  concat("the vocabulary of ", path_.string(), " has ", size_, " pieces"),
                  "check that model and tokenizer belong together");
  static const std::string none;
  if (const auto* token = added_.find(id)) return token->content;
  return id < model_.size() ? model_.piece(id) : none;
}

std::string BpeTokenizer::decode(const std::vector<TokenId>& ids) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const TokenId id : ids) {
    const auto& content = content_of(id);
    const auto* added = added_.find(id);
    if (!content.empty() && (added == nullptr || !added->special)) tokens.push_back(added ? added->decoded : content);
  }
  if (!decoder_) return join(tokens, " ");
  std::size_t bytes = 0;
  for (const auto& token : tokens) bytes += token.size();
  decoder_->apply(tokens, most_bytes(bytes));
  return join(tokens, "");
}

std::string BpeTokenizer::piece(TokenId id) const {
  const auto& content = content_of(id);
  if (added_.find(id) != nullptr) return content;
  if (spells_bytes_) return escape_broken_utf8(byte_level_bytes(content).value_or(content));
  return replace_all(content, "\xE2\x96\x81", " ");
}

std::vector<std::pair<TokenId, std::string>> BpeTokenizer::special_tokens() const { return added_.special(); }

std::vector<std::pair<std::string, std::string>> BpeTokenizer::describe() const { return description_; }

}  // namespace unpact
