// From a row of the graph's output to a transcript.
#pragma once

#include "backends/backend.hpp"

namespace voxport {

/// What the path in `output` says of a recording of `duration` seconds.
Transcript transcript_of(const GraphOutput& output, double duration, const Model& model);

/// The valid frames; throws Error where the graph has another number of labels than the manifest.
Emission emission_of(GraphOutput output, const Model& model);

}  // namespace voxport
