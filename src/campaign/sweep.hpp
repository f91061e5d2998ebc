#pragma once
/// campaign.sweep: one method at several strengths, a cell each.
#include <string>
#include <vector>

#include "unpact/options/configuration.hpp"

namespace unpact {

/// One value a key: what makes a cell another one than its method's.
struct SweepPoint {
  std::vector<std::string> settings = {};  ///< KEY=VALUE, as CommandLine::resolve() takes them
  std::string name = {};                   ///< behind the method's: "-retain_weight-4-clip-terms"; empty: no sweep
};

/// The product of all keys' values, the first key slowest; one point without settings where nothing is swept. The method's own
/// list (method.sweep) counts where it has one.
/// @throws UserError naming list and key: a key that there is not, that comes twice (also as method.epochs beside
/// unlearn.epochs), or that the target, the data or questions to a model depend on; a value of another type, one that comes
/// twice, or that no file's name can hold.
std::vector<SweepPoint> sweep_points(const CampaignOptions& campaign);

/// @throws UserError where the method has no use for a swept key: its cells would all be the same.
void require_use_of_sweep(const SweepPoint& point, const MethodOptions& method);

}  // namespace unpact
