#pragma once
#include <vector>

#include "unpact/campaign/session.hpp"
#include "unpact/model/language_model.hpp"

namespace unpact {

/// The target, and the unlearned model beside it where one is given, in the same dtype. Collective over the session's world.
std::vector<LanguageModel> models_to_ask(const Session& session, const Configuration& c);

}  // namespace unpact
