#pragma once
/// What the parts of `unpact inspect` share.
#include <filesystem>
#include <string>

namespace unpact {
class Session;

/// Prints "name:   value"; without a name the value under the one above.
void line(const std::string& name, const std::string& value);

/// Says what the tokenizer of a folder is. With an input it prints instead what the tokenizer makes of each JSON line.
/// @param input a file, "-" for standard input, or empty. @return whether every line could be encoded.
bool inspect_tokenizer(const std::filesystem::path& folder, const std::string& input);

/// Says what a cell's file holds, or prints the table of a campaign's; of a campaign's folder, the methods with their seeds
/// pooled. @param watch seconds between two looks at a folder; 0: one look. @throws UserError for any other file.
void inspect_results(const std::filesystem::path& path, double watch);

/// Measures all-gather and reduce-scatter, the two collectives of a training, among the ranks of each node and among all. The
/// rate is what a rank receives a second, the slowest node's inside of nodes. Collective.
void inspect_network(const Session& session);

}  // namespace unpact
