#pragma once
/// The unlearning depth score (arXiv 2605.24614): in which blocks the states of an unlearned model, put into the target,
/// take the answer away, beside those of a model that was never taught; and the same by class of prompt token.
#include <span>

#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// Whether states can be exchanged: models of one shape that lie whole on every rank and answer alone.
bool can_measure_depth(const Transformer& target, const Transformer& source);

/// For each block l the drop D_l = LP(answer) - LP(answer with the target's states behind block l replaced by the source's),
/// at the positions that predict the answer (where the data name an entity that stands in it: its tokens alone, of which LP
/// is then, too), at the KeyTokens and at the other candidates. One pass of each model and of the target's later blocks for
/// every block and class. Fills record.depth's question, blocks, log_probability and `drops`, for the forget questions that
/// the target answers right; appends the stage depth_NAME to the work. Collective over `group`; the same for any number of
/// ranks.
void measure_depth(const Communicator& group, const LanguageModel& target, const LanguageModel& source,
                   const std::vector<AskedQuestion>& questions, const std::string& name, FinishedPages* pages,
                   std::size_t save_every, DepthDrops& drops, CellRecord& record);

/// Of one question: sum over the blocks whose floor drop exceeds `threshold` of floor * clip(unlearned / floor, 0, 1), over
/// the sum of those floor drops; NaN where there is no such block. 1: gone as if never taught, 0: all there.
double depth_score(std::span<const double> unlearned, std::span<const double> floor, double threshold);

/// Adds the metrics unlearning_depth_answer, _key_tokens and _others to a record that has both drops: means over questions,
/// with their values. Nothing where one is missing.
void add_depth_scores(const MetricOptions& options, CellRecord& record);

}  // namespace unpact
