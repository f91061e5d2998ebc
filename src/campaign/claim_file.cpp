#include "claim_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "claims_folder.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/process_identity.hpp"
#include "unpact/core/run_identity.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxClaimBytes = 1 << 16;
constexpr std::size_t kTextBytes = 1024;

}  // namespace

ClaimHolder this_process() {
  const auto self = run_identity();
  ClaimHolder holder;
  holder.host = self.host;
  holder.job = self.job;
  holder.task = self.array_task.empty() ? self.task : concat(self.array_task, ".", self.task);
  holder.restart = self.restart;
  holder.pid = static_cast<std::int64_t>(::getpid());
  holder.process = identity_of_process(holder.pid);
  return holder;
}

std::string text_of(const ClaimHolder& h) {
  auto text = Json({{"host", h.host},
                    {"job", h.job},
                    {"task", h.task},
                    {"restart", h.restart},
                    {"run", h.run},
                    {"pid", h.pid},
                    {"process", h.process},
                    {"started", h.started},
                    {"beat", h.beat},
                    {"rank", h.rank},
                    {"ranks", h.ranks},
                    {"held_seconds", h.held_seconds},
                    {"stale_seconds", h.stale_seconds},
                    {"doing", h.doing.what},
                    {"unit", h.doing.unit},
                    {"step", h.doing.step},
                    {"steps", h.doing.steps},
                    {"step_seconds", h.doing.step_seconds}})
                  .dump(-1, ' ', false, Json::error_handler_t::replace);
  text.resize(std::max(text.size() + 1, kTextBytes) - 1, ' ');
  return text + "\n";
}

std::optional<ClaimHolder> parse_claim(const std::string& text, std::int64_t generation, const std::string& where) {
  try {
    const auto json = parse_json(text, where, 4);
    return ClaimHolder{
        require_string(json, "host", where),
        require_string(json, "job", where),
        string_or(json, "task", "", where),
        integer_or(json, "restart", 0, where),
        string_or(json, "run", "", where),
        require_integer(json, "pid", where),
        require_string(json, "process", where),
        require_string(json, "started", where),
        generation,
        require_integer(json, "beat", where),
        integer_or(json, "rank", 0, where),
        integer_or(json, "ranks", 1, where),
        number_or(json, "held_seconds", 0, where),
        number_or(json, "stale_seconds", 0, where),
        {string_or(json, "doing", "", where), string_or(json, "unit", "", where), integer_or(json, "step", 0, where),
         integer_or(json, "steps", 0, where), number_or(json, "step_seconds", 0, where)}};
  } catch (const UserError&) {
    return std::nullopt;
  }
}

std::optional<ClaimHolder> read_claim(const fs::path& file, std::int64_t generation) {
  try {
    return parse_claim(read_file(file, kMaxClaimBytes), generation, file.string());
  } catch (const UserError&) {
    return std::nullopt;  // gone meanwhile
  }
}

std::string taking_of(const ClaimHolder& h) {
  return concat(h.host, " ", h.pid, " ", h.process, " ", h.run, " ", h.started);
}

bool is_dead(const ClaimHolder& holder, const ClaimHolder& own) {
  if (!own.job.empty() && own.job == holder.job && own.restart > holder.restart) return true;
  return is_process_dead(holder.host, holder.pid, holder.process);
}

bool is_dead(const ClaimHolder& holder) { return is_dead(holder, this_process()); }

std::vector<FoundClaim> list_claims(const fs::path& folder) {
  std::vector<FoundClaim> found;
  ClaimsListing listing;
  try {
    listing = list_claims_folder(folder);
  } catch (const RuntimeFailure&) {
    return found;
  }
  for (const auto& [name, generations] : listing.generations) {
    const auto generation = generations.back();
    FoundClaim claim{name, claim_file(folder, name, generation), {}, 0};
    struct stat info {};
    if (::stat(claim.file.c_str(), &info) != 0) continue;  // given back meanwhile
    try {
      claim.holder = read_claim(claim.file, generation);
    } catch (const RuntimeFailure&) {
      // It is there but cannot be read now.
    }
    claim.silent_seconds = std::difftime(std::time(nullptr), info.st_mtime);
    found.push_back(std::move(claim));
  }
  return found;
}

}  // namespace unpact
