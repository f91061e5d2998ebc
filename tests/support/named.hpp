#pragma once
/// For tests: values of enumerations by their names, for lists of cases.
#include <gtest/gtest.h>

#include <string>

#include "unpact/core/enumeration.hpp"

namespace unpact::testing_support {

template <class E>
E named(const std::string& name) {
  E value{};
  EXPECT_TRUE(EnumReference(&value).assign(name)) << name;
  return value;
}

}  // namespace unpact::testing_support
