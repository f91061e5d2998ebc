#include "unpact/options/option_table.hpp"

#include <algorithm>

#include "sections.hpp"

namespace unpact {
namespace {

OptionTable& added_rows() {
  static OptionTable rows;
  return rows;
}

}  // namespace

OptionTable option_table(Configuration& configuration) {
  OptionTable table;
  for (const auto add : {add_input_options, add_endpoint_options, add_training_options, add_method_options,
                         add_evaluation_options, add_job_options})
    add(table, configuration);
  table.insert(table.end(), added_rows().begin(), added_rows().end());
  return table;
}

AddedOptions::AddedOptions(OptionTable rows) { added_rows() = std::move(rows); }

AddedOptions::~AddedOptions() { added_rows().clear(); }

}  // namespace unpact
