#include "claim_file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/process_identity.hpp"
#include "unpact/core/run_identity.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxClaimBytes = 1 << 16;
constexpr const char* kMark = ".claim.";

}  // namespace

std::string prefix_of(const std::string& name) { return name + kMark; }

fs::path file_of(const fs::path& folder, const std::string& name, std::int64_t generation) {
  return folder / concat(prefix_of(name), generation);
}

bool is_generation(const std::string& text, std::int64_t& generation) {
  const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), generation);
  return error == std::errc() && last == text.data() + text.size();
}

std::string text_of(const ClaimHolder& h) {
  return Json({{"host", h.host},
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
             .dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

std::optional<ClaimHolder> read_claim(const fs::path& file, std::int64_t generation) {
  try {
    const auto where = file.string();
    const auto json = parse_json(read_file(file, kMaxClaimBytes), where, 4);
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
    return std::nullopt;  // gone meanwhile, or not written to its end yet
  }
}

bool is_dead(const ClaimHolder& holder) {
  const auto own = run_identity();
  if (!own.job.empty() && own.job == holder.job && own.restart > holder.restart) return true;
  return is_process_dead(holder.host, holder.pid, holder.process);
}

std::vector<FoundClaim> list_claims(const fs::path& folder) {
  std::map<std::string, std::int64_t> newest;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    const auto file = entry->path().filename().string();
    const auto mark = file.rfind(kMark);
    std::int64_t generation = 0;
    if (mark == std::string::npos || !is_generation(file.substr(mark + std::string_view(kMark).size()), generation))
      continue;
    auto& best = newest[file.substr(0, mark)];
    best = std::max(best, generation);
  }
  std::vector<FoundClaim> found;
  for (const auto& [name, generation] : newest) {
    FoundClaim claim{name, file_of(folder, name, generation), {}, 0};
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
