#include "unpact/text/tokenizer.hpp"

#include "sentencepiece_tokenizer.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;

std::unique_ptr<Tokenizer> load_tokenizer(const fs::path& folder) {
  std::error_code ignored;
  UNPACT_VALIDATE(fs::is_directory(folder, ignored), concat("cannot load a tokenizer from ", folder.string()),
                  "there is no such folder", "give the folder of a checkpoint");
  if (fs::is_regular_file(folder / "tokenizer.model", ignored)) return std::make_unique<SentencePieceTokenizer>(folder);
  const bool other = fs::is_regular_file(folder / "tokenizer.json", ignored);
  throw UserError(concat("cannot load a tokenizer from ", folder.string()),
                  other ? "it has a tokenizer.json only, and the supported kind is SentencePiece (tokenizer.model)"
                        : "it has no tokenizer.model; the supported kind is SentencePiece",
                  "use a model that comes with a SentencePiece tokenizer.model, such as Llama 2 or Mistral 7B v0.1");
}

}  // namespace unpact
