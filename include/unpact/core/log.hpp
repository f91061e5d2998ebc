#pragma once
/// Logging: rank 0 speaks on standard output, warnings and errors of any rank go to standard error with the rank,
/// and every rank writes everything into its own file once a folder is known. A standard output that nobody reads any more
/// is no failure: the file goes on.
#include <filesystem>
#include <string_view>

namespace unpact::log {

/// Sets who is speaking. Before this call the process counts as rank 0 of 1.
void set_rank(int rank, int world_size);

/// Opens `folder`/rank-NNNN.log for appending. @throws UserError when it cannot be written.
void open_file(const std::filesystem::path& folder);

/// Sends rank 0's information lines to standard error, so that standard output carries data only.
void keep_stdout_for_data();
bool stdout_is_for_data();

void info(std::string_view message);    ///< rank 0: standard output; all: the log file
void detail(std::string_view message);  ///< the log file only
void warn(std::string_view message);
void error(std::string_view message);

int rank();
int world_size();

}  // namespace unpact::log
