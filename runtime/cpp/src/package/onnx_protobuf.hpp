// A look at an ONNX file before ONNX Runtime sees it.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace voxport {

/// Refuse a model that asks for more than the exporter writes: operators outside of ONNX's own
/// domain (some end the process), functions, and weights in files that `listed` does not name
/// (ONNX Runtime would read them unhashed). Throws Error with the reason alone.
void check_onnx(std::string_view model, const std::set<std::string>& listed);

}  // namespace voxport
