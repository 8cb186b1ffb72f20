// The program: parse, call the library, print. Transcripts go to stdout, everything else to stderr.
#include <getopt.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "voxport/voxport.hpp"

namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

constexpr const char* kHelp = R"(usage: transcribe [OPTIONS] PACKAGE AUDIO...

Print what is said in audio files, one line a file, in the order given.

PACKAGE is a folder that `voxport export MODEL -o PACKAGE` wrote. AUDIO is wav, flac, aiff or au,
at any rate and with any number of channels; for anything else:

  ffmpeg -i talk.mp3 talk.wav

A file that cannot be transcribed is reported on stderr (with --json in its line), the others are
still transcribed, and the exit code is 1. Wrong usage is 2.

options:
  --artifact KIND    onnx or torchscript; the first that runs here if not given
  --precision NAME   fp32 or another that the package has; fp32 if not given
  --threads N        CPU threads; the backend's own choice if not given
  --json             one JSON object a line: file, text, duration, words and tokens with their
                     times (seconds) and scores (0 to 1)
  --emission FILE    also write the emission of the one AUDIO: raw float32 [frames, labels]
  -h, --help         this text

examples:
  transcribe build/base960h memo.wav
  transcribe --json build/base960h *.flac > transcripts.jsonl
  transcribe --artifact torchscript --threads 2 build/base960h memo.wav
)";

struct Arguments {
  voxport::Options options;
  std::string emission;  // a file to write it to, or ""
  bool json = false;
  bool help = false;
  std::string package;
  std::vector<std::string> audio;
};

struct UsageError {
  std::string reason;
};

int thread_count(const std::string& text) {
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1) {
    throw UsageError{"--threads must be a whole number of at least 1, got '" + text + "'"};
  }
  return count;
}

std::string artifact_kind(const std::string& text) {
  if (text != "onnx" && text != "torchscript") {
    throw UsageError{"--artifact must be onnx or torchscript, got '" + text + "'"};
  }
  return text;
}

void parse_option(int option, Arguments& arguments) {
  switch (option) {
    case 'a': arguments.options.artifact = artifact_kind(optarg); break;
    case 'p': arguments.options.precision = optarg; break;
    case 't': arguments.options.threads = thread_count(optarg); break;
    case 'e': arguments.emission = optarg; break;
    case 'j': arguments.json = true; break;
    case 'h': arguments.help = true; break;
    default: throw UsageError{""};  // getopt has said why
  }
}

Arguments parse(int argc, char** argv) {
  static const option options[] = {
      {"artifact", required_argument, nullptr, 'a'}, {"precision", required_argument, nullptr, 'p'},
      {"threads", required_argument, nullptr, 't'},  {"emission", required_argument, nullptr, 'e'},
      {"json", no_argument, nullptr, 'j'},           {"help", no_argument, nullptr, 'h'},
      {nullptr, 0, nullptr, 0},
  };
  Arguments arguments;
  for (int option; (option = getopt_long(argc, argv, "h", options, nullptr)) != -1;) {
    parse_option(option, arguments);
  }
  if (arguments.help) return arguments;
  if (argc - optind < 2) throw UsageError{"expected a package and at least one audio file"};
  arguments.package = argv[optind];
  arguments.audio.assign(argv + optind + 1, argv + argc);
  if (!arguments.emission.empty() && arguments.audio.size() > 1) {
    throw UsageError{"--emission takes one audio file, got " +
                     std::to_string(arguments.audio.size())};
  }
  return arguments;
}

using Json = nlohmann::ordered_json;

/// One line; bytes of a name that are not UTF-8 become U+FFFD.
std::string line(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <typename Part>  // a Word or a Token
Json json_parts(const std::vector<Part>& parts) {
  Json list = Json::array();
  for (const Part& part : parts) {
    list.push_back(
        {{"text", part.text}, {"start", part.start}, {"end", part.end}, {"score", part.score}});
  }
  return list;
}

std::string json_line(const std::string& file, const voxport::Transcript& transcript) {
  return line({{"file", file},
               {"text", transcript.text},
               {"duration", transcript.duration},
               {"words", json_parts(transcript.words)},
               {"tokens", json_parts(transcript.tokens)}});
}

/// Written under another name and renamed, so that none is ever half-written.
void write_emission(const voxport::Emission& emission, const std::filesystem::path& path) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  std::ofstream file(temporary, std::ios::binary);
  file.write(reinterpret_cast<const char*>(emission.values.data()),
             static_cast<std::streamsize>(emission.values.size() * sizeof(float)));
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(temporary, path, error);
  if (!file || error) {
    std::filesystem::remove(temporary, error);
    throw voxport::Error("its emission cannot be written to " + path.string());
  }
}

void transcribe(const voxport::Recognizer& recognizer, const std::string& file,
                const Arguments& arguments) {
  const voxport::Audio audio = voxport::read_audio(file);
  const voxport::Transcript transcript = recognizer.transcribe(audio);
  if (!arguments.emission.empty()) {
    write_emission(recognizer.emission(audio), arguments.emission);
  }
  std::cout << (arguments.json ? json_line(file, transcript) : transcript.text) << std::endl;
}

void report(const std::string& file, const std::string& reason, bool json) {
  if (json) {
    std::cout << line({{"file", file}, {"error", reason}}) << std::endl;
  } else {
    std::cerr << "error: " << file << ": " << reason << std::endl;
  }
}

/// Whether every file was transcribed.
bool transcribe_all(const Arguments& arguments) {
  const voxport::Recognizer recognizer(arguments.package, arguments.options);
  bool all = true;
  for (const std::string& file : arguments.audio) {
    try {
      transcribe(recognizer, file, arguments);
      continue;
    } catch (const voxport::Error& error) {
      report(file, error.reason(), arguments.json);
    } catch (const std::bad_alloc&) {
      report(file, "there is not enough memory for it; cut it", arguments.json);
    } catch (const std::exception& error) {
      report(file, error.what(), arguments.json);
    }
    all = false;
  }
  if (!std::cout) throw voxport::Error("standard output cannot be written");
  return all;
}

void print_help() {
  std::cout << kHelp << "\nthis build runs:";
  const char* separator = " ";
  for (const std::string& backend : voxport::backends()) {
    std::cout << separator << backend;
    separator = ", ";
  }
  std::cout << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments = parse(argc, argv);
    if (arguments.help) {
      print_help();
      return 0;
    }
    return transcribe_all(arguments) ? 0 : kFailed;
  } catch (const UsageError& error) {
    if (!error.reason.empty()) std::cerr << "error: " << error.reason << '\n';
    std::cerr << "`transcribe --help` says more" << std::endl;
    return kWrongUsage;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << std::endl;
    return kFailed;
  }
}
