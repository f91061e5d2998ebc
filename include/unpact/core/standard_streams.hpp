#pragma once
/// Standard input, output and error of a program that others start: `unpact ... | head -1`, `unpact ... >&-`.

namespace unpact {

/// From now on nobody who stops reading ends this process: SIGPIPE is ignored, and a descriptor of 0, 1, 2 that the parent
/// closed is taken by one that refuses what is written, so that no file of ours gets its number and our messages into it.
/// Before anything opens a file.
void guard_standard_streams();

/// Whether standard output leads nowhere: its reader has gone, or there never was one. A full disk is not that.
bool stdout_leads_nowhere();

}  // namespace unpact
