// The chunks of a wav file (RIFF). Decodes nothing.
#pragma once

#include <string>

#include "audio/source.hpp"

namespace voxport {

/// Return true for a length in bytes that a writer to a pipe leaves, as it cannot go back:
/// 0x7FFFFFFF, 0x80000000 or 0xFFFFFFFF, less a header or rounded to blocks (sox: 0x7FFFF000). Half
/// of a 2.4 GB file is none of them.
bool is_unknown_length(unsigned long long bytes);

/// Return the reason why bytes behind the samples of a wav file may be samples too, or "".
std::string riff_problem(const Source& file);

}  // namespace voxport
