#include "unpact/store/together.hpp"

#include <exception>

#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

std::string description_of(const std::exception& error) {
  Json text = Json::array({error.what(), "", ""});
  if (const auto* known = dynamic_cast<const Error*>(&error)) text = {known->problem(), known->reason(), known->hint()};
  return text.dump(-1, ' ', true, Json::error_handler_t::replace);
}

[[noreturn]] void throw_for_peer(int rank, const std::string& description) {
  const Json text = Json::parse(description);
  throw RuntimeFailure(concat("rank ", rank, " of the group failed: ", text[0].get<std::string>()),
                       text[1].get<std::string>(), text[2].get<std::string>());
}

}  // namespace

void all_or_none(const Communicator& group, const std::function<void()>& step) {
  if (group.size() == 1) return step();
  std::exception_ptr own;
  std::string description;
  try {
    step();
  } catch (const std::exception& error) {
    own = std::current_exception();
    description = description_of(error);
  }
  if (group.max(static_cast<std::int64_t>(own != nullptr)) == 0) return;
  const auto descriptions = group.all_gather(description);
  if (own) std::rethrow_exception(own);
  for (int rank = 0; rank < group.size(); ++rank)
    if (!descriptions[static_cast<std::size_t>(rank)].empty())
      throw_for_peer(rank, descriptions[static_cast<std::size_t>(rank)]);
}

}  // namespace unpact
