#pragma once
/// What a job has at hand: its ranks and its device.
#include <c10/core/Device.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "unpact/campaign/same_inputs.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/comm/collectives.hpp"
#include "unpact/comm/communicator.hpp"

namespace unpact {

class Session {
 public:
  /// Chooses the device and sets the number of threads. Collective over `world`, which must outlive the session.
  Session(const Communicator& world, const RunOptions& options);
  /// The same job for some of its ranks, who do something together that the others have no part in. Collective over `ranks`,
  /// which must outlive the session. Both know what either has loaded.
  Session(const Session& job, const Communicator& ranks);

  const Communicator& world() const { return world_; }
  const c10::Device& device() const { return device_; }
  bool is_root() const { return world_.is_root(); }
  /// One description a rank of the world.
  const std::vector<std::string>& devices() const { return devices_; }
  /// The models that this job has loaded.
  FirstLoads& loads() const { return *loads_; }
  /// Opens the log file of every rank below `folder`/logs and makes sure that `folder` can be written. Collective.
  void open_output(const std::string& folder) const;

 private:
  const Communicator& world_;
  c10::Device device_;
  std::vector<std::string> devices_;
  std::shared_ptr<FirstLoads> loads_ = std::make_shared<FirstLoads>();
};

/// Versions of the libraries that numbers depend on.
std::map<std::string, std::string> library_versions();

}  // namespace unpact
