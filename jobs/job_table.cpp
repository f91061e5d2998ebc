#include "job_table.hpp"

#include <map>

unpact::Job unpact::job_named(const std::string& name) {
  static const std::map<std::string, Job> jobs = {
      {"finetune", finetune_job}, {"unlearn", unlearn_job}, {"attribute", attribute_job}, {"evaluate", evaluate_job},
      {"reproduce", reproduce_job}, {"collect", collect_job}, {"inspect", inspect_job}, {"ask", ask_job}};
  const auto it = jobs.find(name);
  UNPACT_EXPECT(it != jobs.end());
  return it->second;
}
