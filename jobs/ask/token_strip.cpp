#include "jobs/ask/token_strip.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "unpact/core/text.hpp"

namespace unpact {
namespace {

/// Control characters shown, so that a prompt cannot move the cursor.
std::string visible(const std::string& piece) {
  if (piece == "<0x0A>") return "\u21B5";  // how tokenizers with byte fallback name a line feed
  std::string text;
  for (const char c : piece) {
    if (c == '\n') text += "\u21B5";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) text += "\u00B7";
    else text += c;
  }
  return text;
}

/// White at 0, blue at +1, orange at -1.
std::string background(double share) {
  const double strength = std::min(1.0, std::abs(share));
  const int r = static_cast<int>(share > 0 ? 255 - 187 * strength : 255 - 10 * strength);
  const int g = static_cast<int>(share > 0 ? 255 - 136 * strength : 255 - 105 * strength);
  const int b = static_cast<int>(share > 0 ? 255 - 20 * strength : 255 - 205 * strength);
  char code[48];
  std::snprintf(code, sizeof code, "\033[30;48;2;%d;%d;%dm", r, g, b);
  return code;
}

}  // namespace

std::string render_strip(const std::vector<StripToken>& tokens, double scale, bool colour) {
  std::string line;
  for (const auto& token : tokens) {
    const auto piece = visible(token.piece);
    if (!colour) {
      char number[16];
      std::snprintf(number, sizeof number, "%+.2f", token.contribution);
      const char* doubt = token.is_uncertain ? "?" : "";
      line += token.is_key         ? concat("[", piece, " ", number, doubt, "]")
              : token.is_uncertain ? concat(piece, "(", number, "?)")
                                   : piece;
    } else if (token.is_candidate) {
      line += background(token.contribution / scale) + (token.is_key ? "\033[1;4m" : "") + piece +
              (token.is_uncertain ? "?" : "") + "\033[0m";
    } else {
      line += "\033[2m" + piece + "\033[0m";
    }
  }
  return line;
}

double strip_scale(const std::vector<StripToken>& tokens) {
  double scale = 1e-6;
  for (const auto& token : tokens) scale = std::max(scale, std::abs(token.contribution));
  return scale;
}

bool stdout_wants_colour() { return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr; }

}  // namespace unpact
