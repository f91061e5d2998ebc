#pragma once
/// The table of all options. A row says everything about its option: key, meaning, where its value lives (its default is
/// that of the struct), what its value must be, and what has to be made again when it changes. Help, configuration files,
/// checks and fingerprints follow from the rows.
#include <functional>
#include <initializer_list>
#include <string>
#include <variant>
#include <vector>

#include "unpact/core/enumeration.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

/// What is made once and kept as long as nothing that it depends on changes.
enum class Made {
  target,    ///< the target model, where a campaign fine-tunes it itself
  baseline,  ///< its answers and contributions
  cell,      ///< a cell's results file, which holds the baseline's numbers and those of its training
  training,  ///< the steps of an unlearning that was interrupted
};
UNPACT_ENUMERATION(Made, "target", "baseline", "cell", "training");

/// A set of them.
class Affects {
 public:
  constexpr Affects(std::initializer_list<Made> made) {
    for (const auto one : made) bits_ |= bit(one);
  }
  constexpr bool has(Made made) const { return (bits_ & bit(made)) != 0; }
  friend constexpr Affects operator|(Affects a, Affects b) {
    a.bits_ |= b.bits_;
    return a;
  }

 private:
  static constexpr unsigned bit(Made made) { return 1U << static_cast<unsigned>(made); }
  unsigned bits_ = 0;
};

enum class Role {
  setting,
  name,        ///< under which results are filed: decides no number
  input_path,  ///< relative to the file that names it: the checksums of what lies there decide, not the path
  instead,     ///< of [method]: stands for the option of the same name in [unlearn] where it is not the default
};

struct Option {
  std::string key;  ///< section.name
  std::string help;
  std::variant<std::string*, std::int64_t*, std::uint64_t*, double*, bool*, EnumReference> value;
  Affects affects;
  std::function<void(const Option&)> check = {};  ///< throws UserError for a value that makes no sense; empty: all do
  Role role = Role::setting;
};

using OptionTable = std::vector<Option>;

/// All options with their values in `configuration`, which must outlive the table.
OptionTable option_table(Configuration& configuration);

/// More rows for as long as this lives, whose values lie outside of the configuration.
class AddedOptions {
 public:
  explicit AddedOptions(OptionTable rows);
  ~AddedOptions();
  AddedOptions(const AddedOptions&) = delete;
  AddedOptions& operator=(const AddedOptions&) = delete;
};

/// The value as configuration text.
std::string value_text(const Option& option);

/// Reads text into the option. @throws UserError for a wrong type, naming the key.
void assign(const Option& option, const std::string& text, const std::string& origin);

/// INI text of exactly the options that affect `made`. With the checksums of what the input paths name it decides all
/// numbers; equal text, equal numbers. The paths themselves are not in it.
std::string settings_that_affect(const Configuration& configuration, Made made);

/// INI text of the names, of the absolute input paths, and of what affects a target alone: where the inputs of `made` come
/// from. Their checksums decide its numbers, not this.
std::string origins_of_inputs(const Configuration& configuration, Made made);

}  // namespace unpact
