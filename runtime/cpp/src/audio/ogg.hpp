// Damaged and truncated Ogg files, page by page.
#pragma once

#include <string>

#include "audio/source.hpp"

namespace voxport {

/// Return the reason why the pages of an Ogg file are not all there, or "".
std::string ogg_problem(const Source& file);

}  // namespace voxport
