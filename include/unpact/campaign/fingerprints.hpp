#pragma once
/// What results depend on, as text: the options that affect them (the column `affects` of the option table), and instead of
/// input paths the checksums of what lies there. Equal text, equal results: work that is there already is not done again.
#include <string>

#include "unpact/campaign/session.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {

/// Checksums of what the configuration's paths name.
struct InputChecksums {
  std::string dataset;           ///< dataset_checksum()
  std::string model, tokenizer;  ///< weights_checksum() and Tokenizer::checksum() of the target
  std::string config;            ///< config_checksum() of the target
};

/// Of data and a model that was loaded with its checksums.
InputChecksums checksums_of(const std::string& dataset_checksum, const LanguageModel& target);

/// The options that affect `made`, as INI text; the checksums of the data, of the target's config and of the method's file
/// stand among them.
std::string settings_of(const Configuration& configuration, Made made, const InputChecksums& inputs);

/// What a results file says of its configuration: settings_of, and below kOriginsMark where the inputs come from.
std::string resolved_configuration(const Configuration& configuration, Made made, const InputChecksums& inputs);

/// Of the target that finetune_into makes: settings and contents of what it starts from, hashed. The root reads.
/// Collective over the session's world.
std::string target_fingerprint(const Session& session, const Configuration& configuration,
                               const std::string& dataset_checksum);

/// Refuses a start that is not the one of target_fingerprint() any more. @param start what the training starts from.
void require_same_start(const Configuration& configuration, const std::string& dataset_checksum, const LanguageModel& start,
                        const std::string& fingerprint);

/// The same on this process alone.
std::string target_fingerprint(const Configuration& configuration, const std::string& dataset_checksum);

/// The fingerprint that a cell's file will have.
std::string fingerprint_of_cell(const InputChecksums& inputs, const Configuration& configuration);

/// A pair's configuration as its baseline is filed: a cell in which nothing was unlearned.
Configuration without_method(Configuration configuration);

/// The fingerprint that the baseline's file will have.
std::string fingerprint_of_baseline(const InputChecksums& inputs, const Configuration& configuration);

/// What the steps of an unlearning depend on (TrainOptions::identity).
std::string training_identity(const Configuration& configuration, const InputChecksums& inputs);

}  // namespace unpact
