#pragma once
/// What a cell's weights and states say beside the target's.
#include "unpact/campaign/baseline.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// Adds to the record's metrics: with the probe quantize the share of quantized weights whose code is that of the target
/// (equal_codes_nf4, equal_codes_int4, equal_codes_int8_rows); with evaluation.depth the unlearning depth scores, where the
/// baseline has the drops of a model that was never taught. Collective over `group`. @param target on its device, for the
/// depth; null: it is not measured.
void measure_weights(const Communicator& group, const Baseline& baseline, const LanguageModel& unlearned,
                     const Configuration& configuration, const LanguageModel* target, FinishedPages* pages,
                     CellRecord& record);

/// The drops of the target with the states of a model that was never taught. Collective over the session's world.
void measure_floor_depth(const Session& session, const Configuration& configuration, const LanguageModel& floor,
                         FinishedPages* pages, Baseline& baseline);

}  // namespace unpact
