// Transcripts as subtitles: SubRip, WebVTT and a table. The documents of the Python runtime's
// transcript/formats.py and transcript/subtitles.py, which give the reasons for the limits.
#pragma once

#include <string>

#include "voxport/voxport.hpp"

namespace program {

/// Return the document in the form "srt", "vtt" or "tsv".
std::string format_subtitles(const voxport::Transcript& transcript, const std::string& form);

}  // namespace program
