#include "option_file.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "ini_reader.hpp"
#include "option_names.hpp"
#include "pair_sections.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kChoicePrefix = "choice.";  // of sections and whole keys
const std::vector<std::string> kChoiceKinds = {"models", "datasets", "methods"};

std::string read_configuration(const fs::path& path, const std::string& hint) {
  const auto problem = concat("cannot read the configuration ", path.string());
  std::ifstream in(path, std::ios::binary);
  UNPACT_VALIDATE(in.is_open(), problem, "there is no such file, or it may not be read", hint);
  UNPACT_VALIDATE(!fs::is_directory(path), problem, "it is a folder", hint);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  UNPACT_VALIDATE(!in.bad(), problem, "reading it failed", hint);
  return text;
}

bool may_begin_choice(const std::string& key, Place place) { return place == Place::configuration && begins_choice(key); }

/// A section without a known name holds nothing that counts, although somebody meant it to.
void check_sections(const IniContent& content, Place place, const std::string& where, const std::vector<std::string>& keys) {
  std::vector<std::string> known;
  for (const auto& key : keys) known.push_back(key.substr(0, key.find('.')));
  for (const auto& [name, line] : content.sections) {
    const bool is_pair = place == Place::configuration && is_pair_section(name);
    if (is_pair || may_begin_choice(name, place) || std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto near = closest_match(name, known);
    throw UserError(concat("unknown section [", name, "]"), place_in_file(where, line),
                    near.empty() ? std::string("see `unpact JOB --help`") : concat("did you mean [", near, "]?"));
  }
}

/// Other programs end a value at a #. Here it belongs to the value: said once, because nothing else would show it.
void note_number_sign(const IniEntry& entry, const std::string& where) {
  static std::set<std::string> said;
  const auto place = place_in_file(where, entry.line);
  const auto at = entry.value.find('#');
  if (at == std::string::npos ||
      (at > 0 && entry.value.find(" #") == std::string::npos && entry.value.find("\t#") == std::string::npos))
    return;
  if (!said.insert(place).second || log::rank() != 0) return;
  log::warn(concat("the # in the value of '", entry.key, "' (", place,
                   ") belongs to the value: a comment stands on a line of its own"));
}

}  // namespace

bool begins_choice(const std::string& key) { return key.rfind(kChoicePrefix, 0) == 0; }

FileOptions read_option_file(const fs::path& path, Place place, const std::string& hint) {
  return read_option_text(read_configuration(path, hint), place, path.string());
}

FileOptions read_option_text(const std::string& text, Place place, const std::string& where) {
  const auto content = parse_ini(text, where);
  const auto known = known_keys();
  FileOptions read;
  std::map<const IniSection*, std::size_t> pair_at;
  for (const auto& section : content.sections) {
    if (place != Place::configuration || !is_pair_section(section.name)) continue;
    pair_at[&section] = read.pairs.size();
    read.pairs.push_back({names_of_pair(section.name), place_in_file(where, section.line), {}});
  }
  for (const auto& entry : content.entries) {
    const auto origin = place_in_file(where, entry.line);
    const auto* section = section_of(content, entry);
    const auto pair = pair_at.find(section);
    const auto key = pair == pair_at.end() ? entry.key : entry.key.substr(section->name.size() + 1);
    if (!may_begin_choice(entry.key, place) && std::find(known.begin(), known.end(), key) == known.end())
      refuse_unknown_key(key, origin);
    note_number_sign(entry, where);
    auto& options = pair == pair_at.end() ? read.options : read.pairs[pair->second].options;
    options.push_back({key, entry.value, origin});
  }
  check_sections(content, place, where, known);
  return read;
}

std::pair<std::string, std::string> split_choice(const std::string& whole, const std::string& origin,
                                                 const std::vector<std::string>& keys) {
  const auto rest = whole.substr(std::string(kChoicePrefix).size());
  const auto last = rest.rfind('.');
  const auto before = last == std::string::npos || last == 0 ? std::string::npos : rest.rfind('.', last - 1);
  if (before == std::string::npos) refuse_unknown_key(whole, origin);
  const auto key = rest.substr(before + 1), choice = rest.substr(0, before), kind = choice.substr(0, choice.find('.'));
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) refuse_unknown_key(key, origin);
  if (std::find(kChoiceKinds.begin(), kChoiceKinds.end(), kind) == kChoiceKinds.end() || choice.size() <= kind.size() + 1)
    refuse_unknown_key(whole, origin);
  return {choice, key};
}

}  // namespace unpact
