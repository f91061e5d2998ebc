#pragma once
/// The makers that probe_table.cpp lists; each stands in its probe's file.
#include <memory>

#include "unpact/evaluation/probe.hpp"

namespace unpact {

std::unique_ptr<const Probe> make_focus_on_key(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_no_focus(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_wrong_focus(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_probab(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_prefill(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_role_play(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_override(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_prompt_format(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_in_context(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_in_context_subject(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_distraction(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_cloze(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_self_correct(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_multi_turn(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_permute_choices(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_thinking_none(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_thinking_short(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_thinking_full(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_quantize(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_soft_prompt(const ProbeOptions& options, const GenerationOptions& generation);
std::unique_ptr<const Probe> make_logit_lens(const ProbeOptions& options, const GenerationOptions& generation);

/// The attempts of one name in probe.file.
std::unique_ptr<const Probe> make_file_probe(const std::string& name, const GenerationOptions& generation);
/// Of rows that do not run themselves: that of probe.file, and those whose maker is given elsewhere.
std::unique_ptr<const Probe> make_no_probe(const ProbeOptions& options, const GenerationOptions& generation);

}  // namespace unpact
