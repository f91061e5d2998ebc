#pragma once
#include <string>
#include <string_view>

namespace unpact {

/// Checks what older SentencePiece libraries follow without looking (before 0.2.1): the normalization tables of a
/// model, double arrays whose offsets and values could point behind their end.
/// @param model the bytes of tokenizer.model. @throws UserError naming `where`.
void check_sentencepiece_tables(std::string_view model, const std::string& where);

}  // namespace unpact
