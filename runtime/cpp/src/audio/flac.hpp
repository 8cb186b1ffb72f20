// The header and the frames of a FLAC file. Decodes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "audio/source.hpp"

namespace voxport {

/// What the encoder wrote about the whole recording.
struct FlacHeader {
  std::uint64_t start = 0;        // the byte of its first letters, behind any ID3 tag
  std::uint64_t total_place = 0;  // the byte whose low 4 bits and 4 bytes behind it count samples
  std::uint64_t frames = 0;       // samples a channel; 0: not known
  int bits = 0;                   // a sample
  std::string md5;                // of the samples, 16 bytes; "": not known
};

/// The frames of a file, as their own headers and checksums tell.
struct FlacFrames {
  std::uint64_t frames = 0;      // samples a channel
  bool has_short_end = false;    // the last one is shorter than the first, as only the last may be
  std::string problem;           // the reason why they are not all there, or ""
};

/// Read the header, or nothing where the file is no FLAC.
std::optional<FlacHeader> read_flac_header(const Source& file);

/// Check every frame's checksum: libsndfile stops at a damaged one and says nothing where the header
/// has no count of samples.
FlacFrames check_flac_frames(const Source& file, const FlacHeader& header);

}  // namespace voxport
