#include "unpact/core/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::TemporaryFolder;

std::string complaint(const std::string& text, int max_depth = 64) {
  return message_of<UserError>([&] { parse_json(text, "config", max_depth); });
}

TEST(ParseJson, ReadsValuesAndKeepsTheirOrder) {
  const auto json = parse_json(R"({"b": [1, 2.5, null, true], "a": {"c": "\u00e9\ud83e\udd99"}})", "config");
  EXPECT_EQ(json.begin().key(), "b");
  EXPECT_EQ(json["b"][0], 1);
  EXPECT_EQ(json["a"]["c"], "\xC3\xA9\xF0\x9F\xA6\x99");
}

TEST(ParseJson, RefusesBadSyntax) {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\" 1}", "nul", "1 2", "{'a': 1}", "[NaN]", "\"\\ud800\"", "\"\xFF\"", "\"\xC3"})
    EXPECT_THAT(complaint(text), HasSubstr("config is not valid JSON")) << text;
  EXPECT_THAT(complaint(std::string("[1]\0", 4)), HasSubstr("config is not valid JSON"));
}

TEST(ParseJson, RefusesAKeyThatAppearsTwice) {
  EXPECT_THAT(complaint(R"({"a": 1, "b": 2, "a": 3})"), HasSubstr("config: key 'a' appears twice"));
  EXPECT_THAT(complaint(R"([{"x": {"a": 1, "a": 1}}])"), HasSubstr("key 'a' appears twice"));
  EXPECT_NO_THROW(parse_json(R"({"a": {"a": 1}, "b": {"a": 2}, "c": [{"a": 1}, {"a": 2}]})", "config"));
}

TEST(ParseJson, LimitsTheDepth) {
  EXPECT_NO_THROW(parse_json("[[[1]]]", "config", 3));
  EXPECT_THAT(complaint("[[[[1]]]]", 3), AllOf(HasSubstr("config is nested too deeply"), HasSubstr("more than 3")));
  EXPECT_THAT(complaint(R"({"a": {"a": {"a": {"a": 1}}}})", 3), HasSubstr("nested too deeply"));
  EXPECT_THAT(complaint(std::string(1000000, '[')), HasSubstr("nested too deeply"));
}

TEST(ParseJson, ReadsManyKeysOfOneObject) {  // searching the object for each would take minutes
  std::string text = "{\"k\":0";
  for (int i = 0; i < 300000; ++i) text += concat(",\"", i, "\":0");
  EXPECT_EQ(parse_json(text + "}", "config").size(), 300001U);
  EXPECT_THAT(complaint(text + ",\"299999\":0}"), HasSubstr("key '299999' appears twice"));
}

TEST(ParseJson, MessagesStayShort) { EXPECT_LT(complaint("[\"" + std::string(100000, 'a')).size(), 1000U); }

TEST(ReadJsonFile, NamesTheFile) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_json_file(folder.write("good.json", "[1]"))[0], 1);
  const auto bad = folder.write("bad.json", "[1");
  EXPECT_THAT(message_of<UserError>([&] { read_json_file(bad); }), HasSubstr(bad.string() + " is not valid JSON"));
  EXPECT_THAT(message_of<UserError>([&] { read_json_file(folder.path() / "none.json"); }),
              AllOf(HasSubstr("none.json"), HasSubstr("no such file")));
}

TEST(JsonFields, RequiredOnes) {
  const Json object = {{"s", "text"}, {"i", 7}, {"d", 2.5}, {"n", nullptr}};
  EXPECT_EQ(require_string(object, "s", "entry 3"), "text");
  EXPECT_EQ(require_integer(object, "i", "entry 3"), 7);
  EXPECT_THAT(message_of<UserError>([&] { require_string(object, "q", "entry 3"); }),
              HasSubstr("entry 3: field 'q' is missing"));
  EXPECT_THAT(message_of<UserError>([&] { require_string(object, "i", "entry 3"); }),
              AllOf(HasSubstr("entry 3: field 'i' has the wrong type"), HasSubstr("a string, found a number")));
  EXPECT_THAT(message_of<UserError>([&] { require_integer(object, "d", "entry 3"); }),
              HasSubstr("expected an integer, found a fraction"));
  EXPECT_THAT(message_of<UserError>([&] { require_integer(object, "n", "entry 3"); }), HasSubstr("found a null"));
  EXPECT_THAT(message_of<UserError>([&] { require_string(Json::array(), "s", "entry 3"); }),
              HasSubstr("entry 3 is not a JSON object"));
}

TEST(JsonFields, IntegersMustFit) {
  const Json object = parse_json(R"({"big": 9223372036854775808, "max": 9223372036854775807})", "config");
  EXPECT_EQ(require_integer(object, "max", "config"), std::numeric_limits<std::int64_t>::max());
  EXPECT_THAT(message_of<UserError>([&] { require_integer(object, "big", "config"); }), HasSubstr("field 'big'"));
  EXPECT_THAT(message_of<UserError>([&] { integer_or(object, "big", 1, "config"); }), HasSubstr("field 'big'"));
}

TEST(JsonFields, DefaultsStandForAbsentAndNull) {
  const Json object = {{"s", "text"}, {"i", 7}, {"d", 2.5}, {"b", true}, {"n", nullptr}};
  EXPECT_EQ(string_or(object, "s", "x", "e"), "text");
  EXPECT_EQ(integer_or(object, "i", 1, "e"), 7);
  EXPECT_EQ(number_or(object, "d", 1, "e"), 2.5);
  EXPECT_EQ(number_or(object, "i", 1, "e"), 7.0);
  EXPECT_EQ(bool_or(object, "b", false, "e"), true);
  for (const char* key : {"n", "absent"}) {
    EXPECT_EQ(string_or(object, key, "x", "e"), "x");
    EXPECT_EQ(integer_or(object, key, 1, "e"), 1);
    EXPECT_EQ(number_or(object, key, 1.5, "e"), 1.5);
    EXPECT_EQ(bool_or(object, key, true, "e"), true);
  }
}

TEST(JsonFields, WrongTypesAreNamed) {
  const Json object = {{"s", "text"}, {"d", 2.5}, {"l", Json::array()}};
  EXPECT_THAT(message_of<UserError>([&] { string_or(object, "d", "", "e"); }), HasSubstr("e: field 'd' has the wrong type"));
  EXPECT_THAT(message_of<UserError>([&] { integer_or(object, "s", 0, "e"); }),
              HasSubstr("expected an integer, found a string"));
  EXPECT_THAT(message_of<UserError>([&] { integer_or(object, "d", 0, "e"); }), HasSubstr("found a fraction"));
  EXPECT_THAT(message_of<UserError>([&] { number_or(object, "s", 0, "e"); }), HasSubstr("expected a number"));
  EXPECT_THAT(message_of<UserError>([&] { bool_or(object, "l", false, "e"); }), HasSubstr("expected true or false"));
}

}  // namespace
}  // namespace unpact
