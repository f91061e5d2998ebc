#pragma once
/// The makers that judge_table.cpp lists; each stands in its judge's file.
#include <memory>

#include "unpact/evaluation/judge.hpp"

namespace unpact {

std::unique_ptr<const Judge> make_rouge_l_recall(const JudgeOptions& options);
std::unique_ptr<const Judge> make_rouge_l_f1(const JudgeOptions& options);
std::unique_ptr<const Judge> make_rouge_l_recall_unicode(const JudgeOptions& options);
std::unique_ptr<const Judge> make_rouge_l_f1_unicode(const JudgeOptions& options);
std::unique_ptr<const Judge> make_exact_match(const JudgeOptions& options);
std::unique_ptr<const Judge> make_contains_entity(const JudgeOptions& options);
std::unique_ptr<const Judge> make_relative_likelihood(const JudgeOptions& options);
std::unique_ptr<const Judge> make_local_model(const JudgeOptions& options);
std::unique_ptr<const Judge> make_style(const JudgeOptions& options);
std::unique_ptr<const Judge> make_external(const JudgeOptions& options);
std::unique_ptr<const Judge> make_choice(const JudgeOptions& options);

}  // namespace unpact
