// Helpers of both programs: options, lines of JSON, printable text, reports of failures.
#pragma once

#include <charconv>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "voxport/voxport.hpp"

namespace program {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kMaxThreads = 256;  // as in Python: more only cost memory

struct UsageError {
  std::string reason;
};

/// Read the value of an option: a whole number of 1 to `most`.
inline int whole_number(const std::string& option, const std::string& text, int most) {
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1 || count > most) {
    throw UsageError{option + " must be a whole number from 1 to " + std::to_string(most) +
                     ", got '" + text + "'"};
  }
  return count;
}

inline std::string artifact_kind(const std::string& text) {
  if (text != "onnx" && text != "torchscript") {
    throw UsageError{"--artifact must be onnx or torchscript, got '" + text + "'"};
  }
  return text;
}

using Json = nlohmann::ordered_json;

/// Write an object as one line; bytes of a name that are not UTF-8 become U+FFFD.
inline std::string dump_line(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Round to four decimals, half up, as every host of voxport prints times and scores: their later
/// digits differ by batch and by processor.
inline double rounded(double value) { return std::floor(value * 1e4 + 0.5) / 1e4; }

/// Replace control characters, with which a name, a label or a message could steer a terminal.
inline std::string printable(std::string text) {
  for (char& one : text) {
    const auto byte = static_cast<unsigned char>(one);
    if (byte < 0x20 || byte == 0x7F) one = '?';
  }
  // Marks that turn the direction of writing: a name may end in one and change how a line reads.
  for (const std::string_view mark :
       {"\xD8\x9C", "\xE2\x80\x8E", "\xE2\x80\x8F", "\xE2\x80\xAA", "\xE2\x80\xAB",
        "\xE2\x80\xAC", "\xE2\x80\xAD", "\xE2\x80\xAE", "\xE2\x81\xA6", "\xE2\x81\xA7",
        "\xE2\x81\xA8", "\xE2\x81\xA9"}) {
    for (std::size_t i = 0; (i = text.find(mark, i)) != std::string::npos; ++i) {
      text.replace(i, mark.size(), "?");
    }
  }
  // The other control characters, U+0080 to U+009F.
  for (std::size_t i = 0; (i = text.find('\xC2', i)) != std::string::npos; ++i) {
    const bool is_control = i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (is_control) text.replace(i, 2, "?");
  }
  return text;
}

inline void report(const std::string& file, const std::string& reason, bool json) {
  if (json) {
    std::cout << dump_line({{"file", file}, {"error", reason}}) << std::endl;
  } else {
    std::cerr << printable("error: " + file + ": " + reason) << std::endl;
  }
}

inline std::string list_backends() {
  std::string names;
  for (const std::string& backend : voxport::backends()) {
    names += (names.empty() ? "" : ", ") + backend;
  }
  return names;
}

}  // namespace program
