#include "unpact/campaign/judge_model.hpp"

#include "unpact/campaign/mapped_models.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/train/memory_plan.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

bool judges_itself(const Configuration& c) {
  for (const auto* row : judge_rows(c.judge))
    if (row->asks_judge && c.judge.model.empty()) return true;
  return false;
}

void require_a_model(const fs::path& folder) {
  std::error_code code;
  UNPACT_VALIDATE(fs::exists(folder / "config.json", code), concat("there is no model in ", folder.string()),
                  "judge.model is to be a folder with config.json, weights and tokenizer",
                  "give one that can say yes or no; without judge.model the model that answers judges itself");
}

/// Fills in judge.passages_checksum, unless it is given.
void pin_passages(const Communicator& world, Configuration& c) {
  if (c.judge.passages.empty()) return;
  std::string checksum;
  on_root(world, [&] {
    checksum = sha256_of_file(c.judge.passages);
    UNPACT_VALIDATE(c.judge.passages_checksum.empty() || c.judge.passages_checksum == checksum,
                    concat(c.judge.passages, " has another content than judge.passages_checksum says"),
                    concat("it is ", checksum, ", not ", c.judge.passages_checksum), "find the file that was meant");
  });
  c.judge.passages_checksum = world.broadcast(checksum, 0);
}

}  // namespace

void check_judge_model(const Configuration& c) {
  const bool has_own = asks_own_model(c.judge);
  if (!has_own && !judges_itself(c)) return;
  if (has_own) require_a_model(c.judge.model);
  const auto& known = has_own ? c.judge.model : c.model.path.empty() ? c.model.tokenizer : c.model.path;
  if (!known.empty()) check_verdicts(c.judge, *load_tokenizer(known));  // else it is trained with the target
}

void pin_judge_model(const Communicator& world, Configuration& c) {
  pin_passages(world, c);
  std::string checksum;
  on_root(world, [&] {
    check_judge_model(c);
    if (!asks_own_model(c.judge)) return;
    const fs::path folder = c.judge.model;
    checksum = sha256_of_bytes(weights_checksum(folder) + config_checksum(read_model_config(folder)));
    UNPACT_VALIDATE(c.judge.model_checksum.empty() || c.judge.model_checksum == checksum,
                    concat("the model in ", folder.string(), " is not the one that judge.model_checksum means"),
                    concat("it is ", checksum, ", not ", c.judge.model_checksum), "find the model that was meant");
  });
  checksum = world.broadcast(checksum, 0);
  if (!checksum.empty()) c.judge.model_checksum = checksum;
}

std::optional<LanguageModel> map_judge(const Session& session, const Configuration& c) {
  if (!asks_own_model(c.judge)) return std::nullopt;
  return map_alike(session, c, c.judge.model);
}

EvaluationOptions open_judge(const Session& session, const Communicator& group, const Configuration& c,
                             const std::optional<LanguageModel>& mapped) {
  auto options = c.evaluation_options();
  if (!mapped) return options;
  log::info(concat("The judge local_model asks the model in ", mapped->folder.string()));
  options.judge.asked = std::make_shared<const LanguageModel>(
      open_to_answer(session, group, c, *mapped, answering_dtype(session, c, *mapped)));
  return options;
}

double judge_bytes(const Configuration& c, double bytes, std::int64_t tokens, int shards) {
  if (!asks_own_model(c.judge)) return 0;
  return scoring_bytes(read_model_config(c.judge.model), bytes, tokens, shards);
}

}  // namespace unpact
