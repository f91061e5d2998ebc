#include "../../src/options/option_checks.hpp"  // private to the layer

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;

/// What the check says of a value; empty: it is good.
template <class T>
std::string said(const OptionCheck& check, T value) {
  const Option option{"section.key", "help", &value, Affects{}};
  return message_of<UserError>([&] { check(option); });
}

template <class T>
bool is_good(const OptionCheck& check, T value) {
  const Option option{"section.key", "help", &value, Affects{}};
  try {
    check(option);
    return true;
  } catch (const UserError&) {
    return false;
  }
}

TEST(OptionChecks, NameKeyAndValue) {
  EXPECT_THAT(said(positive(), std::int64_t{0}),
              AllOf(HasSubstr("option 'section.key' is 0"), HasSubstr("must be positive")));
  EXPECT_THAT(said(at_least(2, "two make a pair", "use 3"), std::int64_t{1}),
              AllOf(HasSubstr("two make a pair"), HasSubstr("use 3")));
  EXPECT_THAT(said(in_range(0, 4096, "h"), std::int64_t{5000}), HasSubstr("at least 0 and at most 4096"));
  EXPECT_THAT(said(list_of({"a", "b"}), std::string("a, c")),
              AllOf(HasSubstr("'section.key' is 'c'"), HasSubstr("use a, b")));
  EXPECT_THAT(said(list_of({"a", "b"}), std::string(" ")), HasSubstr("'section.key' is empty"));
}

TEST(OptionChecks, HoldAtTheirBounds) {
  EXPECT_TRUE(is_good(positive(), 1e-300));
  EXPECT_FALSE(is_good(positive(), 0.0));
  EXPECT_TRUE(is_good(at_least(2, ""), std::int64_t{2}));
  EXPECT_TRUE(is_good(in_range(0, 4096, ""), std::int64_t{4096}));
  EXPECT_FALSE(is_good(in_range(0, 4096, ""), std::int64_t{-1}));
  EXPECT_TRUE(is_good(share(""), 1.0));
  EXPECT_FALSE(is_good(share(""), std::nextafter(1.0, 2.0)));
  EXPECT_FALSE(is_good(share(""), 0.0));
  EXPECT_TRUE(is_good(list_of({"a", "b"}), std::string("b,a")));
}

TEST(OptionChecks, RefuseWhatIsNoNumber) {
  for (const double value :
       {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()})
    for (const auto& check : {positive(), at_least(-1, ""), in_range(-1, 1, ""), share("")})
      EXPECT_FALSE(is_good(check, value)) << value;
}

}  // namespace
}  // namespace unpact
