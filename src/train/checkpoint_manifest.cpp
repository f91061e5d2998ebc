#include "checkpoint_manifest.hpp"

#include <cstdio>
#include <set>

#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFormat = "unpact-training";
constexpr std::int64_t kVersion = 2;  // since 2 it holds its own checksum
constexpr const char* kChecksum = "sha256";
constexpr std::int64_t kMostRanks = 1 << 20;
constexpr std::int64_t kMostElements = std::int64_t{1} << 46;

const Json& require_array(const Json& object, const char* key, const std::string& where) {
  UNPACT_VALIDATE(object.contains(key) && object[key].is_array() && !object[key].empty(),
                  concat(where, ": '", key, "' is missing or no list"), "a manifest lists units and files",
                  "the checkpoint is damaged");
  return object[key];
}

std::int64_t require_between(const Json& object, const char* key, std::int64_t low, std::int64_t high,
                             const std::string& where) {
  const auto value = require_integer(object, key, where);
  UNPACT_VALIDATE(value >= low && value <= high, concat(where, ": '", key, "' is ", value),
                  concat("it must lie between ", low, " and ", high), "the checkpoint is damaged");
  return value;
}

void check_version(const Json& json, const std::string& where) {
  UNPACT_VALIDATE(string_or(json, "format", "", where) == kFormat, concat(where, " is no manifest of a training checkpoint"),
                  concat("its 'format' is not '", kFormat, "'"), "check run.output");
  const auto version = require_integer(json, "version", where);
  if (version != kVersion)
    throw ForeignCheckpoint(concat(where, " has version ", version), concat("this program knows version ", kVersion),
                            "use the program that wrote it, or remove the checkpoints to start anew");
}

std::string checksum_of(Json manifest) {
  manifest.erase(kChecksum);
  return sha256_of_bytes(manifest.dump());
}

/// Every number counts: the history goes into results, the coefficients into the next step.
void check_checksum(const Json& json, const std::string& where) {
  UNPACT_VALIDATE(require_string(json, kChecksum, where) == checksum_of(json), concat("the manifest ", where, " is damaged"),
                  "its content does not match its checksum", "the checkpoint before is tried");
}

void check_folder(const fs::path& folder, const CheckpointManifest& manifest) {
  std::set<std::string> known = {"manifest.json"};
  for (const auto& file : manifest.files) known.insert(file.name);
  for (const auto& entry : fs::directory_iterator(folder))
    UNPACT_VALIDATE(known.count(entry.path().filename().string()) != 0, concat("unexpected file ", entry.path().string()),
                    "the manifest does not name it", "the checkpoint was changed by hand or is damaged");
}

}  // namespace

std::string checkpoint_folder_name(std::int64_t step) {
  char name[40];
  std::snprintf(name, sizeof name, "step-%08lld", static_cast<long long>(step));
  return name;
}

std::int64_t checkpoint_step_of(const std::string& name) {
  if (!name.starts_with("step-") || name.size() > 23) return -1;
  const auto digits = name.substr(5);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) return -1;
  const auto step = std::stoll(digits);
  return checkpoint_folder_name(step) == name ? step : -1;
}

void discard_folder(const fs::path& folder) {
  std::error_code code;
  const auto aside = folder.parent_path() / concat(".", folder.filename().string(), ".removed");
  fs::remove_all(aside, code);
  fs::rename(folder, aside, code);
  fs::remove_all(code ? folder : aside, code);
}

std::string shard_file_name(std::size_t rank) {
  char name[40];
  std::snprintf(name, sizeof name, "rank-%05zu.safetensors", rank);
  return name;
}

std::string to_text(const CheckpointManifest& manifest) {
  Json json = {{"format", kFormat}, {"version", kVersion}, {"step", manifest.step}, {"fingerprint", manifest.fingerprint}};
  json["coefficients"] = manifest.coefficients;
  json["history"] = manifest.history;
  json["units"] = Json::array();
  for (const auto& unit : manifest.units)
    json["units"].push_back({{"name", unit.name}, {"size", unit.size}, {"shard", unit.shard}});
  json["files"] = Json::array();
  for (const auto& file : manifest.files)
    json["files"].push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  // As a reader sees it: a whole number of type double, say, is read back as written.
  json[kChecksum] = checksum_of(Json::parse(json.dump()));
  return json.dump(1) + "\n";
}

CheckpointManifest read_manifest(const fs::path& folder) {
  const auto path = folder / "manifest.json";
  const auto where = path.string();
  const auto json = read_json_file(path);
  UNPACT_VALIDATE(json.is_object(), concat(where, " is no manifest"), "it is no JSON object", "the checkpoint is damaged");
  if (json.contains(kChecksum)) check_checksum(json, where);  // first: a bit of the version is no other version
  check_version(json, where);
  check_checksum(json, where);
  CheckpointManifest manifest;
  manifest.step = require_between(json, "step", 0, kMostElements, where);
  manifest.fingerprint = require_string(json, "fingerprint", where);
  for (const auto& value : require_array(json, "coefficients", where)) {
    UNPACT_VALIDATE(value.is_number(), concat(where, ": 'coefficients' holds ", value.dump()), "they must be numbers",
                    "the checkpoint is damaged");
    manifest.coefficients.push_back(value.get<double>());
  }
  for (const auto& entry : require_array(json, "files", where)) {
    manifest.files.push_back({require_string(entry, "name", where),
                              require_between(entry, "bytes", 0, kMostElements * 16, where),
                              require_string(entry, "sha256", where)});
    UNPACT_VALIDATE(manifest.files.back().name == shard_file_name(manifest.files.size() - 1),
                    concat(where, " names the file '", manifest.files.back().name, "'"),
                    concat("expected ", shard_file_name(manifest.files.size() - 1)), "the checkpoint is damaged");
  }
  const auto ranks = static_cast<std::int64_t>(manifest.files.size());
  UNPACT_VALIDATE(ranks <= kMostRanks, concat(where, " lists ", ranks, " files"), "that many ranks do not exist",
                  "the checkpoint is damaged");
  for (const auto& entry : require_array(json, "units", where)) {
    const auto size = require_between(entry, "size", 1, kMostElements, where);
    manifest.units.push_back(
        {require_string(entry, "name", where), size,
         require_between(entry, "shard", (size + ranks - 1) / ranks, (size + ranks - 1) / ranks, where)});
  }
  manifest.history = json.value("history", Json::array());
  check_folder(folder, manifest);
  return manifest;
}

void require_same_run(const CheckpointManifest& manifest, const std::string& fingerprint, const fs::path& folder) {
  if (manifest.fingerprint != fingerprint)
    throw ForeignCheckpoint(concat("the training checkpoint ", folder.string(), " belongs to another run"),
                            "model, data, method or training options differ from those that made it",
                            "restore the configuration, choose another run.output, or remove that folder to start anew");
}

}  // namespace unpact
