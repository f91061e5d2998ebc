#include "unpact/comm/plain_words.hpp"

#include <c10/util/Exception.h>

#include <cerrno>
#include <filesystem>
#include <new>
#include <system_error>
#include <typeinfo>

#include "unpact/core/json.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kReport = "this is a defect of unpact; please report it with the command that led here";

/// What somebody wrote wrong, as opposed to a disk that fails.
bool is_users_mistake(const std::error_code& code) {
  for (const auto kind : {std::errc::no_such_file_or_directory, std::errc::not_a_directory, std::errc::is_a_directory,
                          std::errc::permission_denied, std::errc::filename_too_long,
                          std::errc::too_many_symbolic_link_levels, std::errc::invalid_argument})
    if (code == kind) return true;
  return false;
}

PlainError of_file_system(const fs::filesystem_error& error) {
  const auto where = error.path1().empty() ? std::string("a file") : shortened(error.path1().string(), 400);
  const bool mistake = is_users_mistake(error.code());
  return {concat("cannot use ", where), error.code().message(),
          error.code() == std::errc::no_space_on_device ? "free some space on that disk and start again"
                                                        : "check the path, the disk and the permissions",
          mistake ? ExitCode::user_error : ExitCode::failure};
}

/// The first lines, without the stack that LibTorch appends.
PlainError of_torch(const c10::Error& error) {
  const auto text = trim(error.what_without_backtrace());
  return {"LibTorch has refused a computation", shortened(text, 600), "check the memory and the device of this rank"};
}

/// @param kind for a person who reports it.
PlainError of_defect(const std::exception& error, const char* kind) {
  log::detail(concat("an exception that nobody expects (", kind, "): ", error.what()));
  return {"unpact met a case that it does not handle", concat(kind, "; the log file of this rank has the details"), kReport};
}

}  // namespace

PlainError in_plain_words(const std::exception& error) {
  if (const auto* ours = dynamic_cast<const Error*>(&error))
    return {ours->problem(), ours->reason(), ours->hint(), exit_code_of(error)};
  if (const auto* contract = dynamic_cast<const ContractViolation*>(&error)) return {contract->what(), "", ""};
  if (const auto* files = dynamic_cast<const fs::filesystem_error*>(&error)) return of_file_system(*files);
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr)
    return {"the memory is exhausted", "the system gives this rank no more",
            "use more ranks or nodes, smaller batches, or a shorter input"};
  if (const auto* torch = dynamic_cast<const c10::Error*>(&error)) return of_torch(*torch);
  if (const auto* system = dynamic_cast<const std::system_error*>(&error))
    return {"the operating system has refused a call", system->code().message(),
            "check the limits of this machine (ulimit)"};
  if (dynamic_cast<const Json::exception*>(&error) != nullptr)
    return of_defect(error, "a JSON value that is not of the kind that was expected");
  if (dynamic_cast<const std::logic_error*>(&error) != nullptr) return of_defect(error, "a value out of its range");
  if (typeid(error) == typeid(std::runtime_error))
    return {shortened(error.what(), 600), "", kReport};  // a library's own words
  return of_defect(error, "a failure inside of a library");
}

std::string message_for_user(const std::exception& error) {
  if (dynamic_cast<const Error*>(&error) != nullptr || dynamic_cast<const ContractViolation*>(&error) != nullptr)
    return error.what();
  const auto plain = in_plain_words(error);
  return RuntimeFailure(plain.problem, plain.reason, plain.hint).what();
}

}  // namespace unpact
