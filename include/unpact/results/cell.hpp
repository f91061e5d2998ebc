#pragma once
/// Everything that a finished cell knows, as plain data. docs/results-format.md describes the file it becomes.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "unpact/results/curve.hpp"
#include "unpact/results/depth.hpp"
#include "unpact/results/judgement.hpp"
#include "unpact/results/metric.hpp"
#include "unpact/results/model.hpp"
#include "unpact/results/outcome.hpp"
#include "unpact/results/probe.hpp"
#include "unpact/results/provenance.hpp"
#include "unpact/results/question.hpp"
#include "unpact/results/rate.hpp"
#include "unpact/results/training.hpp"
#include "unpact/results/trajectory.hpp"
#include "unpact/results/verification.hpp"
#include "unpact/results/work.hpp"

namespace unpact {

struct CellRecord {
  std::string id, model, dataset, method;
  Provenance provenance;
  QuestionRecord questions;  ///< Q of them, forget first, then retain
  ModelRecord target, unlearned;
  std::vector<std::uint8_t> outcome;  ///< Q, an Outcome
  KnowledgeRecord knowledge;
  FocusShiftRecord focus_shift;
  std::vector<ProbeRecord> probes;  ///< in the order of their recovery rates
  std::vector<Rate> rates;          ///< shares right before and after, recovery of each probe, knowledge left, destruction
  std::vector<JudgeRecord> judges;  ///< beside the one that decides
  std::vector<JudgeCheckRecord> judge_check;  ///< of every judge, where the data have right and wrong answers
  std::vector<ArmRecord> arms;
  std::vector<CurvePoint> curves;  ///< of probes that train
  DepthRecord depth;
  MetricsRecord metrics;  ///< the field's
  std::vector<StepReport> training;
  TrajectoryRecord trajectory;  ///< of an unlearning with save points
  MixRecord mix;
  std::vector<WorkRecord> work;
  std::vector<VerificationRecord> verification;  ///< of each model that was checked
  std::string attribution_method = kLeaveOneOut;
  std::string contribution_unit = "nat/token";  ///< of contributions and their standard errors; for writing, never read
  std::map<std::string, std::string> attribution_settings;  ///< what the method heeds, by option name
  double alpha = 0, beta = 0;                               ///< KeyToken floors
  std::string compute_dtype = "fp32";                       ///< of answers and contributions: fp32, tf32, bf16 or fp16
  double noise_floor = 0;              ///< largest change of LP between equal evaluations in it, nats per token
  std::string judge;                   ///< e.g. "rouge_l_recall >= 0.5"
  std::string halves;                  ///< how the retain set was split, or why not
  std::int64_t skipped_questions = 0;  ///< left out because they are longer than the context (dataset.skip_long)
};

}  // namespace unpact
