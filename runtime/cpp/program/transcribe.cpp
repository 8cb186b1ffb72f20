// The program `transcribe`: parse, call the library, print. Transcripts go to stdout, everything else
// to stderr.
#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "common.hpp"
#include "subtitles.hpp"

namespace {

using namespace program;

constexpr const char* kHelp = R"(usage: transcribe [OPTIONS] PACKAGE AUDIO...

Print what is said in audio files, one line a file, in the order given.

PACKAGE is a folder that `voxport export MODEL -o PACKAGE` wrote. AUDIO is wav, flac, ogg, aiff or
au, at any rate and with up to 64 channels; - is standard input. For anything else:

  ffmpeg -i talk.mp3 talk.wav

A file that cannot be transcribed is reported on stderr (with --json in its line), the others are
still transcribed, and the exit code is 1. Wrong usage is 2.

options:
  --artifact KIND    onnx (if not given) or torchscript, which runs the package's own code: it can
                     read and write your files, so name it for packages that you trust
  --precision NAME   fp32 or another that the package has; fp32 if not given
  --threads N        CPU threads, 1 to 256; the backend's own choice if not given
  --format FORM      txt (if not given), json, or of one AUDIO srt, vtt or tsv: subtitles
  --json             the same as --format json: one object a line: file, text, duration, words and
                     tokens with their times (seconds) and scores (0 to 1)
  --emission FILE    also write the emission of the one AUDIO: raw float32 [frames, labels]
  --version          print the versions of voxport and of what it runs on
  -h, --help         this text

examples:
  transcribe build/base960h memo.wav
  transcribe --json build/base960h *.flac > transcripts.jsonl
  ffmpeg -i talk.mp4 -f wav - | transcribe --format srt build/base960h - > talk.srt
  transcribe --artifact torchscript --threads 2 build/base960h memo.wav
)";

struct Arguments {
  voxport::Options options;
  std::string emission;  // a file to write it to, or ""
  std::string subtitles;  // srt, vtt, tsv, or ""
  bool json = false;
  bool help = false;
  bool version = false;
  std::string package;
  std::vector<std::string> audio;
};

void choose_format(const std::string& form, Arguments& arguments) {
  const bool is_subtitles = form == "srt" || form == "vtt" || form == "tsv";
  if (!is_subtitles && form != "txt" && form != "json") {
    throw UsageError{"--format must be txt, json, srt, vtt or tsv, got '" + form + "'"};
  }
  arguments.json = form == "json";
  arguments.subtitles = is_subtitles ? form : "";
}

void parse_option(int option, Arguments& arguments) {
  switch (option) {
    case 'a': arguments.options.artifact = artifact_kind(optarg); break;
    case 'p': arguments.options.precision = optarg; break;
    case 't': arguments.options.threads = whole_number("--threads", optarg, kMaxThreads); break;
    case 'e': arguments.emission = optarg; break;
    case 'f': choose_format(optarg, arguments); break;
    case 'j': choose_format("json", arguments); break;
    case 'h': arguments.help = true; break;
    case 'v': arguments.version = true; break;
    default: throw UsageError{""};  // getopt has said why
  }
}

Arguments parse(int argc, char** argv) {
  static const option options[] = {
      {"artifact", required_argument, nullptr, 'a'}, {"precision", required_argument, nullptr, 'p'},
      {"threads", required_argument, nullptr, 't'},  {"emission", required_argument, nullptr, 'e'},
      {"format", required_argument, nullptr, 'f'},   {"json", no_argument, nullptr, 'j'},
      {"help", no_argument, nullptr, 'h'},           {"version", no_argument, nullptr, 'v'},
      {nullptr, 0, nullptr, 0},
  };
  Arguments arguments;
  for (int option; (option = getopt_long(argc, argv, "hf:", options, nullptr)) != -1;) {
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
  if (!arguments.subtitles.empty() && arguments.audio.size() > 1) {
    throw UsageError{"--format " + arguments.subtitles + " takes one audio file, got " +
                     std::to_string(arguments.audio.size())};
  }
  return arguments;
}

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
  voxport::Recording recording =
      file == "-" ? voxport::Recording::from_descriptor(STDIN_FILENO) : voxport::Recording(file);
  voxport::Recognition heard;
  if (arguments.emission.empty()) {
    heard.transcript = recognizer.transcribe(recording);
  } else {
    heard = recognizer.recognize(recording);
  }
  if (recording.is_silence()) {
    const std::string warning = "the whole recording is below -90 dB, silence to a model";
    std::cerr << printable("warning: " + file + ": " + warning) << std::endl;
  }
  if (!arguments.emission.empty()) write_emission(heard.emission, arguments.emission);
  if (arguments.json) {
    std::cout << json_line(file, heard.transcript) << std::endl;
  } else if (!arguments.subtitles.empty()) {
    std::cout << format_subtitles(heard.transcript, arguments.subtitles) << std::flush;
  } else {
    const std::string& text = heard.transcript.text;
    std::cout << (::isatty(STDOUT_FILENO) == 1 ? printable(text) : text) << std::endl;
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
