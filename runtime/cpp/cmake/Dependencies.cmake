# The libraries that voxport links, in its own build and, from the installed package, in that of
# others: a static library needs them again. The variables VOXPORT_... are set before.
find_package(OpenSSL REQUIRED COMPONENTS Crypto)  # apt-get install libssl-dev
voxport_import(voxport_sndfile HEADER sndfile.h LIBRARIES sndfile
  ADVICE "apt-get install libsndfile1-dev")
if(VOXPORT_ONNXRUNTIME)
  voxport_import(voxport_onnxruntime HEADER onnxruntime_cxx_api.h LIBRARIES onnxruntime
    ROOT ${VOXPORT_ONNXRUNTIME_ROOT} PREFIXES onnxruntime
    ADVICE "apt-get install libonnxruntime-dev, or unpack a release of ONNX Runtime and set \
-DVOXPORT_ONNXRUNTIME_ROOT=FOLDER; without it: -DVOXPORT_ONNXRUNTIME=OFF")
endif()
if(VOXPORT_LIBTORCH)
  # Not find_package(Torch): that of a CUDA build fails where there is no CUDA toolkit.
  voxport_import(voxport_libtorch HEADER torch/script.h LIBRARIES torch_cpu c10
    ROOT ${VOXPORT_LIBTORCH_ROOT} ADVICE "unpack LibTorch, or pip install torch, and set \
-DVOXPORT_LIBTORCH_ROOT=FOLDER")
endif()
