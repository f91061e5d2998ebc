#pragma once
/// The two archives that go through cell_layout.hpp.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <string>
#include <vector>

#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/results/cell.hpp"
#include "reader.hpp"
#include "writer.hpp"

namespace unpact {

/// Stores a record in a hdf5::Writer (collective, as that is) or measures it with a LayoutSketch.
template <class File>
class CellWriter {
 public:
  CellWriter(File& file, std::size_t questions) : file_(file), questions_(questions) {}

  /// Everything of the newest version is written.
  bool has(const std::string&) const { return true; }
  bool has_attribute(const std::string&) const { return true; }
  /// Only models that think have thoughts.
  bool has_thought(const std::string&, const std::vector<std::string>& traces) const { return !traces.empty(); }
  template <class T>
  void attribute(const std::string& name, const T& value) {
    file_.attribute(name, value);
  }
  template <class T>
  void json_attribute(const std::string& name, const T& value) {
    file_.attribute(name, Json(value).dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  void index_scale(const std::string& path, std::size_t size, const std::string& long_name) {
    file_.index_scale(path, size, long_name);
  }
  template <class T>
  void column(const hdf5::Description& description, const std::vector<T>& values) {
    matrix(description, {values.size()}, values);
  }
  template <class T>
  void matrix(const hdf5::Description& description, const std::vector<std::size_t>& shape, const std::vector<T>& values) {
    file_.template numbers<T>(description, values, shape);
  }
  void matrix(const hdf5::Description& description, const std::vector<std::size_t>& shape,
              const std::vector<std::string>& values) {
    file_.strings(description, values, shape);
  }
  template <class T>
  void ragged(const std::string& group, const std::string& axis, const std::string& unit, const std::string& long_name,
              const std::string& flag_meanings, const Ragged<T>& rows) {
    column({group + "/values", {axis}, unit, long_name, flag_meanings}, rows.values);
    const std::vector<std::uint64_t> none(questions_ + 1, 0);  // a record without rows has only empty ones
    column({group + "/offsets", {"/question_bound"}, "1", "bounds of each question's values"},
           rows.rows() == 0 ? none : rows.offsets);
  }
  /// One flag a row; a record without any has the usual one.
  void flags(const hdf5::Description& description, std::size_t rows, std::uint8_t usual,
             const std::vector<std::uint8_t>& values) {
    column(description, values.empty() ? std::vector<std::uint8_t>(rows, usual) : values);
  }
  void question_flags(const hdf5::Description& description, const std::vector<std::uint8_t>& values) {
    flags(description, questions_, 0, values);
  }
  /// One number a question; a record without any has NaN.
  void question_numbers(const hdf5::Description& description, const std::vector<double>& values) {
    column(description, values.empty() ? std::vector<double>(questions_, std::nan("")) : values);
  }
  template <class Row, class T, class Part>
  void field(const hdf5::Description& description, const std::vector<Row>& rows, T Part::*member) {
    std::vector<T> values;
    for (const auto& row : rows) values.push_back(row.*member);
    column(description, values);
  }
  /// The value with this index of each row's list; NaN where a row has fewer.
  template <class Row>
  void element(const hdf5::Description& description, const std::vector<Row>& rows, std::vector<double> Row::*list,
               std::size_t index) {
    std::vector<double> values;
    for (const auto& row : rows) values.push_back(index < (row.*list).size() ? (row.*list)[index] : std::nan(""));
    column(description, values);
  }
  void name_probes(const std::string& group, const std::vector<ProbeRecord>&) { file_.group(group); }
  template <class Judge>
  void name_judges(const std::string& group, const std::vector<Judge>&) {
    file_.group(group);
  }
  void name_arms(const std::string& group, const std::vector<ArmRecord>& arms) {
    file_.group(group);
    for (const auto& arm : arms) file_.group(concat(group, "/", arm.name, "/probes"));
  }
  void describe(const std::string& group, const char* name, const std::string& text) {
    file_.group_attribute(group, name, text);
  }
  /// A number as text that reads back as the same one.
  template <class T>
  void describe_number(const std::string& group, const char* name, const T& number) {
    file_.group_attribute(group, name, Json(number).dump());
  }
  /// One value an attempt; a record without any has the default one.
  template <class T>
  void attempts(const hdf5::Description& description, const std::vector<std::size_t>& shape, const std::vector<T>& values) {
    matrix(description, shape, values.empty() ? std::vector<T>(shape[0] * shape[1]) : values);
  }
  void counted_scale(const std::string& path, const std::string& long_name, std::int64_t count) {
    index_scale(path, static_cast<std::size_t>(count), long_name);
  }
  /// Numbers that need not have been measured: then NaN.
  void drops(const hdf5::Description& description, const std::vector<std::size_t>& shape,
             const std::vector<double>& values) {
    matrix(description, shape, values.empty() ? std::vector<double>(shape[0] * shape[1], std::nan("")) : values);
  }
  void describe_knowledge(const std::string& group, const KnowledgeRecord& knowledge) {
    file_.group_attribute(group, "probes", Json(knowledge.probes).dump(-1, ' ', false, Json::error_handler_t::replace));
    file_.group_attribute(group, "attempts", std::to_string(knowledge.attempts));
  }
  void describe_probe(const std::string& group, const ProbeRecord& probe) {
    file_.group_attribute(group, "label", probe.label);
    file_.group_attribute(group, "kind", name_of_value(probe.kind));
  }

 private:
  File& file_;
  std::size_t questions_;
};

/// Fills a record. One rank; throws UserError or RuntimeFailure.
class CellReader {
 public:
  CellReader(const hdf5::Reader& file, std::string name) : file_(file), name_(std::move(name)) {}

  bool has(const std::string& path) const { return file_.has(path); }
  bool has_attribute(const std::string& name) const { return file_.has_attribute(name); }
  bool has_thought(const std::string& group, const std::vector<std::string>&) const { return file_.has(group + "/thought"); }
  void attribute(const std::string& name, std::string& value) { value = file_.text(name); }
  void attribute(const std::string& name, std::int64_t& value) { value = file_.integer(name); }
  void attribute(const std::string& name, double& value) { value = file_.real(name); }
  template <class T>
  void json_attribute(const std::string& name, T& value) {
    const Json json = parse_json(file_.text(name), name_ + ", attribute " + name);
    try {
      value = json.get<T>();
    } catch (const Json::exception&) {
      refuse(concat("attribute ", name, ": its JSON is of another kind than expected"));
    }
  }
  void index_scale(const std::string& path, std::size_t, const std::string&) {
    const auto index = file_.numbers<std::uint64_t>(path);  // read for its checksum, too
    for (std::size_t i = 0; i < index.size(); ++i)
      if (index[i] != i) refuse(concat("the scale ", path, " does not count from 0"));
  }
  template <class T>
  void column(const hdf5::Description& description, std::vector<T>& values) {
    values = file_.numbers<T>(description.path);
  }
  void column(const hdf5::Description& description, std::vector<std::string>& values) {
    values = file_.strings(description.path);
  }
  void question_numbers(const hdf5::Description& description, std::vector<double>& values) { column(description, values); }
  void question_flags(const hdf5::Description& description, std::vector<std::uint8_t>& values) {
    column(description, values);
  }
  void flags(const hdf5::Description& description, std::size_t, std::uint8_t, std::vector<std::uint8_t>& values) {
    column(description, values);
  }
  template <class T>
  void matrix(const hdf5::Description& description, const std::vector<std::size_t>&, std::vector<T>& values) {
    column(description, values);
  }
  template <class T>
  void ragged(const std::string& group, const std::string&, const std::string&, const std::string&, const std::string&,
              Ragged<T>& rows) {
    rows.values = file_.numbers<T>(group + "/values");
    rows.offsets = file_.numbers<std::uint64_t>(group + "/offsets");
  }
  template <class Row, class T, class Part>
  void field(const hdf5::Description& description, std::vector<Row>& rows, T Part::*member) {
    std::vector<T> values;
    column(description, values);
    fit(rows, values.size(), description.path);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].*member = values[i];
  }
  template <class Row>
  void element(const hdf5::Description& description, std::vector<Row>& rows, std::vector<double> Row::*list,
               std::size_t index) {
    std::vector<double> values;
    column(description, values);
    fit(rows, values.size(), description.path);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (std::isnan(values[i])) continue;
      (rows[i].*list).resize(index, std::nan(""));
      (rows[i].*list).push_back(values[i]);
    }
  }
  void name_probes(const std::string& group, std::vector<ProbeRecord>& probes) {
    for (const auto& name : file_.members(group)) probes.emplace_back().name = name;
  }
  void name_judges(const std::string& group, std::vector<JudgeRecord>& judges) {
    if (!file_.has(group)) return;  // since 1.7
    for (const auto& name : file_.members(group)) judges.emplace_back().name = name;
  }
  void name_judges(const std::string& group, std::vector<ProbeVerdicts>& verdicts) {
    if (!file_.has(group)) return;
    for (const auto& name : file_.members(group)) verdicts.emplace_back().judge = name;
  }
  void name_arms(const std::string& group, std::vector<ArmRecord>& arms) {
    if (!file_.has(group)) return;
    for (const auto& name : file_.members(group)) {
      arms.emplace_back().name = name;
      for (const auto& probe : file_.members(concat(group, "/", name, "/probes"))) arms.back().probes.push_back({probe, {}});
    }
  }
  void describe(const std::string& group, const char* name, std::string& text) { text = file_.group_text(group, name); }
  template <class T>
  void describe_number(const std::string& group, const char* name, T& number) {
    const auto json = parse_json(file_.group_text(group, name), concat(name_, ", ", group));
    if (!json.is_number()) refuse(concat("the group ", group, " has no number ", name));
    json.get_to(number);
  }
  template <class T>
  void attempts(const hdf5::Description& description, const std::vector<std::size_t>&, std::vector<T>& values) {
    column(description, values);
  }
  void counted_scale(const std::string& path, const std::string& long_name, std::int64_t& count) {
    index_scale(path, 0, long_name);
    count = static_cast<std::int64_t>(file_.numbers<std::uint64_t>(path).size());
  }
  void drops(const hdf5::Description& description, const std::vector<std::size_t>&, std::vector<double>& values) {
    column(description, values);
    if (std::ranges::all_of(values, [](double value) { return std::isnan(value); })) values.clear();
  }
  void describe_knowledge(const std::string& group, KnowledgeRecord& knowledge) {
    const Json probes = parse_json(file_.group_text(group, "probes"), concat(name_, ", ", group));
    const auto attempts = file_.group_text(group, "attempts");
    const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
    if (!probes.is_array() || attempts.empty() || attempts.size() > 9 || !std::ranges::all_of(attempts, is_digit))
      refuse(concat("the group ", group, " does not say which probes and how many attempts it is about"));
    for (const auto& probe : probes) {
      if (!probe.is_string()) refuse(concat("the group ", group, " names a probe that is no text"));
      knowledge.probes.push_back(probe.get<std::string>());
    }
    knowledge.attempts = std::stoll(attempts);
  }
  void describe_probe(const std::string& group, ProbeRecord& probe) {
    probe.label = probe.name;
    if (!file_.has_group_attribute(group, "label")) return;  // since 1.3
    probe.label = file_.group_text(group, "label");
    if (const auto kind = file_.group_text(group, "kind"); !EnumReference(&probe.kind).assign(kind))
      refuse(
          concat("the group ", group, " is of the kind '", kind, "', which is none of ", join(names_of<ProbeKind>(), ", ")));
  }

 private:
  /// The table's first column decides how many rows there are.
  template <class Row>
  void fit(std::vector<Row>& rows, std::size_t count, const std::string& path) const {
    if (rows.empty()) rows.resize(count);
    if (rows.size() != count) refuse(concat("column ", path, " has ", count, " rows, the others ", rows.size()));
  }
  [[noreturn]] void refuse(const std::string& reason) const {
    throw UserError(concat("cannot use the results file ", name_), reason, "it was not written by unpact; make it again");
  }

  const hdf5::Reader& file_;
  std::string name_;
};

}  // namespace unpact
