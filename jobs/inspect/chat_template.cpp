#include "jobs/inspect/chat_template.hpp"

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

std::string prompt_for_template(const std::string& text) {
  const auto has = [&](const char* mark) { return text.find(mark) != std::string::npos; };
  // Llama 3.1 writes two lines with dates, 3.0 none, 3.2 that of the day on which it is asked: no file can say that.
  if (has("<|start_header_id|>")) {
    if (has("strftime_now")) return {};
    return has("Cutting Knowledge Date") ? "llama3.1-instruct" : "llama3-instruct";
  }
  if (has("<|im_start|>") && has("enable_thinking")) return "qwen3";
  if (has("<|im_start|>") && has("You are Qwen, created by Alibaba Cloud")) return "qwen2.5-instruct";
  if (has("[INST]") && !has("<<SYS>>")) return "mistral-instruct";
  return {};
}

ChatTemplate find_chat_template(const fs::path& folder) {
  std::error_code ignored;
  if (const auto file = folder / "chat_template.jinja"; fs::is_regular_file(file, ignored))
    return {file.filename().string(), prompt_for_template(read_file(file, kMaxTemplateBytes))};
  for (const char* name : {"tokenizer_config.json", "chat_template.json"}) {
    if (!fs::is_regular_file(folder / name, ignored)) continue;
    const auto json = read_json_file(folder / name);
    if (!json.is_object() || !json.contains("chat_template")) continue;
    const auto text = template_text(json["chat_template"]);
    if (!text.empty()) return {name, prompt_for_template(text)};
  }
  return {"", "muse"};
}

}  // namespace unpact
