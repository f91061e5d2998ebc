/// The tokenizers against the Python packages, on the strings of make_fixtures.py.
#include <gtest/gtest.h>

#include <algorithm>

#include "text/fixture_reader.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing_support::FixtureReader;
using testing_support::TemporaryFolder;

fs::path fixtures() { return std::string(UNPACT_FIXTURES).empty() ? fs::path() : fs::path(UNPACT_FIXTURES) / "text"; }

/// The span in characters, widened to whole ones.
std::pair<std::size_t, std::size_t> in_characters(std::string_view text, const ByteSpan& span) {
  const auto starts = [&](std::size_t end) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end),
                                                  [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  };
  const bool inside = span.begin < text.size() && (static_cast<unsigned char>(text[span.begin]) & 0xC0) == 0x80;
  return {starts(span.begin) - (inside ? 1 : 0), starts(span.end)};
}

class Oracle : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (fixtures().empty() || !fs::exists(fixtures() / "bpe.json"))
      GTEST_SKIP() << "no fixtures: run tests/text/make_fixtures.py and set UNPACT_FIXTURES";
    for (const auto& candidate : read_json_file(fixtures() / "bpe.json"))
      if (candidate["name"] == GetParam()) entry_ = candidate;
    ASSERT_FALSE(entry_.is_null());
    const fs::path data = UNPACT_TEST_DATA;
    if (!entry_["data"].empty() && data.empty()) GTEST_SKIP() << "UNPACT_TEST_DATA is not set";
    for (const auto& [name, path] : entry_["data"].items())
      fs::create_symlink(data / path.get<std::string>(), folder_.path() / name);
    for (const auto& [name, path] : entry_["made"].items())
      fs::create_symlink(fixtures() / path.get<std::string>(), folder_.path() / name);
  }
  Json entry_;
  TemporaryFolder folder_;
};

void expect_spans(std::string_view text, const std::vector<ByteSpan>& spans, FixtureReader& cases) {
  for (const auto& span : spans) {
    const auto begin = cases.number(), end = cases.number();
    if (testing::Test::HasFailure()) continue;
    ASSERT_LE(span.begin, span.end);
    ASSERT_LE(span.end, text.size());
    ASSERT_EQ(in_characters(text, span), (std::pair<std::size_t, std::size_t>(begin, end))) << Json(text).dump();
  }
}

TEST_P(Oracle, IdsDecodedTextAndOffsets) {
  const auto tokenizer = load_tokenizer(folder_.path());
  FixtureReader strings(fixtures() / entry_["strings"].get<std::string>());
  FixtureReader cases(fixtures() / (GetParam() + ".cases"));
  const auto count = strings.number();
  ASSERT_GE(count, entry_["made"].empty() ? 20000u : 2000u);
  for (std::uint32_t k = 0; k < count; ++k) {
    const auto text = strings.text();
    std::vector<TokenId> ids(cases.number());
    for (auto& id : ids) id = cases.number();
    const auto decoded = cases.text();
    const auto encoding = tokenizer->encode(text);
    ASSERT_EQ(encoding.ids, ids) << Json(text).dump();
    ASSERT_EQ(encoding.spans.size(), ids.size());
    ASSERT_EQ(tokenizer->decode(ids), decoded) << Json(text).dump();
    if (entry_["offsets"] == true) expect_spans(text, encoding.spans, cases);
    if (HasFailure()) return;
  }
  EXPECT_TRUE(cases.at_end());
}

/// The names that the fixtures have; where there are none one test says so.
std::vector<std::string> names() {
  std::vector<std::string> result;
  if (!fixtures().empty() && fs::exists(fixtures() / "bpe.json"))
    for (const auto& entry : read_json_file(fixtures() / "bpe.json")) result.push_back(entry["name"].get<std::string>());
  if (result.empty()) result.push_back("none");
  return result;
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, Oracle, testing::ValuesIn(names()), [](const auto& named) {
  std::string name = named.param;
  const auto is_sign = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; };
  std::replace_if(name.begin(), name.end(), is_sign, '_');
  return name;
});

}  // namespace
}  // namespace unpact
