#include "jobs/plan_campaign.hpp"

#include <iostream>

#include "unpact/campaign/campaign_cost.hpp"
#include "unpact/campaign/check_plan.hpp"
#include "unpact/campaign/plan.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/core/log.hpp"

namespace unpact {

ExitCode plan_campaign(const Communicator& world, const CommandLine& line, const Configuration& c) {
  if (c.plan.json) log::keep_stdout_for_data();
  const auto capability = planned_capability(c, world.size());
  auto run = c.run;
  if (capability) run.device = DeviceChoice::cpu;  // this machine need not have any
  auto plan = make_plan(line, c.campaign);
  const Session session(world, run);
  if (capability) {
    check_training_device(c.train, c10::Device(c10::kCUDA, 0), *capability);
  } else {
    check_training_device(c.train, session.device());
    check_model_dtype(c.model.dtype, session.device());
  }
  const auto summary = check_plan(session, static_cast<int>(c.campaign.ranks_per_cell), plan,
                                  {.weights_may_miss = true, .planned_capability = capability});
  const auto cost = cost_of_campaign(c, plan, world.size());
  if (world.is_root()) {
    log::info(concat(summary.text(), "\n", cost.text()));  // beside JSON: to standard error
    if (c.plan.json) std::cout << cost.json().dump(1, ' ', false, Json::error_handler_t::replace) << "\n";
  }
  cost.refuse_misfits();
  return ExitCode::done;
}

}  // namespace unpact
