#pragma once
/// Where options come from: what forces them, the command line, the configuration file, and the choices that these name.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "pair_sections.hpp"

namespace unpact {

struct OptionValue {
  std::string text, origin;
  std::filesystem::path base;  ///< folder that a relative input path is meant from
  bool on_command_line = false;

  /// The text, a relative input path being taken from its base.
  std::string resolved(bool is_path) const;
  std::string absolute(bool is_path) const;
};

using OptionValues = std::map<std::string, OptionValue>;

/// A choice is a file NAME.ini in models/, datasets/ or methods/ beside the configuration, or a section
/// [choice.models.NAME] (and so on) of the configuration itself, whose keys are whole: `prompt.system = ...`. One may build
/// on another of its kind (`[model] use = OTHER`). What only one model on one dataset has is a section [pair MODEL DATASET]
/// or a file pairs/MODEL__DATASET.ini. Of these the method wins over the pair, that over the dataset, that over the model.
class OptionSources {
 public:
  /// @param forced options that win over everything (`key=value`). @throws UserError naming key, reason and hint.
  OptionSources(const std::string& job, const std::vector<std::string>& arguments, const std::vector<std::string>& forced);

  /// Everything together; model.use, dataset.use and method.use bring their choices, the first two also that of the pair.
  OptionValues merged() const;

  /// What one choice sets, with what it builds on. @param kind models, datasets or methods.
  /// @throws UserError when there is none of this name, or it builds on itself.
  OptionValues choice(const std::string& kind, const std::string& name) const;

  /// What only this pair has, by names of choices; often nothing.
  OptionValues pair(const std::string& model, const std::string& dataset) const;

  /// Whether something stronger than a choice sets the option, and to what (empty when not).
  bool is_given(const std::string& key) const { return given_.count(key) != 0; }
  bool is_on_command_line(const std::string& key) const { return is_given(key) && given_.at(key).on_command_line; }
  std::string given(const std::string& key) const { return is_given(key) ? given_.at(key).text : std::string(); }

 private:
  void take_configuration(const std::filesystem::path& config);
  OptionValues one_choice(const std::string& kind, const std::string& name) const;

  OptionValues given_;
  std::map<std::string, OptionValues> inside_;  ///< choices of the configuration file, by kind.name
  std::map<PairName, OptionValues> pairs_;      ///< of the configuration file
  std::filesystem::path root_ = "configs";      ///< of the folders with choice files
};

}  // namespace unpact
