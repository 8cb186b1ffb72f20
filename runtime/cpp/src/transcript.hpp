// From a row of the graph's output to a transcript.
#pragma once

#include "backends/backend.hpp"
#include "inference/greedy.hpp"

namespace voxport {

/// Make the transcript of a recording of `duration` seconds. Error where the graph's answer breaks
/// its contract: a label that the model does not have, times out of order, a score that is none.
Transcript make_transcript(const GraphOutput& output, double duration, const Model& model);

/// Make the transcript of a path that was decoded here; its text is its tokens joined.
Transcript join_transcript(const TokenPath& path, std::int64_t frames, double duration,
                           const Model& model);

/// Take the valid frames. Error where their labels are not the manifest's or a logit is NaN.
Emission take_emission(GraphOutput output, const Model& model);

}  // namespace voxport
