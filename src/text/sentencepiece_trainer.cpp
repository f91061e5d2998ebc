#include "unpact/text/sentencepiece_trainer.hpp"

#include <sentencepiece_trainer.h>

#include <algorithm>
#include <unordered_map>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

constexpr std::size_t kMaxLineBytes = 1ULL << 30;  // the library's length option is a 32-bit number

/// The texts line by line: a line feed is never a part of a piece.
class Lines final : public sentencepiece::SentenceIterator {
 public:
  explicit Lines(const std::vector<std::string>& texts) {
    for (const auto& text : texts) {
      UNPACT_VALIDATE(is_valid_utf8(text), "cannot train a vocabulary", "a text is not valid UTF-8", "convert it to UTF-8");
      for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find('\n', begin), text.size());
        if (end > begin) lines_.push_back(text.substr(begin, end - begin));
        begin = end + 1;
      }
    }
  }
  bool done() const override { return next_ >= lines_.size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return lines_[next_]; }
  sentencepiece::util::Status status() const override { return {}; }

  bool empty() const { return lines_.empty(); }
  std::size_t longest() const {
    std::size_t longest = 0;
    for (const auto& line : lines_) longest = std::max(longest, line.size());
    return longest;
  }

 private:
  std::vector<std::string> lines_;
  std::size_t next_ = 0;
};

std::unordered_map<std::string, std::string> trainer_options(std::int64_t vocabulary_size, std::size_t longest_line) {
  return {{"model_type", "bpe"},
          {"vocab_size", std::to_string(vocabulary_size)},
          {"byte_fallback", "true"},
          {"normalization_rule_name", "identity"},
          {"remove_extra_whitespaces", "false"},
          {"add_dummy_prefix", "true"},
          {"allow_whitespace_only_pieces", "true"},
          {"split_digits", "true"},
          {"character_coverage", "0.9995"},  // rarer characters are spelled in bytes
          {"unk_id", "0"},
          {"bos_id", "1"},
          {"eos_id", "2"},
          {"pad_id", "-1"},
          {"num_threads", "1"},
          {"max_sentence_length", std::to_string(longest_line + 1)},  // longer lines would be dropped silently
          {"minloglevel", "3"}};
}

/// The number behind `mark` in the library's message, e.g. "set it to a value <= 123".
std::string number_behind(const std::string& message, const std::string& mark) {
  const auto at = message.find(mark);
  if (at == std::string::npos) return {};
  const auto first = message.find_first_of("0123456789", at + mark.size());
  if (first == std::string::npos) return {};
  return message.substr(first, message.find_first_not_of("0123456789", first) - first);
}

[[noreturn]] void explain_failure(std::int64_t vocabulary_size, const std::string& message) {
  const std::string problem = concat("cannot train a vocabulary of ", vocabulary_size, " pieces");
  if (const auto largest = number_behind(message, "too high"); !largest.empty())
    throw UserError(problem, "the texts are too few or too uniform to fill it",
                    concat("choose at most ", number_behind(message, "<="), " pieces, or train on more texts"));
  if (const auto smallest = number_behind(message, " vs "); !smallest.empty())
    throw UserError(problem, "it is too small for the 256 bytes and the characters of the texts",
                    concat("choose at least ", smallest, " pieces"));
  throw UserError(problem, message, "check the texts");
}

Json tokenizer_config() {
  return {{"tokenizer_class", "LlamaTokenizer"},
          {"legacy", true},
          {"add_bos_token", true},
          {"add_eos_token", false},
          {"bos_token", "<s>"},
          {"eos_token", "</s>"},
          {"unk_token", "<unk>"},
          {"clean_up_tokenization_spaces", false}};
}

}  // namespace

void train_sentencepiece(const std::vector<std::string>& texts, std::int64_t vocabulary_size,
                         const std::filesystem::path& folder) {
  UNPACT_VALIDATE(vocabulary_size > 0 && vocabulary_size <= 1'000'000,
                  concat("cannot train a vocabulary of ", vocabulary_size, " pieces"), "the number is out of range",
                  "choose a size between 260 and 1000000");
  Lines lines(texts);
  UNPACT_VALIDATE(!lines.empty(), "cannot train a vocabulary", "there is no text to train on", "check the dataset");
  UNPACT_VALIDATE(lines.longest() < kMaxLineBytes, "cannot train a vocabulary",
                  concat("a line has ", lines.longest(), " bytes"), "break the texts into lines");
  std::string model;
  const auto status =
      sentencepiece::SentencePieceTrainer::Train(trainer_options(vocabulary_size, lines.longest()), &lines, &model);
  if (!status.ok()) explain_failure(vocabulary_size, status.error_message());
  write_file_atomically(folder / "tokenizer.model", model);
  write_file_atomically(folder / "tokenizer_config.json", tokenizer_config().dump(2) + "\n");
}

}  // namespace unpact
