#include "unigram_tokenizer.hpp"

#include <algorithm>
#include <utility>

#include "tokenizer_files.hpp"
#include "unigram_json.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxModelBytes = 64ULL << 20;
constexpr std::int64_t kUsualExtraIds = 100;
constexpr const char* kUsualEnd = "</s>";

/// The sentinels, which no model of SentencePiece holds: <extra_id_0> has the last id.
void add_sentinels(std::int64_t count, const SentencePieceTokenizer& model, std::vector<AddedToken>& tokens) {
  for (std::int64_t k = 0; k < count; ++k) {
    const auto name = concat("<extra_id_", k, ">");
    const bool known = model.id_of(name) || std::ranges::any_of(tokens, [&](const auto& t) { return t.content == name; });
    if (known) continue;
    tokens.push_back({model.vocabulary_size() + count - 1 - k, name});
    tokens.back().special = true;
  }
}

/// Those of the files, and by name those that the model has.
std::vector<AddedToken> tokens_beside(const SentencePieceTokenizer& model, TokenizerConfig config) {
  const bool lists_all = !config.added.empty();
  for (const auto& piece : model.control_pieces()) config.additional.push_back(piece);
  std::erase_if(config.additional, [&](const auto& name) { return name.starts_with("<extra_id_") && !model.id_of(name); });
  auto tokens = with_named_specials(config, model.vocabulary_size(), [&](const std::string& p) { return model.id_of(p); });
  if (!lists_all) add_sentinels(kUsualExtraIds, model, tokens);
  return tokens;
}

}  // namespace

std::unique_ptr<Tokenizer> UnigramTokenizer::from_json(const fs::path& folder, const std::string& content) {
  const auto file = folder / "tokenizer.json";
  auto parts = unigram_parts(content, file.string());
  UNPACT_VALIDATE(parts.suffix.size() == 1, concat(file.string(), ": the tokenizer is not supported"),
                  "its template does not end a text with one special token, as T5's does",
                  "use a tokenizer of T5's kind, or a model with a BPE tokenizer");
  return std::make_unique<UnigramTokenizer>(std::make_unique<SentencePieceTokenizer>(parts.model, file),
                                            std::move(parts.added), parts.suffix.front(), tokenizer_files(folder));
}

std::unique_ptr<Tokenizer> UnigramTokenizer::from_model(const fs::path& folder) {
  const auto file = folder / "spiece.model";
  auto model = std::make_unique<SentencePieceTokenizer>(read_tokenizer_file(file, kMaxModelBytes), file);
  const auto config = read_tokenizer_config(folder);
  auto tokens = tokens_beside(*model, config);
  return std::make_unique<UnigramTokenizer>(std::move(model), std::move(tokens), config.eos.value_or(kUsualEnd),
                                            tokenizer_files(folder));
}

UnigramTokenizer::UnigramTokenizer(std::unique_ptr<SentencePieceTokenizer> model, std::vector<AddedToken> added,
                                   const std::string& end, std::vector<fs::path> files)
    : model_(std::move(model)), added_(std::move(added), nullptr, model_->path().string()), size_(model_->vocabulary_size()),
      files_(std::move(files)) {
  for (const auto& token : added_.all()) {
    const auto known = model_->id_of(token.content);
    UNPACT_VALIDATE(known ? *known == token.id : token.id >= model_->vocabulary_size(),
                    concat(model_->path().string(), " and the files beside it do not fit together"),
                    concat("the added token ", token.content, " and the model disagree about id ", token.id),
                    "fetch the files again");
    size_ = std::max(size_, token.id + 1);
  }
  const auto own = added_.id_of(end);
  const auto id = own ? own : model_->id_of(end);
  UNPACT_VALIDATE(id.has_value(), concat(model_->path().string(), " has no token ", end), "it ends what an encoder reads",
                  "fetch the files again");
  eos_id_ = *id;
  checksum_ = checksum_with_tokens(model_->checksum(), added_.all(), {}, eos_id_);
}

Encoding UnigramTokenizer::encode_around(std::string_view text, const std::vector<ByteSpan>& literals) const {
  Encoding encoding;
  for (const auto& section : added_.split_around(std::string(text), false, literals)) {
    if (section.id) {
      encoding.ids.push_back(*section.id);
      encoding.spans.push_back(section.span);
      continue;
    }
    const auto words = model_->encode(text.substr(section.span.begin, section.span.end - section.span.begin));
    for (std::size_t i = 0; i < words.ids.size(); ++i) {
      encoding.ids.push_back(words.ids[i]);
      encoding.spans.push_back({words.spans[i].begin + section.span.begin, words.spans[i].end + section.span.begin});
    }
  }
  return encoding;
}

Encoding UnigramTokenizer::encode_with_special(std::string_view text) const {
  auto encoding = encode(text);
  encoding.ids.push_back(eos_id_);
  encoding.spans.push_back({text.size(), text.size()});
  return encoding;
}

/// As transformers' Metaspace: the space symbols of the first token are left out, the others are spaces.
std::string UnigramTokenizer::decode(const std::vector<TokenId>& ids) const {
  std::string text;
  bool is_first = true;
  for (const TokenId id : ids) {
    UNPACT_VALIDATE(id >= 0 && id < size_, concat("token id ", id, " is unknown"),
                    concat("the vocabulary of ", model_->path().string(), " has ", size_, " pieces"),
                    "check that model and tokenizer belong together");
    const auto* token = added_.find(id);
    if (token != nullptr ? token->special : id >= model_->vocabulary_size()) continue;
    auto part = piece(id);
    if (std::exchange(is_first, false)) std::erase(part, ' ');
    text += part;
  }
  return text;
}

std::string UnigramTokenizer::piece(TokenId id) const {
  if (const auto* token = added_.find(id)) return token->content;
  return id >= model_->vocabulary_size() && id < size_ ? "" : model_->piece(id);
}

std::vector<std::pair<TokenId, std::string>> UnigramTokenizer::special_tokens() const { return added_.special(); }

}  // namespace unpact
