/// The grammar of configuration files, and that what is written reads back the same.
#include "src/options/ini_reader.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::message_of;
using testing_support::TemporaryFolder;

std::vector<std::string> entries(const std::string& text) {
  std::vector<std::string> found;
  for (const auto& [key, value, line] : parse_ini(text, "x.ini").entries)
    found.push_back(concat(line, " ", key, " is <", value, ">"));
  return found;
}

std::string value_of(const std::string& written) {
  const auto content = parse_ini("[s]\nk =" + written + "\n", "x.ini");
  return content.entries.empty() ? "nothing" : content.entries.front().value;
}

std::string refusal(const std::string& text) {
  return message_of<UserError>([&] { parse_ini(text, "x.ini"); });
}

TEST(Ini, SectionsNamesValuesAndComments) {
  EXPECT_THAT(entries("# a = 1\n  ; b = 2\n\n[s]\n\t# c = 3\n x = 1 \n#[t]\n[t]\ny=2\n[s]\nz = \n"),
              ElementsAre("6 s.x is <1>", "9 t.y is <2>", "11 s.z is <>"));
  EXPECT_THAT(entries(""), IsEmpty());
  EXPECT_THAT(entries("[ s ]\nx = 1"), ElementsAre("2 s.x is <1>")) << "the last line needs no end";
  EXPECT_THAT(entries("run.seed = 3\n[choice.models.a.b]\nmodel.name = n\n"),
              ElementsAre("1 run.seed is <3>", "3 choice.models.a.b.model.name is <n>"));
}

// What each value means, for ever: a line that changes here changes results of configurations that exist.
TEST(Ini, AValueIsEverythingAfterTheFirstEqualsSign) {
  for (const auto* value : {"a#b",
                            "C# and F#",
                            "a # b",
                            "#",
                            "# a",
                            "a ; b",
                            ";",
                            "a = b",
                            "=",
                            "==",
                            "\"a\"",
                            "\"",
                            "'a'",
                            "a\"b",
                            "[a]",
                            "[",
                            "]",
                            "\\n",
                            "\\s",
                            "a\\",
                            "%(a)s",
                            "${a}",
                            "a  b",
                            "a\tb",
                            "\u0416\u0438\u0432\u0430",
                            "\u6771\u4eac",
                            "\u00a0a\u00a0",
                            "\ufeffa",
                            "true",
                            "1e-5",
                            "-1",
                            "C:\\x\\y",
                            "/a b/c",
                            ""}) {
    EXPECT_EQ(value_of(value), value);
    EXPECT_EQ(value_of(concat("  ", value, " \t")), value) << "white space at the ends does not count";
    EXPECT_EQ(value_of(concat(value, "\r")), value) << "CRLF";
    EXPECT_EQ(problem_in_ini(value), "") << value;
  }
}

TEST(Ini, AByteOrderMarkIsNoText) {
  EXPECT_THAT(entries("\ufeff[s]\r\nx = 1\r\n"), ElementsAre("2 s.x is <1>"));
  EXPECT_THAT(entries("\ufeff# c\n[s]\nx = 1\n"), ElementsAre("3 s.x is <1>"));
  EXPECT_THAT(refusal("[s]\nx = 1\n\ufeff[t]\n"), HasSubstr("line 3")) << "only at the start of a file";
}

TEST(Ini, WhatItDoesNotHaveIsRefusedWithFileAndLine) {
  for (const auto& [text, line, said] : std::vector<std::tuple<std::string, const char*, const char*>>{
           {"[s]\nx\n", "line 2", "no ="},
           {"[s]\n// c\n", "line 2", "no ="},
           {"[s]\n = 1\n", "line 2", "no name"},
           {"\nseed = 1\n[run]\n", "line 2", "above the first section"},
           {"[s\nx = 1\n", "line 1", "does not end with ]"},
           {"[s] # c\n", "line 1", "comment on a line of its own"},
           {"[]\n", "line 1", "names no section"},
           {"[run] output = [x]\n", "line 1", "first ]"},
           {"[a.b = [c]\n", "line 1", "first ]"},
           {"[a;b]\n", "line 1", "first ]"},
           {"[s]\nx = 1\ry = 2\n", "line 2", "control character"},
           {std::string("[s]\nx = \0y\n", 11), "line 2", "control character"},
           {"[s]\nx = \xff\n", "line 2", "not UTF-8"},
           {"\xff\xfe[\0s\0", "line 1", "not UTF-8"}})
    EXPECT_THAT(refusal(text), AllOf(HasSubstr("x.ini"), HasSubstr(line), HasSubstr(said), HasSubstr("hint"))) << text;
}

TEST(Ini, SaysWhichValuesItCannotHold) {
  for (const auto* value : {" a", "a ", "\ta", "a\nb", "a\r", "\n", "a\x01", "a\x7f", "\xff", "\xed\xa0\x80"})
    EXPECT_NE(problem_in_ini(value), "") << value;
}

class ConfigurationFile : public testing::Test {
 protected:
  Configuration resolve(const std::string& text) {
    return CommandLine("finetune", {"--config", folder_.write("c.ini", text).string()}).resolve();
  }
  std::string refusal(const std::string& text) {
    return message_of<UserError>([&] { resolve(text); });
  }
  TemporaryFolder folder_;
};

TEST_F(ConfigurationFile, KeepsTheNumberSign) {
  EXPECT_EQ(resolve("[prompt]\nbefore_question = Question #1:\\s\n").prompt.before_question, "Question #1:\\s");
  EXPECT_EQ(resolve("[dataset]\nname = C# # and more\n").dataset.name, "C# # and more");
  EXPECT_THAT(refusal("[unlearn]\nepochs = 3 # three\n"),
              AllOf(HasSubstr("'unlearn.epochs' is '3 # three'"), HasSubstr("line 2"), HasSubstr("line of its own")));
}

TEST_F(ConfigurationFile, SaysALittleOnceOfAValueThatLooksAsIfACommentEndedIt) {
  testing::internal::CaptureStderr();
  resolve("[dataset]\nname = a # b\n");
  resolve("[dataset]\nname = a # b\n");
  resolve("[run]\n\noutput = a#b\n");
  const auto said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, AllOf(HasSubstr("'dataset.name'"), HasSubstr("line 2")));
  EXPECT_EQ(said.find("warning"), said.rfind("warning")) << said;
}

TEST_F(ConfigurationFile, MistakesNameFileAndLine) {
  EXPECT_THAT(refusal("[run]\nseed = 1\n\nseed = 2\n"),
              AllOf(HasSubstr("'run.seed' appears twice"), HasSubstr("line 2"), HasSubstr("line 4"), HasSubstr("c.ini")));
  EXPECT_THAT(refusal("run.seed = 1\n[run]\nseed = 2\n"), HasSubstr("'run.seed' appears twice"));
  EXPECT_THAT(refusal("[run]\nseed = 1\n[dataset]\nname = x\n[run]\nseed = 2\n"), HasSubstr("'run.seed' appears twice"));
  EXPECT_THAT(refusal("[rnu]\n"), AllOf(HasSubstr("[rnu]"), HasSubstr("line 1"), HasSubstr("did you mean [run]?")));
  EXPECT_THAT(refusal("[unlearn]\nrun.seed = 1\n"), AllOf(HasSubstr("'unlearn.run.seed'"), HasSubstr("line 2")));
  EXPECT_THAT(refusal("seed = 1\n"), AllOf(HasSubstr("line 1"), HasSubstr("above the first section")));
  EXPECT_THAT(refusal("\n[run]\nsede = 1\n"), AllOf(HasSubstr("'run.sede'"), HasSubstr("line 3")));
  EXPECT_THAT(refusal("[choice.models]\nmodel.name = x\n"), HasSubstr("line 2"));
  EXPECT_THAT(refusal("[choice.models.x]\n\nmodel.nam = x\n"), AllOf(HasSubstr("'model.nam'"), HasSubstr("line 3")));
}

TEST_F(ConfigurationFile, AFolderIsNone) {
  EXPECT_THAT(message_of<UserError>([&] {
                CommandLine("finetune", {"--config", folder_.path().string()}).resolve();
              }),
              HasSubstr("it is a folder"));
}

/// Every text option with a value of each kind that a file may hold; what is checked by itself is left out.
TEST_F(ConfigurationFile, WhatIsWrittenReadsBackTheSame) {
  for (const auto* value : {"a#b", "a # b", "# a", "; a", "a = b", "\"a\"", "'a' \"b", "[a]", "\u6771\u4eac \u0416", ""}) {
    Configuration c;
    for (const auto* key : {"run.output", "dataset.name", "model.name", "method.name", "dataset.path", "prompt.system",
                            "prompt.stop", "dataset.checksum"})
      for (const auto& option : option_table(c))
        if (option.key == key) assign(option, value, "in a test");
    if (*value == '\0') c.method.name = "m";  // made of its terms where it is empty
    const auto text = to_ini(with_absolute_paths(c));
    const auto again = resolve(text);
    EXPECT_EQ(to_ini(again), text) << value;
    EXPECT_EQ(again.dataset.name, value);
    EXPECT_EQ(settings_that_affect(again, Made::cell), settings_that_affect(c, Made::cell)) << value;
  }
}

TEST(PrintedConfiguration, OfOneCallIsRefusedWhereItCannotHoldTheText) {
  const CommandLine line("ask", {"--model", "m", "--prompt", "a\nb"});
  EXPECT_EQ(line.resolve().ask.prompt, "a\nb");
  EXPECT_THAT(message_of<UserError>([&] { line.printed(); }), HasSubstr("'ask.prompt'"));
  const CommandLine signs("ask", {"--model", "m", "--prompt", "What is #1?"});
  EXPECT_THAT(signs.printed(), HasSubstr("prompt = What is #1?\n"));
}

}  // namespace
}  // namespace unpact
