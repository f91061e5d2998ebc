#include "jobs/inspect/chat_template.hpp"

#include <cctype>
#include <functional>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxTemplateBytes = 1 << 20;

/// A string, or a list of named templates of which "default" is the usual one.
std::string template_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  std::string first;
  if (!value.is_array()) return first;
  for (const auto& entry : value) {
    if (!entry.is_object() || !entry.contains("template") || !entry["template"].is_string()) continue;
    const auto text = entry["template"].get<std::string>();
    if (entry.contains("name") && entry["name"] == "default") return text;
    if (first.empty()) first = text;
  }
  return first;
}

}  // namespace

namespace {

/// A template's text without what is spelled one way or the other: blanks, line feeds, kinds of quotes.
std::string squeezed(const std::string& text) {
  std::string all;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == 'n') ++i;
    else if (std::isspace(static_cast<unsigned char>(text[i])) == 0) all += text[i] == '"' ? '\'' : text[i];
  }
  return all;
}

using Has = std::function<bool(const char* mark)>;

/// Llama 3.1 writes two lines with dates, 3.0 none, 3.2 that of the day on which it is asked: no file can say that.
std::string prompt_of_llama3(const Has& has) {
  if (has("strftime_now")) return {};
  return has("Cutting Knowledge Date") ? "llama3.1-instruct" : "llama3-instruct";
}

std::string prompt_of_qwen(const Has& has) {
  if (has("reasoning_mode")) return {};  // SmolLM3
  if (has("enable_thinking")) return "qwen3";
  if (has("<think>")) return {};  // QwQ
  if (has("You are Qwen, created by Alibaba Cloud")) return "qwen2.5-instruct";
  return has("You are a helpful assistant.<|im_end|>") ? "qwen2" : "";
}

/// They differ in blanks alone.
std::string prompt_of_mistral(const Has& has) {
  if (has("SYSTEM_PROMPT") || has("\"[INST]\"") || has("'[INST]'")) return {};
  if (has("<<SYS>>")) return has("You are a helpful, respectful") ? "" : "llama2-chat";
  if (has("\" [INST] \"") || has("' [INST] '")) return "mistral-instruct-spaced";
  if (!has("' [/INST]'") && !has("\" [/INST]\"")) return "mistral-instruct";
  if (has("{{ message['content'] + eos_token + ' ' }}")) return "mistral-instruct-v0.1";
  return has("{{ message['content'] + eos_token}}") || has("{{ message['content'] + eos_token }}") ? "mistral-instruct-v0.2"
                                                                                                   : "";
}

/// Of templates that say <|user|>.
std::string prompt_of_user_marks(const Has& has, const std::string& text) {
  const auto all = squeezed(text);
  const auto asks = [&](const char* after) {
    return all.find(std::string("'<|user|>'+message['content']+") + after) != std::string::npos;
  };
  const bool bos = has("bos_token");
  if (asks("eos_token") && !bos) return "zephyr";
  if (asks("'<|end|>'") && !bos) return "phi3";
  return asks("''") && bos && has("eos_token") ? "olmo2" : "";
}

}  // namespace

std::string prompt_for_template(const std::string& text) {
  const Has has = [&](const char* mark) { return text.find(mark) != std::string::npos; };
  if (has("<|start_header_id|>")) return prompt_of_llama3(has);
  if (has("<|im_start|>")) return prompt_of_qwen(has);
  if (has("[INST]")) return prompt_of_mistral(has);
  if (has("<start_of_turn>")) return has("bos_token") ? "gemma" : "";
  return has("<|user|>") ? prompt_of_user_marks(has, text) : std::string();
}

std::string end_of_turn_of(const std::string& text) {
  for (const char* token : {"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|end_of_turn|>"})
    if (text.find(token) != std::string::npos) return token;
  return {};
}

namespace {

ChatTemplate described(const std::string& file, const std::string& text) {
  return {file, prompt_for_template(text), end_of_turn_of(text)};
}

}  // namespace

ChatTemplate find_chat_template(const fs::path& folder) {
  std::error_code ignored;
  if (const auto file = folder / "chat_template.jinja"; fs::is_regular_file(file, ignored))
    return described(file.filename().string(), read_file(file, kMaxTemplateBytes));
  for (const char* name : {"tokenizer_config.json", "chat_template.json"}) {
    if (!fs::is_regular_file(folder / name, ignored)) continue;
    const auto json = read_json_file(folder / name);
    if (!json.is_object() || !json.contains("chat_template")) continue;
    const auto text = template_text(json["chat_template"]);
    if (!text.empty()) return described(name, text);
  }
  return {"", "muse", ""};
}

}  // namespace unpact
