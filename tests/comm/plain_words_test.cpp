#include "unpact/comm/plain_words.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "core/temporary_folder.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// What a user reads of what the call throws, and what the program ends with.
template <class Call>
std::pair<std::string, ExitCode> said(const Call& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return {message_for_user(error), in_plain_words(error).code};
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(PlainWords, NothingOfTheLanguagesOwnMessagesIsLeft) {
  const std::map<std::string, int> numbers;
  const std::vector<int> list;
  const std::optional<int> none;
  const std::variant<int, double> either = 1;
  const std::string text = "abc", path(5000, 'x');
  const Json json = {{"a", 1}};
  const std::vector<std::function<void()>> calls = {
      [&] { static_cast<void>(text.substr(7)); },
      [&] { static_cast<void>(std::string_view(text).substr(7)); },
      [&] { static_cast<void>(numbers.at("none")); },
      [&] { static_cast<void>(list.at(3)); },
      [&] { static_cast<void>(std::stoi("many")); },
      [&] { static_cast<void>(std::stod("1e999")); },
      [&] { static_cast<void>(none.value()); },
      [&] { static_cast<void>(std::get<double>(either)); },
      [&] { static_cast<void>(std::vector<int>(list.max_size() + 1)); },
      [&] { std::function<void()>()(); },
      [&] { [[maybe_unused]] const Json parsed = Json::parse("[}"); },
      [&] { static_cast<void>(json.at("b")); },
      [&] { static_cast<void>(json.at("a").get<std::string>()); },
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto [message, code] = said(calls[i]);
    EXPECT_EQ(code, ExitCode::failure) << i;
    EXPECT_THAT(message, AllOf(HasSubstr("reason:"), HasSubstr("defect of unpact"))) << i;
    for (const auto* raw :
         {"basic_string", "::", "__", "sto", "bad_", "bad optional", "json.exception", "vector", "variant"})
      EXPECT_THAT(message, Not(HasSubstr(raw))) << i;
  }
}

TEST(PlainWords, FilesAreNamedWithTheSystemsReason) {
  const testing_support::TemporaryFolder folder;
  const auto file = folder.write("file", "text");
  const auto [name, name_code] = said([&] { static_cast<void>(fs::exists(fs::path(std::string(5000, 'x')))); });
  EXPECT_THAT(name, AllOf(HasSubstr("cannot use xxx"), HasSubstr("too long"), Not(HasSubstr("filesystem error"))));
  EXPECT_EQ(name_code, ExitCode::user_error);
  const auto [size, size_code] = said([&] { static_cast<void>(fs::file_size(folder.path() / "none")); });
  EXPECT_THAT(size, AllOf(HasSubstr("none"), HasSubstr("No such file"), Not(HasSubstr("cannot get file size"))));
  EXPECT_EQ(size_code, ExitCode::user_error);
  const auto [entries, entries_code] = said([&] { fs::directory_iterator all(file); });
  EXPECT_THAT(entries, AllOf(HasSubstr(file.string()), HasSubstr("Not a directory")));
  EXPECT_EQ(entries_code, ExitCode::user_error);
}

TEST(PlainWords, MemoryAndLibTorchSayWhatToDo) {
  EXPECT_THAT(said([] { throw std::bad_alloc(); }).first, AllOf(HasSubstr("memory is exhausted"), HasSubstr("more ranks")));
  const auto torch = said([] { at::ones({2}) + at::ones({3}); }).first;
  EXPECT_THAT(torch, AllOf(HasSubstr("size of tensor"), Not(HasSubstr("frame #"))));
}

TEST(PlainWords, OurOwnErrorsStayAsTheyAre) {
  const UserError user("a", "b", "c");
  EXPECT_EQ(message_for_user(user), user.what());
  EXPECT_EQ(in_plain_words(user).code, ExitCode::user_error);
  EXPECT_EQ(in_plain_words(StoppedAtCheckpoint("a", "b", "c")).code, ExitCode::requeue);
  const auto [contract, code] = said([] { UNPACT_EXPECT(1 > 2); });
  EXPECT_THAT(contract, HasSubstr("broken precondition: 1 > 2"));
  EXPECT_EQ(code, ExitCode::failure);
}

TEST(PlainWords, StandInWhatOtherRanksAreTold) {
  EXPECT_THAT(one_line(std::out_of_range("basic_string::substr")), Not(HasSubstr("basic_string")));
}

}  // namespace
}  // namespace unpact
