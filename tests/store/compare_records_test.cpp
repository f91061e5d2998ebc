/// Comparing records and files, and the test of that comparison.
#include <cstring>

#include "store/cell_support.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/text.hpp"

namespace unpact::test {
namespace {

/// Bitwise, so that NaN equals NaN and -0 differs from 0.
template <class T>
void expect_same(const char* what, const std::vector<T>& a, const std::vector<T>& b) {
  ASSERT_EQ(a.size(), b.size()) << what;
  if constexpr (std::is_arithmetic_v<T>)
    EXPECT_TRUE(a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0) << what;
  else EXPECT_EQ(a, b) << what;
}

/// No rows are the same as empty rows.
template <class T>
void expect_same(const char* what, const Ragged<T>& a, const Ragged<T>& b) {
  expect_same(what, a.values, b.values);
  if (a.rows() == b.rows()) return expect_same(what, a.offsets, b.offsets);
  EXPECT_TRUE(a.values.empty() && (a.rows() == 0 || b.rows() == 0)) << what;
}

void expect_same(const char* what, const ContributionRecord& a, const ContributionRecord& b) {
  expect_same(what, a.answer_ids, b.answer_ids);
  expect_same(what, a.log_probabilities, b.log_probabilities);
  expect_same(what, a.end_log_probabilities, b.end_log_probabilities);
  expect_same(what, a.contributions, b.contributions);
  expect_same(what, a.is_key_token, b.is_key_token);
  expect_same(what, a.standard_errors, b.standard_errors);
  expect_same(what, a.is_uncertain, b.is_uncertain);
  expect_same(what, a.mean_log_probability, b.mean_log_probability);
  expect_same(what, a.completeness_error, b.completeness_error);
  expect_same(what, a.surrogate_r2, b.surrogate_r2);
}

void expect_same(const char* what, const TraceContributions& a, const TraceContributions& b) {
  expect_same(what, a.token_ids, b.token_ids);
  expect_same(what, a.log_probabilities, b.log_probabilities);
  expect_same(what, a.contributions, b.contributions);
  expect_same(what, a.trace_share, b.trace_share);
}

void expect_same(const char* what, const ModelRecord& a, const ModelRecord& b) {
  expect_same(what, a.answer, b.answer);
  expect_same(what, a.score, b.score);
  expect_same(what, a.is_right, b.is_right);
  expect_same(what, a.gold, b.gold);
  expect_same(what, a.own, b.own);
  expect_same(what, a.thought.trace, b.thought.trace);
  expect_same(what, a.thought.forced, b.thought.forced);
  expect_same(what, a.thought.score, b.thought.score);
  expect_same(what, a.thought.is_right, b.thought.is_right);
  expect_same(what, a.thought.gold, b.thought.gold);
  expect_same(what, a.thought.own, b.thought.own);
}

void expect_same(const QuestionRecord& a, const QuestionRecord& b) {
  expect_same("split", a.split, b.split);
  expect_same("half", a.half, b.half);
  expect_same("question", a.question, b.question);
  expect_same("gold_answer", a.gold_answer, b.gold_answer);
  expect_same("prompt", a.prompt, b.prompt);
  expect_same("token_ids", a.token_ids, b.token_ids);
  expect_same("is_candidate", a.is_candidate, b.is_candidate);
  expect_same("pieces", a.pieces, b.pieces);
}

void expect_same(const ProbeRecord& a, const ProbeRecord& b) {
  EXPECT_EQ(std::tie(a.name, a.label, a.kind), std::tie(b.name, b.label, b.kind));
  expect_same("attempt_labels", a.attempt_labels, b.attempt_labels);
  expect_same("probe question", a.question, b.question);
  expect_same("probe asked", a.asked, b.asked);
  expect_same("probe trained", a.trained, b.trained);
  expect_same("probe answer", a.answer, b.answer);
  expect_same("probe score", a.score, b.score);
  expect_same("probe is_right", a.is_right, b.is_right);
}

void expect_same(const Provenance& a, const Provenance& b) {
  EXPECT_EQ(a.started, b.started);
  EXPECT_EQ(a.ended, b.ended);
  EXPECT_EQ(a.resolved_configuration, b.resolved_configuration);
  EXPECT_EQ(std::tie(a.seed, a.world_size, a.group_size), std::tie(b.seed, b.world_size, b.group_size));
  EXPECT_EQ(a.devices, b.devices);
  EXPECT_EQ(std::tie(a.model_checksum, a.tokenizer_checksum), std::tie(b.model_checksum, b.tokenizer_checksum));
  EXPECT_EQ(a.library_versions, b.library_versions);
  EXPECT_EQ(std::tie(a.processes, a.environment), std::tie(b.processes, b.environment));
}

/// One table, as text.
std::string text_of(const CellRecord& cell) {
  std::string text;
  for (const auto& r : cell.rates)
    text += concat(r.name, " ", r.count, "/", r.total, " ", r.value, " ", r.low, " ", r.high, "\n");
  for (const auto& s : cell.training)
    text += concat(s.step, " ", s.loss, " ", Json(s.term_losses).dump(), " ", Json(s.term_norms).dump(), " ",
                   s.gradient_norm, " ", s.learning_rate, " ", s.targets, "\n");
  for (const auto& w : cell.work)
    text += concat(w.stage, " ", w.seconds, " ", w.positions, " ", w.positions_naive, " ", w.model_calls, " ", w.logit_rows,
                   " ", w.peak_memory, " ", w.operations, "\n");
  for (const auto& c : cell.curves)
    text += concat(c.probe, " ", c.arm, " ", c.step, " ", c.right, "/", c.asked, " ", c.loss, "\n");
  text += concat(cell.depth.blocks, " blocks\n");
  const auto& trajectory = cell.trajectory;
  for (const auto& t : trajectory.points)
    text +=
        concat(t.step, " ", t.epoch, " ", t.forget_right, "/", t.forget_asked, " ", t.forgotten, "/", t.forget_known, " ",
               t.retain_trained_right, "/", t.retain_trained_asked, " ", t.retain_held_out_right, "/",
               t.retain_held_out_asked, " ", t.destroyed_held_out, "/", t.held_out_known, " ", t.extraction_strength_forget,
               " ", t.gold_log_probability_forget, " ", t.gold_log_probability_retain, " ", t.seconds, "\n");
  text += concat(trajectory.rule, " ", trajectory.why, " ", trajectory.selected, "\n");
  for (const auto& m : cell.mix.points)
    text += concat(m.share, " ", m.retain_right, "/", m.retain_asked, " ", m.forget_right, "/", m.forget_asked, "\n");
  text += concat("mix ", cell.mix.share, " ", cell.mix.keep, " ", cell.mix.target_right, "\n");
  for (const auto& c : cell.judge_check)
    text += concat(c.judge, " ", c.right, " ", c.rejected, " ", c.wrong, " ", c.accepted, " ", c.threshold, " ",
                   c.calibrated_on, "\n");
  for (const auto& v : cell.verification)
    text += concat(v.model, " ", v.questions, " ", v.largest_difference, " ", v.worst_question, " ", v.candidates, " ",
                   v.turned, "\n");
  return text;
}

herr_t visit(hid_t file, const char* name, const H5O_info_t* info, void* found) {
  if (info->type != H5O_TYPE_DATASET) return 0;
  const hdf5::Id dataset(UNPACT_HDF5(H5Dopen2(file, name, H5P_DEFAULT)));
  const hdf5::Id type(UNPACT_HDF5(H5Dget_type(dataset))), space(UNPACT_HDF5(H5Dget_space(dataset)));
  hsize_t extent[2] = {1, 1};
  const int axes = UNPACT_HDF5(H5Sget_simple_extent_dims(space, extent, nullptr));
  std::string bytes(H5Tget_size(type) * extent[0] * extent[1], '\0');
  UNPACT_HDF5(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()));
  auto& datasets = *static_cast<std::map<std::string, std::string>*>(found);
  datasets[name] = concat(axes, ":", extent[0], "x", extent[1], "x", H5Tget_size(type), ":", bytes);
  return 0;
}

}  // namespace

std::map<std::string, std::string> raw_datasets(const std::filesystem::path& path) {
  std::map<std::string, std::string> datasets;
  const hdf5::Id file(UNPACT_HDF5(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)));
  UNPACT_HDF5(H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, visit, &datasets));
  return datasets;
}

void expect_equal(const CellRecord& a, const CellRecord& b) {
  EXPECT_EQ(std::tie(a.id, a.model, a.dataset, a.method, a.judge), std::tie(b.id, b.model, b.dataset, b.method, b.judge));
  EXPECT_EQ(std::tie(a.attribution_method, a.attribution_settings), std::tie(b.attribution_method, b.attribution_settings));
  EXPECT_EQ(std::tie(a.alpha, a.beta, a.compute_dtype, a.noise_floor),
            std::tie(b.alpha, b.beta, b.compute_dtype, b.noise_floor));
  expect_same(a.provenance, b.provenance);
  expect_same(a.questions, b.questions);
  expect_same("target", a.target, b.target);
  expect_same("unlearned", a.unlearned, b.unlearned);
  expect_same("outcome", a.outcome, b.outcome);
  expect_same("knowledge", a.knowledge.state, b.knowledge.state);
  EXPECT_EQ(std::tie(a.knowledge.probes, a.knowledge.attempts, a.halves),
            std::tie(b.knowledge.probes, b.knowledge.attempts, b.halves));
  expect_same("set_cosine", a.focus_shift.set_cosine, b.focus_shift.set_cosine);
  expect_same("contribution_cosine", a.focus_shift.contribution_cosine, b.focus_shift.contribution_cosine);
  expect_same("trajectory is_right", a.trajectory.is_right, b.trajectory.is_right);
  expect_same("trajectory gold_log_probability", a.trajectory.gold_log_probability, b.trajectory.gold_log_probability);
  expect_same("trajectory extraction_strength", a.trajectory.extraction_strength, b.trajectory.extraction_strength);
  expect_same("trajectory role", a.trajectory.role, b.trajectory.role);
  expect_same("depth question", a.depth.question, b.depth.question);
  expect_same("depth log_probability", a.depth.log_probability, b.depth.log_probability);
  for (const auto part : {&DepthRecord::floor, &DepthRecord::unlearned})
    for (const auto drops : {&DepthDrops::answer, &DepthDrops::key_tokens, &DepthDrops::others})
      expect_same("depth drops", (a.depth.*part).*drops, (b.depth.*part).*drops);
  ASSERT_EQ(a.probes.size(), b.probes.size());
  for (std::size_t i = 0; i < a.probes.size(); ++i) expect_same(a.probes[i], b.probes[i]);
  EXPECT_EQ(text_of(a), text_of(b));
  ASSERT_EQ(a.metrics.rows.size(), b.metrics.rows.size());
  for (std::size_t i = 0; i < a.metrics.rows.size(); ++i) {
    const auto &one = a.metrics.rows[i], &other = b.metrics.rows[i];
    EXPECT_EQ(std::tie(one.name, one.label, one.larger_says, one.count),
              std::tie(other.name, other.label, other.larger_says, other.count));
    for (const auto member : {&MetricRecord::target, &MetricRecord::target_low, &MetricRecord::target_high,
                              &MetricRecord::unlearned, &MetricRecord::unlearned_low, &MetricRecord::unlearned_high})
      expect_same(one.name.c_str(), std::vector<double>{one.*member}, std::vector<double>{other.*member});
  }
  EXPECT_EQ(a.metrics.target_items.values, b.metrics.target_items.values);
  EXPECT_EQ(a.metrics.unlearned_items.offsets, b.metrics.unlearned_items.offsets);
}

TEST(CompareRecords, SeesADifferentBit) {
  CellRecord other = make_record({});
  other.target.gold.contributions.values[0] += 1;
  EXPECT_FALSE(make_record({}).target.gold.contributions.values == other.target.gold.contributions.values);
}

}  // namespace unpact::test
