#include <filesystem>

#include "jobs/job_table.hpp"
#include "unpact/campaign/job_claims.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/data/load_dataset.hpp"

namespace unpact {
namespace fs = std::filesystem;

ExitCode run_finetune(const Communicator& world, const CommandLine&, const Configuration& given) {
  auto c = given;
  const Session session(world, c.run);
  c.train.dtype = effective_dtype(c.train, session.device());
  check_training_device(c.train, session.device());
  session.open_output(c.run.output);
  const OutputClaim claim(world, c.run.output, "finetune", c.campaign);
  UNPACT_VALIDATE(c.train.lora_result == LoraResult::merged || !c.model.path.empty(),
                  "option 'train.lora_result' is 'adapter', but there is no model for an adapter to belong to",
                  "model.path is empty: random weights train themselves", "give --model DIR");
  const auto folder = fs::path(c.run.output) / result_folder(c);
  finetune_into(session, c, load_dataset(c.dataset), folder);
  log::info(concat("The fine-tuned ", result_folder(c), " is in ", folder.string()));
  return ExitCode::done;
}

}  // namespace unpact
