// The program `transcribe`: parse, call the library, print. Transcripts go to stdout, everything else
// to stderr.
#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "voxport/voxport.hpp"

namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kMaxThreads = 256;  // as in Python: more only cost memory

constexpr const char* kHelp = R"(usage: transcribe [OPTIONS] PACKAGE AUDIO...

Print what is said in audio files, one line a file, in the order given.

PACKAGE is a folder that `voxport export MODEL -o PACKAGE` wrote. AUDIO is wav, flac, ogg, aiff or
au, at any rate and with up to 64 channels; for anything else:

  ffmpeg -i talk.mp3 talk.wav

A file that cannot be transcribed is reported on stderr (with --json in its line), the others are
still transcribed, and the exit code is 1. Wrong usage is 2.

options:
  --artifact KIND    onnx (if not given) or torchscript, which runs the package's own code: it can
                     read and write your files, so name it for packages that you trust
  --precision NAME   fp32 or another that the package has; fp32 if not given
  --threads N        CPU threads, 1 to 256; the backend's own choice if not given
  --json             one JSON object a line: file, text, duration, words and tokens with their
                     times (seconds) and scores (0 to 1)
  --emission FILE    also write the emission of the one AUDIO: raw float32 [frames, labels]
  --version          print the versions of voxport and of what it runs on
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
  bool version = false;
  std::string package;
  std::vector<std::string> audio;
};

struct UsageError {
  std::string reason;
};

int thread_count(const std::string& text) {
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1 || count > kMaxThreads) {
    throw UsageError{"--threads must be a whole number from 1 to " + std::to_string(kMaxThreads) +
                     ", got '" + text + "'"};
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
    case 'v': arguments.version = true; break;
    default: throw UsageError{""};  // getopt has said why
  }
}

Arguments parse(int argc, char** argv) {
  static const option options[] = {
      {"artifact", required_argument, nullptr, 'a'}, {"precision", required_argument, nullptr, 'p'},
      {"threads", required_argument, nullptr, 't'},  {"emission", required_argument, nullptr, 'e'},
      {"json", no_argument, nullptr, 'j'},           {"help", no_argument, nullptr, 'h'},
      {"version", no_argument, nullptr, 'v'},
      {nullptr, 0, nullptr, 0},
  };
  Arguments arguments;
  for (int option; (option = getopt_long(argc, argv, "h", options, nullptr)) != -1;) {
    parse_option(option, arguments);
  }
  if (arguments.help || arguments.version) return arguments;
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

/// Write an object as one line; bytes of a name that are not UTF-8 become U+FFFD.
std::string dump_line(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Round to four decimals, half up, as every host of voxport prints times and scores: their later
/// digits differ by batch and by processor.
double rounded(double value) { return std::floor(value * 1e4 + 0.5) / 1e4; }

template <typename Part>  // a Word or a Token
Json json_parts(const std::vector<Part>& parts) {
  Json list = Json::array();
  for (const Part& part : parts) {
    list.push_back({{"text", part.text},
                    {"start", rounded(part.start)},
                    {"end", rounded(part.end)},
                    {"score", rounded(static_cast<double>(part.score))}});
  }
  return list;
}

std::string json_line(const std::string& file, const voxport::Transcript& transcript) {
  return dump_line({{"file", file},
               {"text", transcript.text},
               {"duration", rounded(transcript.duration)},
               {"words", json_parts(transcript.words)},
               {"tokens", json_parts(transcript.tokens)}});
}

/// Replace control characters, with which a name, a label or a message could steer a terminal.
std::string printable(std::string text) {
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

/// Write under another name, which nobody can have foretold, and rename: no file is half-written,
/// and no link is followed.
void write_emission(const voxport::Emission& emission, const std::filesystem::path& path) {
  std::string temporary = path.string() + ".XXXXXX";
  const int file = ::mkostemp(temporary.data(), O_CLOEXEC);
  const char* bytes = reinterpret_cast<const char*>(emission.values.data());
  std::size_t left = emission.values.size() * sizeof(float);
  while (file >= 0 && left > 0) {
    const ssize_t written = ::write(file, bytes, left);
    if (written <= 0) break;
    bytes += written;
    left -= static_cast<std::size_t>(written);
  }
  const bool is_written = file >= 0 && left == 0 && ::fchmod(file, 0644) == 0;
  const bool is_closed = file >= 0 && ::close(file) == 0;
  std::error_code error;
  if (is_written && is_closed) std::filesystem::rename(temporary, path, error);
  if (!is_written || !is_closed || error) {
    if (file >= 0) std::filesystem::remove(temporary, error);
    throw voxport::Error("its emission cannot be written to " + path.string());
  }
}

void transcribe(const voxport::Recognizer& recognizer, const std::string& file,
                const Arguments& arguments) {
  const voxport::Audio audio = voxport::read_audio(file);
  const voxport::Recognition heard = recognizer.recognize(audio);
  if (voxport::is_silence(audio)) {
    const std::string warning = "the whole recording is below -90 dB, silence to a model";
    std::cerr << printable("warning: " + file + ": " + warning) << std::endl;
  }
  if (!arguments.emission.empty()) write_emission(heard.emission, arguments.emission);
  if (arguments.json) {
    std::cout << json_line(file, heard.transcript) << std::endl;
  } else {
    const std::string& text = heard.transcript.text;
    std::cout << (::isatty(STDOUT_FILENO) == 1 ? printable(text) : text) << std::endl;
  }
}

void report(const std::string& file, const std::string& reason, bool json) {
  if (json) {
    std::cout << dump_line({{"file", file}, {"error", reason}}) << std::endl;
  } else {
    std::cerr << printable("error: " + file + ": " + reason) << std::endl;
  }
}

/// Transcribe each file; return true where all succeeded.
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

std::string list_backends() {
  std::string names;
  for (const std::string& backend : voxport::backends()) {
    names += (names.empty() ? "" : ", ") + backend;
  }
  return names;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments = parse(argc, argv);
    if (arguments.help) {
      std::cout << kHelp << "\nthis build runs: " << list_backends() << std::endl;
      return 0;
    }
    if (arguments.version) {
      std::cout << "voxport " << VOXPORT_VERSION << " (" << list_backends() << ')' << std::endl;
      return 0;
    }
    return transcribe_all(arguments) ? 0 : kFailed;
  } catch (const UsageError& error) {
    if (!error.reason.empty()) std::cerr << "error: " << error.reason << '\n';
    std::cerr << "See `transcribe --help`." << std::endl;
    return kWrongUsage;
  } catch (const std::exception& error) {
    std::cerr << printable(std::string("error: ") + error.what()) << std::endl;
    return kFailed;
  }
}
