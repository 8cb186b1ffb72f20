// The registry of backends: the one file that knows which of them CMake chose.
#include "backends/backend.hpp"

namespace voxport {

const std::vector<BackendKind>& built_in_backends() {
  static const std::vector<BackendKind> kinds = {
#ifdef VOXPORT_ONNXRUNTIME
      {"onnx", false, "ONNX Runtime", onnxruntime_version, open_onnx},
#endif
#ifdef VOXPORT_LIBTORCH
      {"torchscript", true, "LibTorch", libtorch_version, open_torchscript},
#endif
  };
  return kinds;
}

std::string describe_failure(const std::string& runtime, std::int64_t samples,
                             const std::string& reason) {
  const bool ran_out =
      reason.find("memory") != std::string::npos || reason.find("alloc") != std::string::npos;
  return runtime + " failed on " + std::to_string(samples) + " samples: " + reason +
         (ran_out ? " (cut a long recording)" : "");
}

std::vector<std::string> backends() {
  std::vector<std::string> names;
  for (const BackendKind& kind : built_in_backends()) {
    names.push_back(kind.name + " " + kind.version());
  }
  return names;
}

}  // namespace voxport
