#pragma once
/// For tests: another value for an option of any type.
#include <variant>

#include "unpact/options/option_table.hpp"

namespace unpact::testing_support {

struct Changer {
  void operator()(std::string* value) const { *value += "x"; }
  void operator()(std::int64_t* value) const { *value += 1; }
  void operator()(std::uint64_t* value) const { *value += 1; }
  void operator()(double* value) const { *value = *value / 2 + 0.375; }
  void operator()(bool* value) const { *value = !*value; }
  void operator()(const EnumReference& value) const {
    for (const auto& name : value.names())
      if (name != value.name()) {
        value.assign(name);
        return;
      }
  }
};

/// Whatever the option says, it says something else now. The value need not make sense.
inline void change(const Option& option) {
  if (option.key == "method.forget") assign(option, "npo", "in a test");  // a name of a table, whose row is looked up
  else std::visit(Changer(), option.value);
}

}  // namespace unpact::testing_support
