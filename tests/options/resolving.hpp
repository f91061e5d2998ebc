#pragma once
/// For tests: configurations as command lines give them, and what is said when they are refused.
#include <string>
#include <vector>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact::testing_support {

inline Configuration resolve(const std::vector<std::string>& arguments, const std::string& job = "finetune",
                             const std::vector<std::string>& forced = {}) {
  return CommandLine(job, arguments).resolve(forced);
}

inline std::string refusal(const std::vector<std::string>& arguments, const std::string& job = "finetune") {
  return message_of<UserError>([&] { resolve(arguments, job); });
}

}  // namespace unpact::testing_support
