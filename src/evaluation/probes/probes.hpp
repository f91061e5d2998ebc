#pragma once
/// The makers that probe_table.cpp lists; each stands in its probe's file.
#include <memory>

#include "unpact/evaluation/probe.hpp"

namespace unpact {

std::unique_ptr<const Probe> make_focus_on_key(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_no_focus(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_wrong_focus(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_probab(const ProbeOptions& options, const GenerationOptions& generation);

}  // namespace unpact
