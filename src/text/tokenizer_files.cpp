#include "tokenizer_files.hpp"

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/foreign_file.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kNames[] = {
    "tokenizer.json",        "tokenizer.model",         "vocab.json",        "spiece.model",        "merges.txt",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json"};

}  // namespace

std::vector<fs::path> tokenizer_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const char* name : kNames)
    if (fs::is_regular_file(folder / name, ignored)) files.push_back(folder / name);
  return files;
}

std::string read_tokenizer_file(const std::filesystem::path& file, std::uintmax_t most) {
  auto content = read_file(file, most);
  refuse_foreign(content, file.string());
  return content;
}

}  // namespace unpact
