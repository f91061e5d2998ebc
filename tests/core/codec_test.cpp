#include "unpact/core/codec.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace unpact {
namespace {

enum class Colour : std::uint8_t { red, blue };

struct Inner {
  std::vector<float> values;
  bool is_set = false;
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.values, self.is_set);
  }
  bool operator==(const Inner&) const = default;
};

struct Outer {
  std::string name;
  std::int64_t number = 0;
  double real = 0;
  Colour colour = Colour::red;
  std::vector<Inner> parts;
  std::vector<std::vector<std::string>> words;
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.name, self.number, self.real, self.colour, self.parts, self.words);
  }
  bool operator==(const Outer&) const = default;
};

Outer example() {
  return {std::string("zero \0 and \xFF", 12),
          -7,
          1e300,
          Colour::blue,
          {{{1.5F, -0.0F}, true}, {}, {{3}, false}},
          {{}, {"", "b"}}};
}

TEST(Codec, ValuesComeBack) {
  EXPECT_EQ(decode<Outer>(encode(example())), example());
  EXPECT_EQ(decode<Outer>(encode(Outer())), Outer());
  EXPECT_EQ(decode<std::vector<Outer>>(encode(std::vector<Outer>{example(), {}, example()})).size(), 3U);
  EXPECT_EQ(decode<std::int64_t>(encode(std::int64_t{-5})), -5);
  EXPECT_EQ(decode<std::string>(encode(std::string("a"))), "a");
  EXPECT_TRUE(decode<std::vector<double>>(encode(std::vector<double>())).empty());
}

TEST(Codec, NumbersKeepTheirBits) {
  const auto values = decode<std::vector<double>>(
      encode(std::vector<double>{std::nan(""), -0.0, std::numeric_limits<double>::denorm_min()}));
  EXPECT_TRUE(std::isnan(values[0]));
  EXPECT_TRUE(std::signbit(values[1]));
  EXPECT_EQ(values[2], std::numeric_limits<double>::denorm_min());
}

TEST(Codec, EveryCutIsRefused) {
  const auto bytes = encode(example());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(decode<Outer>(std::string_view(bytes).substr(0, size)), RuntimeFailure) << size;
}

TEST(Codec, TrailingBytesAreRefused) {
  EXPECT_THROW(decode<Outer>(encode(example()) + '\0'), RuntimeFailure);
  EXPECT_THROW(decode<std::uint64_t>(encode(std::vector<std::uint64_t>{1})), RuntimeFailure);
}

TEST(Codec, LengthsBeyondTheBytesTakeNoMemory) {
  const auto most = encode(std::numeric_limits<std::uint64_t>::max());
  EXPECT_THROW(decode<std::string>(most), RuntimeFailure);
  EXPECT_THROW(decode<std::vector<double>>(most), RuntimeFailure);
  EXPECT_THROW(decode<std::vector<std::string>>(most), RuntimeFailure);
  EXPECT_THROW(decode<std::vector<double>>(encode(std::uint64_t{2}) + encode(1.0)), RuntimeFailure);
}

}  // namespace
}  // namespace unpact
