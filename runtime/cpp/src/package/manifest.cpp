// Reads manifest.json and checks its own hash. Opens no other file of the package.
#include "package/manifest.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "package/integrity.hpp"

namespace voxport {
namespace {

using nlohmann::json;

constexpr int kVersion = 3;  // the latest format that this reader understands
constexpr std::size_t kMaxReasonBytes = 200;
constexpr std::uint64_t kMaxManifestBytes = 4'000'000;  // labels and golden clips take far less

// Bounds of the numbers that sizes are computed from: a stranger's may be anything.
constexpr std::int64_t kMinRate = 1'000;  // Hz
constexpr std::int64_t kMaxRate = 1'000'000;
constexpr std::int64_t kMaxSamples = 1 << 20;  // of a stride or a receptive field
constexpr std::int64_t kMaxLeastSamples = 1 << 24;  // of a recording with an answer

[[noreturn]] void wrong(const std::string& field, const std::string& expected) {
  throw ManifestError("the field '" + field + "' must be " + expected);
}

/// Return a field of an object; `object` itself may be anything, as somebody else wrote it.
const json& value(const json& object, const std::string& key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end()) {
    throw ManifestError("the field '" + key + "' is missing");
  }
  return *found;
}

std::string text(const json& object, const std::string& key) {
  const json& found = value(object, key);
  if (!found.is_string()) wrong(key, "a string");
  return found.get<std::string>();
}

/// A JSON number above 2^63 is unsigned, and would turn negative in get().
std::int64_t integer(const json& object, const std::string& key, std::int64_t min,
                     std::int64_t max = std::numeric_limits<std::int64_t>::max()) {
  const json& found = value(object, key);
  const bool is_whole = found.is_number_integer() &&
                        !(found.is_number_unsigned() &&
                          found.get<std::uint64_t>() > static_cast<std::uint64_t>(max));
  if (!is_whole || found.get<std::int64_t>() < min || found.get<std::int64_t>() > max) {
    const bool is_open = max == std::numeric_limits<std::int64_t>::max();
    wrong(key, "a whole number " + (is_open ? "of at least " + std::to_string(min)
                                            : "from " + std::to_string(min) + " to " +
                                                  std::to_string(max)));
  }
  return found.get<std::int64_t>();
}

const json& list(const json& object, const std::string& key) {
  const json& found = value(object, key);
  if (!found.is_array()) wrong(key, "a list");
  return found;
}

std::string sha256_field(const json& object) {
  const std::string found = text(object, "sha256");
  if (found.size() != 64 || found.find_first_not_of("0123456789abcdef") != std::string::npos) {
    wrong("sha256", "64 lower-case hexadecimal digits");
  }
  return found;
}

/// Read a plain file name, so that no manifest can point outside its folder.
std::string file_name(const json& object) {
  const std::string name = text(object, "path");
  const bool is_plain = name.find_first_of(std::string("/\\:\0", 4)) == std::string::npos;
  if (name.empty() || name == "." || name == ".." || !is_plain) {
    wrong("path", "a plain file name inside the package");
  }
  return name;
}

FileEntry file_entry(const json& object) {
  return {file_name(object), static_cast<std::uint64_t>(integer(object, "bytes", 0)),
          sha256_field(object)};
}

/// Packages of an earlier voxport, whose graphs do not resample, have no list of optional inputs.
bool takes_sample_rate(const json& object) {
  if (object.find("optional_inputs") == object.end()) return false;
  const json& inputs = list(object, "optional_inputs");
  return std::any_of(inputs.begin(), inputs.end(),
                     [](const json& input) { return text(input, "name") == "sample_rate"; });
}

Artifact artifact(const json& object) {
  Artifact read{file_entry(object), text(object, "kind"), text(object, "precision"), {}};
  read.takes_sample_rate = takes_sample_rate(object);
  for (const json& entry : list(object, "external_data")) {
    read.external_data.push_back(file_entry(entry));
  }
  return read;
}

Model model(const json& object) {
  Model read;
  read.name = text(object, "name");
  for (const json& label : list(object, "labels")) {
    if (!label.is_string()) wrong("labels", "a list of strings");
    read.labels.push_back(label.get<std::string>());
  }
  if (!value(object, "word_delimiter").is_null()) {
    read.word_delimiter = text(object, "word_delimiter");
  }
  read.sample_rate = integer(object, "sample_rate", kMinRate, kMaxRate);
  read.frame_stride = integer(object, "frame_stride", 1, kMaxSamples);
  read.receptive_field = integer(object, "receptive_field", 1, kMaxSamples);
  if (object.find("task") != object.end()) read.task = text(object, "task");
  if (read.task == "transcription" && !read.labels.empty()) {
    read.blank = integer(object, "blank", 0, static_cast<std::int64_t>(read.labels.size()) - 1);
  }
  read.is_normalized = object.value("emission", json("logits")) == "log_probs";
  return read;
}

void check_version(const json& document) {
  if (!document.is_object() || document.value("format", json()) != "voxport") {
    throw ManifestError("not a voxport manifest: the field 'format' is not \"voxport\"");
  }
  const std::int64_t version = integer(document, "version", 1);
  if (version > kVersion) {
    throw LaterVersionError("format version " + std::to_string(version) +
                " was written by a later voxport, this one reads up to " +
                std::to_string(kVersion));
  }
}

/// Check the manifest's own hash, which was computed with zeros in its place.
void check_unchanged(std::string raw, const std::string& recorded) {
  const auto place = raw.find(recorded);
  if (place != std::string::npos) raw.replace(place, recorded.size(), recorded.size(), '0');
  const std::string found = sha256(raw);
  if (found != recorded) {
    throw ManifestError("changed since it was written: expected sha256 " + recorded + ", found " + found +
                "; copy the package again or export it again");
  }
}

Manifest parse(std::string_view raw) {
  const json document = json::parse(raw);
  check_version(document);
  check_unchanged(std::string(raw), sha256_field(document));
  Manifest manifest;
  manifest.model = model(value(document, "model"));
  if (manifest.model.task != "transcription") {
    manifest.model.least_samples =
        integer(value(document, "head"), "least_samples", 1, kMaxLeastSamples);
  }
  for (const json& entry : list(document, "artifacts")) {
    manifest.artifacts.push_back(artifact(entry));
  }
  return manifest;
}

}  // namespace

Manifest read_manifest(const std::filesystem::path& folder) {
  const auto path = folder / "manifest.json";
  std::error_code ignored;
  if (!std::filesystem::exists(folder, ignored)) throw PackageNotFoundError(folder, "there is no such folder");
  if (!std::filesystem::exists(path, ignored)) {
    throw PackageNotFoundError(folder,
                "not a voxport package: there is no manifest.json in it; "
                "`voxport export MODEL -o DIR` writes a package");
  }
  const FileBytes raw = read_regular_file(path, kMaxManifestBytes, "there is no such file");
  try {
    return parse(raw.view());
  } catch (const json::exception& error) {
    // The library repeats a number that is too large, of any length.
    throw ManifestError(path, "not JSON: " + std::string(error.what()).substr(0, kMaxReasonBytes));
  } catch (const Error& error) {
    error.raise_about(path);
  }
}

}  // namespace voxport
