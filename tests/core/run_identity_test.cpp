#include "unpact/core/run_identity.hpp"

#include <gmock/gmock.h>
#include <stdlib.h>

namespace unpact {
namespace {

class Identity : public testing::Test {
 protected:
  void TearDown() override {
    for (const auto& name : set_) ::unsetenv(name.c_str());
  }
  void set(const std::string& name, const std::string& value) {
    ::setenv(name.c_str(), value.c_str(), 1);
    set_.push_back(name);
  }
  std::vector<std::string> set_;
};

TEST_F(Identity, NamesJobTaskAndStart) {
  EXPECT_EQ(run_identity().describe(), "host " + run_identity().host);
  set("SLURM_JOB_ID", "4711");
  set("SLURM_ARRAY_JOB_ID", "4700");
  set("SLURM_ARRAY_TASK_ID", "3");
  set("SLURM_PROCID", "2");
  set("SLURM_RESTART_COUNT", "1");
  auto identity = run_identity();
  identity.host = "n1";
  EXPECT_EQ(identity.describe(), "host n1, job 4711, array task 4700_3, task 2, started again 1 time(s)");
}

TEST_F(Identity, RecordsHowItWasStartedButNoSecrets) {
  set("SLURM_JOB_NODELIST", "n[1-2]");
  set("NCCL_DEBUG", std::string(5000, 'x'));
  set("OMPI_MCA_btl", "self,tcp");
  set("UCX_TLS", "tcp");
  set("SLURM_JWT", "secret");
  set("OMPI_MCA_orte_precondition_transports", "secret");
  set("NCCL_MY_TOKEN", "secret");
  set("AWS_SECRET_ACCESS_KEY", "secret");
  set("UNPACT_ENDPOINT_KEY", "sesame-17");
  set("OMPI_ARGV", "UNPACT_ENDPOINT_KEY=sesame-17 unpact ask");
  const auto found = launch_environment();
  EXPECT_EQ(found.at("OMPI_ARGV"), "UNPACT_ENDPOINT_KEY=(hidden) unpact ask");
  EXPECT_EQ(found.at("SLURM_JOB_NODELIST"), "n[1-2]");
  EXPECT_EQ(found.at("OMPI_MCA_btl"), "self,tcp");
  EXPECT_EQ(found.at("UCX_TLS"), "tcp");
  EXPECT_LT(found.at("NCCL_DEBUG").size(), 210u);
  for (const auto& [name, value] : found) EXPECT_NE(value, "secret") << name;
}

TEST_F(Identity, TakesLittleRoom) {
  for (int i = 0; i < 500; ++i) set("SLURM_TEST_" + std::to_string(i), std::string(150, 'x'));
  std::size_t bytes = 0;
  for (const auto& [name, value] : launch_environment()) bytes += name.size() + value.size();
  EXPECT_LT(bytes, std::size_t{1} << 14);
}

TEST_F(Identity, KnowsTheTasksOfItsStep) {
  EXPECT_EQ(tasks_of_step(), 0);
  set("SLURM_STEP_NUM_TASKS", "4");
  EXPECT_EQ(tasks_of_step(), 4);
}

}  // namespace
}  // namespace unpact
