#pragma once
/// Enumerations with names: said once beside the type, read by options, results and messages.
///
///     enum class LossOn { answer, all };
///     UNPACT_ENUMERATION(LossOn, "answer", "all");   // at namespace scope, the names in the order of the values
///
/// Values count from 0. The names are what configuration files and results say.
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace unpact {

/// The names of an enumeration's values, in order; UNPACT_ENUMERATION specializes it.
template <class E>
struct EnumNames;

#define UNPACT_ENUMERATION(Type, ...)                              \
  template <>                                                      \
  struct EnumNames<Type> {                                         \
    static const std::vector<std::string>& all() {                 \
      static const std::vector<std::string> names = {__VA_ARGS__}; \
      return names;                                                \
    }                                                              \
  }

template <class E>
const std::vector<std::string>& names_of() {
  static_assert(std::is_enum_v<E>);
  return EnumNames<E>::all();
}

template <class E>
const std::string& name_of_value(E value) {
  return names_of<E>().at(static_cast<std::size_t>(value));
}

/// Reference to an enumeration variable of any type: what an option table holds.
class EnumReference {
 public:
  template <class E, class = std::enable_if_t<std::is_enum_v<E>>>
  EnumReference(E* value)  // NOLINT(google-explicit-constructor): a row of a table names the variable alone
      : value_(value), names_(&names_of<E>()),
        get_([](const void* v) { return static_cast<std::size_t>(*static_cast<const E*>(v)); }),
        set_([](void* v, std::size_t index) { *static_cast<E*>(v) = static_cast<E>(index); }) {}

  const std::vector<std::string>& names() const { return *names_; }
  const std::string& name() const { return names_->at(get_(value_)); }

  /// @return whether `name` is one of the names.
  bool assign(std::string_view name) const {
    const auto found = std::find(names_->begin(), names_->end(), name);
    if (found == names_->end()) return false;
    set_(value_, static_cast<std::size_t>(found - names_->begin()));
    return true;
  }

 private:
  void* value_;
  const std::vector<std::string>* names_;
  std::size_t (*get_)(const void*);
  void (*set_)(void*, std::size_t);
};

}  // namespace unpact
