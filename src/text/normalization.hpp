#pragma once
#include "aligned_text.hpp"

namespace unpact {

enum class NormalForm { nfc, nfd, nfkc, nfkd };

/// Unicode normalization, by utf8proc's tables.
void normalize(AlignedText& text, NormalForm form);

/// Lower case, each character by itself.
void to_lower_case(AlignedText& text);

}  // namespace unpact
