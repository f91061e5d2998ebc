#pragma once
/// A SentencePiece BPE vocabulary from texts, by the library's own trainer.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace unpact {

/// Trains a BPE model with byte fallback, identity normalization (line feeds survive) and split digits, as Llama 2's;
/// <unk> 0, <s> 1, </s> 2. Writes tokenizer.model and tokenizer_config.json into `folder`, from which both unpact and
/// transformers load it. Deterministic. @throws UserError when the texts cannot fill the vocabulary.
void train_sentencepiece(const std::vector<std::string>& texts, std::int64_t vocabulary_size,
                         const std::filesystem::path& folder);

}  // namespace unpact
