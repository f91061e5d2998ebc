#pragma once
/// Contributions as a coloured strip of tokens in the terminal.
#include <string>
#include <vector>

namespace unpact {

struct StripToken {
  std::string piece;
  double contribution = 0;  ///< nats per answer token
  bool is_candidate = false, is_key = false;
  bool is_uncertain = false;  ///< noise could turn is_key
};

/// One line of text. With colour: blue background for tokens that support the answer, orange for those that hurt it,
/// stronger the larger |contribution| / scale, KeyTokens underlined and bold. Without: KeyTokens in [brackets] with
/// their contribution. A ? stands behind tokens whose verdict noise could turn.
std::string render_strip(const std::vector<StripToken>& tokens, double scale, bool colour);

/// The largest |contribution|, at least a small positive number.
double strip_scale(const std::vector<StripToken>& tokens);

/// Whether standard output is a terminal that wants colours (NO_COLOR is respected).
bool stdout_wants_colour();

}  // namespace unpact
