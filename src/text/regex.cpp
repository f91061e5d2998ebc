#define PCRE2_CODE_UNIT_WIDTH 8
#include "regex.hpp"

#include <pcre2.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "unicode.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::size_t kMaxPatternBytes = 1 << 16;
// Steps of matching at one place of a text. A tokenizer's own patterns need a few for each character that they look at.
constexpr std::size_t kStepsAtLeast = 5'000, kStepsPerByte = 16, kStepsAtMost = 20'000'000;
constexpr std::uint32_t kHeapLimitKib = 256 * 1024;
constexpr std::size_t kJitStackBytes = 8 << 20;

template <class T, void (*release)(T*)>
struct Release {
  void operator()(T* pointer) const { release(pointer); }
};
template <class T, void (*release)(T*)>
using Owned = std::unique_ptr<T, Release<T, release>>;

/// What matching needs beside the code, one a thread.
struct Workspace {
  Owned<pcre2_match_data, pcre2_match_data_free> data{pcre2_match_data_create(1, nullptr)};
  Owned<pcre2_match_context, pcre2_match_context_free> context{pcre2_match_context_create(nullptr)};
  Owned<pcre2_jit_stack, pcre2_jit_stack_free> stack{pcre2_jit_stack_create(32 << 10, kJitStackBytes, nullptr)};

  Workspace() {
    if (!data || !context) throw RuntimeFailure("regular expressions cannot be matched", "out of memory", "");
    pcre2_set_heap_limit(context.get(), kHeapLimitKib);
    if (stack) pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }
};

std::string message_of(int code) {
  PCRE2_UCHAR buffer[256] = {};
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

/// The code of patterns compiled before: tokenizers share most of theirs, and compiling for the machine takes longer
/// than reading a small file.
class CompiledPatterns {
 public:
  using Key = std::pair<unsigned, std::string>;  // options, pattern
  std::shared_ptr<void> find(const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto it = codes_.find(key);
    return it == codes_.end() ? nullptr : it->second;
  }
  void add(const Key& key, std::shared_ptr<void> code) {
    const std::lock_guard lock(mutex_);
    if (codes_.size() >= kMost) codes_.clear();
    codes_.emplace(key, std::move(code));
  }

 private:
  static constexpr std::size_t kMost = 64;
  std::mutex mutex_;
  std::map<Key, std::shared_ptr<void>> codes_;
};

CompiledPatterns& compiled_patterns() {
  static CompiledPatterns patterns;
  return patterns;
}

}  // namespace

Regex::Regex(const std::string& pattern, unsigned options, const std::string& shown, const std::string& where)
    : shown_(shortened(shown)), where_(where) {
  UNPACT_VALIDATE(pattern.size() <= kMaxPatternBytes, concat(where, ": a regular expression is too long"),
                  concat("it has ", pattern.size(), " bytes"), "use the model's original tokenizer");
  const CompiledPatterns::Key key{options, pattern};
  if ((code_ = compiled_patterns().find(key))) return;
  Owned<pcre2_compile_context, pcre2_compile_context_free> context{pcre2_compile_context_create(nullptr)};
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_bsr(context.get(), PCRE2_BSR_UNICODE);
  int error = 0;
  PCRE2_SIZE at = 0;
  auto* const code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options, &error, &at, context.get());
  UNPACT_VALIDATE(code != nullptr, concat(where, ": the regular expression ", shown_, " cannot be used"),
                  concat(message_of(error), " (at byte ", at, ")"), "use the model's original tokenizer");
  code_ = std::shared_ptr<void>(code, [](void* pointer) { pcre2_code_free(static_cast<pcre2_code*>(pointer)); });
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where it fails, the interpreter does the work
  compiled_patterns().add(key, code_);
}

Regex Regex::of_pattern(const std::string& pattern, const std::string& where) {
  return Regex(translate_oniguruma(pattern, where), PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
               pattern, where);
}

Regex Regex::of_literal(const std::string& text, const std::string& where) {
  return Regex(text, PCRE2_UTF | PCRE2_LITERAL, text, where);
}

Regex Regex::of_pcre2(const std::string& pattern) {
  return Regex(pattern, PCRE2_UTF | PCRE2_UCP, pattern, "a built-in expression");
}

bool Regex::search(std::string_view subject, std::size_t from, ByteSpan& match) const {
  thread_local Workspace workspace;
  const auto steps = std::min(kStepsAtLeast + kStepsPerByte * subject.size(), kStepsAtMost);
  pcre2_set_match_limit(workspace.context.get(), static_cast<std::uint32_t>(steps));
  const auto* const code = static_cast<const pcre2_code*>(code_.get());
  const auto* const text = reinterpret_cast<PCRE2_SPTR>(subject.data());
  int found =
      pcre2_match(code, text, subject.size(), from, PCRE2_NO_UTF_CHECK, workspace.data.get(), workspace.context.get());
  if (found == PCRE2_ERROR_JIT_STACKLIMIT)
    found = pcre2_match(code, text, subject.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, workspace.data.get(),
                        workspace.context.get());
  if (found == PCRE2_ERROR_NOMATCH) return false;
  UNPACT_VALIDATE(found >= 0, concat(where_, ": the regular expression ", shown_, " cannot be matched"), message_of(found),
                  "use the model's original tokenizer, or split the text");
  const auto* const bounds = pcre2_get_ovector_pointer(workspace.data.get());
  UNPACT_VALIDATE(bounds[0] <= bounds[1], concat(where_, ": the regular expression ", shown_, " cannot be used"),
                  "a match ends before it begins", "use the model's original tokenizer");
  match = {bounds[0], bounds[1]};
  return true;
}

void Regex::find_all(std::string_view subject, std::vector<ByteSpan>& matches) const {
  matches.clear();
  std::size_t last_match = std::string_view::npos;
  ByteSpan match;
  for (std::size_t from = 0; from <= subject.size() && search(subject, from, match);) {
    if (match.begin == match.end && match.end == last_match) {
      from += from < subject.size() ? code_point_at(subject, from).bytes : 1;
      continue;
    }
    matches.push_back(match);
    from = last_match = match.end;
  }
}

}  // namespace unpact
