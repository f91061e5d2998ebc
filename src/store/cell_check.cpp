#include "cell_check.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "unpact/core/text.hpp"

namespace unpact {
namespace {

/// Remembers the first rule that is broken.
class Findings {
 public:
  explicit Findings(std::size_t questions) : questions_(questions) {}
  const std::string& first() const { return first_; }

  void require(bool holds, const std::string& finding) {
    if (!holds && first_.empty()) first_ = finding;
  }
  void length(const std::string& name, std::size_t actual, std::size_t wanted) {
    require(actual == wanted, concat(name, " has ", actual, " values instead of ", wanted));
  }
  void per_question(const std::string& name, std::size_t actual) { length(name, actual, questions_); }
  void below(const std::string& name, const std::vector<std::uint8_t>& values, std::uint8_t bound) {
    require(std::all_of(values.begin(), values.end(), [&](auto v) { return v < bound; }),
            concat(name, " has a flag that is not below ", int{bound}));
  }
  /// No rows at all stand for a question without data.
  template <class T>
  void ragged(const std::string& name, const Ragged<T>& data) {
    const auto& bounds = data.offsets;
    require(bounds.size() == 1 || bounds.size() == questions_ + 1,
            concat(name, " has ", bounds.size(), " offsets for ", questions_, " questions"));
    require(!bounds.empty() && bounds.front() == 0 && bounds.back() == data.values.size() &&
                std::is_sorted(bounds.begin(), bounds.end()),
            concat(name, " has offsets that do not fit its ", data.values.size(), " values"));
  }

 private:
  std::size_t questions_;
  std::string first_;
};

template <class T>
std::size_t row_size(const Ragged<T>& data, std::size_t row) {
  return row < data.rows() ? data.offsets[row + 1] - data.offsets[row] : 0;
}

void check_contributions(Findings& findings, const std::string& name, const ContributionRecord& c, std::size_t questions) {
  findings.ragged(name + "/answer_ids", c.answer_ids);
  findings.ragged(name + "/log_probabilities", c.log_probabilities);
  findings.ragged(name + "/contributions", c.contributions);
  findings.ragged(name + "/is_key_token", c.is_key_token);
  findings.ragged(name + "/standard_errors", c.standard_errors);
  findings.ragged(name + "/end_log_probabilities", c.end_log_probabilities);
  findings.ragged(name + "/key_token_uncertain", c.is_uncertain);
  findings.below(name + "/is_key_token", c.is_key_token.values, 2);
  findings.below(name + "/key_token_uncertain", c.is_uncertain.values, 2);
  for (const auto* numbers : {&c.mean_log_probability, &c.completeness_error, &c.surrogate_r2})
    findings.require(numbers->empty() || numbers->size() == questions,
                     concat(name, " has ", numbers->size(), " scores of ", questions, " answers"));
  if (!findings.first().empty()) return;
  for (std::size_t q = 0; q < questions; ++q) {
    const std::size_t entries = row_size(c.log_probabilities, q), candidates = row_size(c.contributions, q);
    findings.require(entries == 0 || entries == (candidates + 1) * row_size(c.answer_ids, q),
                     concat(name, "/log_probabilities has ", entries, " values for question ", q, " with ", candidates,
                            " candidates and ", row_size(c.answer_ids, q), " answer tokens"));
    findings.require(row_size(c.is_key_token, q) == candidates,
                     concat(name, "/is_key_token and contributions differ in length at question ", q));
    findings.require(c.is_uncertain.rows() == 0 || row_size(c.is_uncertain, q) == candidates,
                     concat(name, "/key_token_uncertain and contributions differ in length at question ", q));
    const std::size_t ends = row_size(c.end_log_probabilities, q);
    findings.require(
        ends == 0 || ends == candidates + 1,
        concat(name, "/end_log_probabilities has ", ends, " values for question ", q, " with ", candidates, " candidates"));
    const std::size_t errors = row_size(c.standard_errors, q);
    findings.require(errors == 0 || errors == candidates,
                     concat(name, "/standard_errors and contributions differ in length at question ", q));
  }
}

void check_questions(Findings& findings, const QuestionRecord& q) {
  findings.below("questions/split", q.split, 2);
  findings.require(std::is_sorted(q.split.begin(), q.split.end()), "the forget questions do not come first");
  findings.require(q.half.empty() || q.half.size() == q.split.size(), "questions/half has not one value a question");
  findings.below("questions/half", q.half, 3);
  findings.per_question("questions/text", q.question.size());
  findings.per_question("questions/gold_answer", q.gold_answer.size());
  findings.per_question("prompts/text", q.prompt.size());
  findings.ragged("prompts/token_ids", q.token_ids);
  findings.ragged("prompts/is_candidate", q.is_candidate);
  findings.below("prompts/is_candidate", q.is_candidate.values, 2);
  findings.require(q.is_candidate.offsets == q.token_ids.offsets, "prompts/is_candidate and token_ids differ in length");
  findings.length("prompts/pieces", q.pieces.size(), q.token_ids.values.size());
}

void check_thought(Findings& findings, const std::string& name, const ThoughtRecord& thought) {
  if (thought.trace.empty()) return;
  findings.per_question(name + "/trace", thought.trace.size());
  findings.per_question(name + "/forced", thought.forced.size());
  findings.per_question(name + "/score", thought.score.size());
  findings.per_question(name + "/is_right", thought.is_right.size());
  findings.below(name + "/forced", thought.forced, 2);
  findings.below(name + "/is_right", thought.is_right, 2);
  for (const auto& [answer, c] : {std::pair("/gold", &thought.gold), std::pair("/own", &thought.own)}) {
    findings.ragged(name + answer + "/token_ids", c->token_ids);
    findings.ragged(name + answer + "/log_probabilities", c->log_probabilities);
    findings.ragged(name + answer + "/contributions", c->contributions);
    findings.require(c->contributions.offsets == c->token_ids.offsets,
                     concat(name, answer, "/contributions and token_ids differ in length"));
    findings.per_question(name + answer + "/trace_share", c->trace_share.size());
  }
}

void check_model(Findings& findings, const std::string& name, const ModelRecord& model, std::size_t questions) {
  findings.per_question(name + "/answer", model.answer.size());
  findings.per_question(name + "/score", model.score.size());
  findings.per_question(name + "/is_right", model.is_right.size());
  findings.below(name + "/is_right", model.is_right, 2);
  check_contributions(findings, name + "/gold", model.gold, questions);
  check_contributions(findings, name + "/own", model.own, questions);
  check_thought(findings, name + "/thought", model.thought);
}

bool is_plain_name(const std::string& name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == std::string::npos;
}

void check_probe(Findings& findings, const ProbeRecord& probe, std::size_t questions) {
  const std::string name = "probes/" + probe.name;
  findings.require(is_plain_name(probe.name), concat("a probe has the name '", probe.name, "'"));
  findings.require(!probe.label.empty(), concat("the probe '", probe.name, "' has no label"));
  const std::size_t attempts = probe.question.size() * probe.attempt_labels.size();
  findings.length(name + "/answer", probe.answer.size(), attempts);
  findings.length(name + "/score", probe.score.size(), attempts);
  findings.length(name + "/is_right", probe.is_right.size(), attempts);
  findings.below(name + "/is_right", probe.is_right, 2);
  findings.require(probe.asked.empty() || probe.asked.size() == probe.question.size(),
                   concat(name, "/asked has not one value a probed question"));
  findings.below(name + "/asked", probe.asked, 3);
  findings.require(probe.trained.empty() || probe.trained.size() == probe.attempt_labels.size(),
                   concat(name, "/trained has not one value an attempt"));
  findings.below(name + "/trained", probe.trained, 2);
  findings.require(probe.tokens.empty() || probe.tokens.size() == attempts,
                   concat(name, "/tokens has not one value an attempt"));
  findings.require(probe.gold.empty() || probe.gold.size() == attempts, concat(name, "/gold has not one value an attempt"));
  const auto& told = probe.injection;
  for (const auto size :
       {probe.put.size(), told.has_gold.size(), told.gold_share.size(), told.new_words.size(), told.echo_right.size()})
    findings.require(size == 0 || size == attempts,
                     concat(name, " has ", size, " questions as they were put for ", attempts, " attempts"));
  findings.below(name + "/has_gold", told.has_gold, 2);
  findings.below(name + "/echo_right", told.echo_right, 2);
  for (const auto& verdicts : probe.judged) {
    findings.require(is_plain_name(verdicts.judge), concat(name, " has a judge with the name '", verdicts.judge, "'"));
    findings.length(concat(name, "/judges/", verdicts.judge, "/score"), verdicts.score.size(), attempts);
    findings.length(concat(name, "/judges/", verdicts.judge, "/is_right"), verdicts.is_right.size(), attempts);
    findings.below(concat(name, "/judges/", verdicts.judge, "/is_right"), verdicts.is_right, 2);
  }
  for (const auto question : probe.question)
    findings.require(question < questions, concat(name, " names question ", question, " of ", questions));
}

void check_judges(Findings& findings, const CellRecord& cell) {
  for (const auto& judge : cell.judges) {
    const std::string name = "judges/" + judge.name;
    findings.require(is_plain_name(judge.name), concat("a judge has the name '", judge.name, "'"));
    for (const auto* scores : {&judge.target_score, &judge.unlearned_score}) findings.per_question(name, scores->size());
    for (const auto* flags : {&judge.target_is_right, &judge.unlearned_is_right}) {
      findings.per_question(name, flags->size());
      findings.below(name, *flags, 2);
    }
  }
  for (const auto& row : cell.judge_check)
    findings.require(row.rejected <= row.right && row.accepted <= row.wrong,
                     concat("judge_check of ", row.judge, " counts more than there are"));
  for (const auto& arm : cell.arms) {
    findings.require(is_plain_name(arm.name), concat("an arm has the name '", arm.name, "'"));
    findings.per_question("arms/" + arm.name, arm.is_right.size());
    findings.below("arms/" + arm.name, arm.is_right, 2);
    for (const auto& probed : arm.probes) {
      findings.require(is_plain_name(probed.probe), concat("an arm has a probe with the name '", probed.probe, "'"));
      findings.per_question(concat("arms/", arm.name, "/", probed.probe), probed.state.size());
      findings.below(concat("arms/", arm.name, "/", probed.probe), probed.state, 3);
    }
  }
}

void check_verification(Findings& findings, const std::vector<VerificationRecord>& rows, std::size_t questions) {
  std::set<std::string> models;
  for (const auto& row : rows) {
    findings.require((row.model == "target" || row.model == "unlearned") && models.insert(row.model).second,
                     concat("verification names the model '", row.model, "' twice, or it is neither target nor unlearned"));
    findings.require(
        row.questions > 0 && row.questions <= questions && row.worst_question < questions && row.largest_difference >= 0,
        concat("verification of the ", row.model, " does not fit ", questions,
               " questions, or its difference is no number"));
    findings.require(row.turned <= row.candidates, concat("verification of the ", row.model, " has ", row.turned,
                                                          " turned verdicts on ", row.candidates, " candidates"));
  }
}

void check_metrics(Findings& findings, const MetricsRecord& metrics) {
  std::set<std::string> names;
  MetricSays says{};
  for (const auto& row : metrics.rows) {
    findings.require(is_plain_name(row.name) && names.insert(row.name).second,
                     concat("a metric has the name '", row.name, "', or two have"));
    findings.require(EnumReference(&says).assign(row.larger_says),
                     concat("a larger value of the metric ", row.name, " says '", row.larger_says, "'"));
  }
  for (const auto& [model, items] : {std::pair("target", &metrics.target_items), {"unlearned", &metrics.unlearned_items}}) {
    const auto& bounds = items->offsets;
    findings.require(bounds.size() == metrics.rows.size() + 1 && bounds.front() == 0 &&
                         bounds.back() == items->values.size() && std::is_sorted(bounds.begin(), bounds.end()),
                     concat("the bounds of the ", model, "'s items do not fit ", metrics.rows.size(), " metrics"));
  }
}

void check_curves(Findings& findings, const std::vector<CurvePoint>& curves) {
  for (const auto& point : curves) {
    findings.require(is_plain_name(point.probe) && is_plain_name(point.arm),
                     concat("a curve has the probe '", point.probe, "' and the arm '", point.arm, "'"));
    findings.require(
        point.step > 0 && point.right <= point.asked,
        concat("the curve of ", point.probe, " has ", point.right, " of ", point.asked, " right at step ", point.step));
  }
}

void check_trajectory(Findings& findings, const TrajectoryRecord& trajectory, std::size_t questions) {
  std::int64_t before = 0;
  for (const auto& point : trajectory.points) {
    findings.require(point.step > before, concat("the trajectory has step ", point.step, " behind ", before));
    before = point.step;
    findings.require(point.forget_right <= point.forget_asked && point.forgotten <= point.forget_known &&
                         point.retain_trained_right <= point.retain_trained_asked &&
                         point.retain_held_out_right <= point.retain_held_out_asked &&
                         point.destroyed_held_out <= point.held_out_known,
                     concat("the trajectory counts more than there are at step ", point.step));
  }
  const auto all = trajectory.points.size() * questions;
  for (const auto size :
       {trajectory.is_right.size(), trajectory.gold_log_probability.size(), trajectory.extraction_strength.size()})
    findings.length("trajectory: values of points", size, all);
  findings.below("trajectory/is_right", trajectory.is_right, 2);
  findings.require(trajectory.role.empty() || trajectory.role.size() == questions,
                   "trajectory/role has not one value a question");
  findings.below("trajectory/role", trajectory.role, 3);
}

void check_mix(Findings& findings, const MixRecord& mix) {
  for (const auto& point : mix.points)
    findings.require(point.share >= 0 && point.share <= 1 && point.retain_right <= point.retain_asked &&
                         point.forget_right <= point.forget_asked,
                     concat("the mixture with ", point.share, " of the target counts more than there is"));
  findings.require(mix.share >= 0 && mix.share <= 1, concat("mix has the share ", mix.share));
}

void check_depth(Findings& findings, const DepthRecord& depth, std::size_t questions) {
  findings.require(depth.blocks >= 0, "depth has a negative number of blocks");
  findings.length("depth/log_probability", depth.log_probability.size(), depth.question.size());
  for (const auto question : depth.question)
    findings.require(question < questions, concat("depth names question ", question, " of ", questions));
  const auto all = depth.question.size() * static_cast<std::size_t>(std::max<std::int64_t>(depth.blocks, 0));
  for (const auto* drops : {&depth.floor, &depth.unlearned})
    for (const auto* values : {&drops->answer, &drops->key_tokens, &drops->others})
      findings.require(values->empty() || values->size() == all, "depth has not one value a question and block");
}

}  // namespace

std::string inconsistency_of(const CellRecord& cell) {
  const std::size_t questions = cell.questions.split.size();
  Findings findings(questions);
  check_questions(findings, cell.questions);
  check_model(findings, "target", cell.target, questions);
  check_model(findings, "unlearned", cell.unlearned, questions);
  findings.per_question("outcome/class", cell.outcome.size());
  findings.below("outcome/class", cell.outcome, 5);
  const auto& left = cell.knowledge.state;
  findings.require(left.empty() || left.size() == questions, "knowledge/state has not one value a question");
  findings.below("knowledge/state", left, 5);
  findings.per_question("focus_shift/set_cosine", cell.focus_shift.set_cosine.size());
  findings.per_question("focus_shift/contribution_cosine", cell.focus_shift.contribution_cosine.size());
  check_judges(findings, cell);
  check_verification(findings, cell.verification, questions);
  check_metrics(findings, cell.metrics);
  check_curves(findings, cell.curves);
  check_depth(findings, cell.depth, questions);
  check_trajectory(findings, cell.trajectory, questions);
  check_mix(findings, cell.mix);
  const auto& dtype = cell.compute_dtype;
  findings.require(dtype == "fp32" || dtype == "tf32" || dtype == "bf16" || dtype == "fp16",
                   concat("compute_dtype is '", dtype, "'"));
  std::set<std::string> names;
  for (const auto& probe : cell.probes) {
    check_probe(findings, probe, questions);
    findings.require(names.insert(probe.name).second, concat("two probes have the name '", probe.name, "'"));
  }
  return findings.first();
}

}  // namespace unpact
