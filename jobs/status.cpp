#include <chrono>
#include <iostream>
#include <thread>

#include "jobs/job_table.hpp"
#include "unpact/campaign/campaign_status.hpp"
#include "unpact/core/log.hpp"

namespace unpact {

ExitCode run_status(const Configuration& c) {
  const auto& options = c.status;
  UNPACT_VALIDATE(!options.path.empty(), "no folder was given", "status says how one campaign stands", "unpact status DIR");
  if (options.json) log::keep_stdout_for_data();
  StatusReader reader(options.path);
  while (true) {
    const auto status = reader.read();
    if (options.json) std::cout << status.json().dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    else std::cout << status.text() << std::endl;
    if (options.watch <= 0 || status.is_settled() || !std::cout)
      return status.problems.empty() ? ExitCode::done : ExitCode::failure;
    std::this_thread::sleep_for(std::chrono::duration<double>(options.watch));
  }
}

}  // namespace unpact
