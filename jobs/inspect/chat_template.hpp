#pragma once
#include <filesystem>
#include <string>

namespace unpact {

/// The chat template that a checkpoint brings, and the prompt of configs/models that says the same.
struct ChatTemplate {
  std::string file;         ///< where it stands; empty: there is none
  std::string use;          ///< name of a file in configs/models; empty: none of them fits
  std::string end_of_turn;  ///< the special token that ends an answer there; empty: none is known
};

/// Looks into chat_template.jinja and tokenizer_config.json. A base model is asked as MUSE asks.
/// @throws UserError when a file is broken.
ChatTemplate find_chat_template(const std::filesystem::path& folder);

/// The choice for a template's text, by the marks that it puts around a turn; empty: none of them is surely the same.
std::string prompt_for_template(const std::string& text);

/// The special token that a template puts after an answer; empty: none that is known.
std::string end_of_turn_of(const std::string& text);

}  // namespace unpact
