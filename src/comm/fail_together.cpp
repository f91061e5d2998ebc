#include "unpact/comm/fail_together.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/comm/plain_words.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {
namespace {

/// Every rank's text, in rank order; nothing when all are empty.
using Gather = std::function<std::vector<std::string>(const std::string&)>;

enum class Kind : std::uint8_t { failure, user_error, stopped };

std::string description_of(const Error& error) {
  const auto kind = dynamic_cast<const StoppedAtCheckpoint*>(&error) != nullptr ? Kind::stopped
                    : dynamic_cast<const UserError*>(&error) != nullptr         ? Kind::user_error
                                                                                : Kind::failure;
  const Json text = {static_cast<int>(kind), error.problem(), error.reason(), error.hint()};
  return text.dump(-1, ' ', true, Json::error_handler_t::replace);
}

Kind kind_of(const std::string& description) { return static_cast<Kind>(Json::parse(description)[0].get<int>()); }

[[noreturn]] void throw_for_peer(std::size_t rank, const std::string& description, Telling telling) {
  const Json text = Json::parse(description);
  const auto kind = kind_of(description);
  const bool names_rank = telling == Telling::rank_and_error && kind != Kind::stopped;
  const auto front = names_rank ? concat("rank ", rank, " of the group failed: ") : std::string();
  const auto problem = front + text[1].get<std::string>(), reason = text[2].get<std::string>(),
             hint = text[3].get<std::string>();
  if (kind == Kind::stopped) throw StoppedAtCheckpoint(problem, reason, hint);
  if (kind == Kind::user_error) throw UserError(problem, reason, hint);
  throw RuntimeFailure(problem, reason, hint);
}

/// Runs the step. @return what it threw, as an Error.
std::exception_ptr run(int rank, const std::function<void()>& step, std::string& description) {
  try {
    step();
    return nullptr;
  } catch (const Error& error) {
    description = description_of(error);
    return std::current_exception();
  } catch (const std::exception& error) {
    const RuntimeFailure failure(one_line(error), concat("on rank ", rank), "");
    description = description_of(failure);
    return std::make_exception_ptr(failure);
  }
}

void run_together(int rank, const std::function<void()>& step, Telling telling, const Gather& gather) {
  std::string description;
  const auto own = run(rank, step, description);
  const auto all = gather(description);
  // A failure anywhere is one everywhere, also on a rank that only stopped.
  const auto failed = [](const std::string& other) { return !other.empty() && kind_of(other) != Kind::stopped; };
  const bool any_failed = std::any_of(all.begin(), all.end(), failed);
  if (own && (!any_failed || failed(description))) std::rethrow_exception(own);
  for (std::size_t r = 0; r < all.size(); ++r)
    if (any_failed ? failed(all[r]) : !all[r].empty()) throw_for_peer(r, all[r], telling);
}

std::vector<std::string> gather_texts(Collectives& group, const c10::Device& device, const std::string& own) {
  const auto options = at::TensorOptions().dtype(at::kLong).device(device);
  auto lengths = at::empty({group.size()}, options);
  group.all_gather(lengths, at::full({1}, static_cast<std::int64_t>(own.size()), options));
  lengths = lengths.to(at::kCPU);
  const auto longest = lengths.max().item<std::int64_t>();
  if (longest == 0) return {};
  auto mine = at::zeros({longest}, at::kLong);
  for (std::size_t i = 0; i < own.size(); ++i) mine[static_cast<std::int64_t>(i)] = own[i];
  auto all = at::empty({group.size() * longest}, options);
  group.all_gather(all, mine.to(device));
  all = all.to(at::kCPU);
  std::vector<std::string> texts;
  for (int rank = 0; rank < group.size(); ++rank) {
    const auto* first = all.const_data_ptr<std::int64_t>() + rank * longest;
    texts.emplace_back(first, first + lengths[rank].item<std::int64_t>());
  }
  return texts;
}

}  // namespace

std::string one_line(const std::exception& error) {
  const auto plain = in_plain_words(error);
  return plain.reason.empty() ? plain.problem : concat(plain.problem, ": ", plain.reason);
}

void fail_together(const Communicator& group, const std::function<void()>& step, Telling telling) {
  if (group.size() == 1) return step();
  run_together(group.rank(), step, telling, [&](const std::string& own) {
    const bool all_well = group.max(static_cast<std::int64_t>(!own.empty())) == 0;
    return all_well ? std::vector<std::string>() : group.all_gather(own);
  });
}

void fail_together(Collectives& group, const c10::Device& device, const std::function<void()>& step, Telling telling) {
  if (group.size() == 1) return step();
  run_together(group.rank(), step, telling, [&](const std::string& own) { return gather_texts(group, device, own); });
}

void on_root(const Communicator& group, const std::function<void()>& step) {
  fail_together(
      group,
      [&] {
        if (group.is_root()) step();
      },
      Telling::error_alone);
}

}  // namespace unpact
