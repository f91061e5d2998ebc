#pragma once
/// What every fuzz target is made of.
///
/// A target is a function of the input's bytes. It may refuse them with UserError; any other exception, a crash, a hang
/// or a broken `require` is a finding. `make_parts` cuts an input that stands for several files or a file and a text.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "unpact/core/error.hpp"

namespace unpact::fuzzing {

using Target = void (*)(std::string_view input);

/// Runs the target on a copy of the bytes that ends where they end, so that a sanitizer sees what reads on.
inline void run(Target target, const std::uint8_t* data, std::size_t size) {
  const std::vector<char> exact(data, data + size);
  try {
    target(std::string_view(exact.data(), exact.size()));
  } catch (const UserError& error) {
    if (error.problem().empty() || error.hint().empty())
      throw ContractViolation("promise", "an error says what is wrong and what to do", __FILE__, __LINE__);
  }
}

/// The parts between lines of `===`; missing ones are empty, further ones belong to the last.
inline std::vector<std::string> make_parts(std::string_view input, std::size_t count) {
  constexpr std::string_view separator = "\n===\n";
  std::vector<std::string> parts;
  while (parts.size() + 1 < count) {
    const auto end = input.find(separator);
    parts.emplace_back(input.substr(0, end));
    input = end == std::string_view::npos ? std::string_view() : input.substr(end + separator.size());
  }
  parts.emplace_back(input);
  return parts;
}

/// Every target of the test program by its name.
struct Named {
  std::string name;
  Target target;
};
inline std::vector<Named>& registered() {
  static std::vector<Named> targets;
  return targets;
}
inline bool add(const char* name, Target target) {
  registered().push_back({name, target});
  return true;
}

}  // namespace unpact::fuzzing

/// What must hold for every input that was not refused.
#define UNPACT_FUZZ_REQUIRE(condition) UNPACT_CONTRACT_("fuzz invariant", condition)

#ifdef UNPACT_LIBFUZZER
#define UNPACT_FUZZ_TARGET(name)                                                      \
  static void fuzz_##name(std::string_view input);                                    \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    unpact::fuzzing::run(fuzz_##name, data, size);                                    \
    return 0;                                                                         \
  }                                                                                   \
  static void fuzz_##name(std::string_view input)
#else
#define UNPACT_FUZZ_TARGET(name)                                                                      \
  static void fuzz_##name(std::string_view input);                                                    \
  [[maybe_unused]] static const bool name##_is_registered = unpact::fuzzing::add(#name, fuzz_##name); \
  static void fuzz_##name(std::string_view input)
#endif
