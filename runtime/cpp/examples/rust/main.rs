// Print what is said in a file: rustc main.rs -L PREFIX/lib && LD_LIBRARY_PATH=PREFIX/lib ./main PACKAGE AUDIO
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::ptr::{null, null_mut};

#[link(name = "voxport")]
extern "C" {
    fn voxport_last_error() -> *const c_char;
    fn voxport_open(package: *const c_char, options: *const c_void, out: *mut *mut c_void) -> c_int;
    fn voxport_close(recognizer: *mut c_void);
    fn voxport_transcribe_file(recognizer: *const c_void, file: *const c_char, out: *mut *mut c_void) -> c_int;
    fn voxport_transcript_text(transcript: *const c_void) -> *const c_char;
    fn voxport_transcript_free(transcript: *mut c_void);
}

fn text(pointer: *const c_char) -> String {
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

fn check(status: c_int) -> Result<(), String> {
    if status == 0 { Ok(()) } else { Err(text(unsafe { voxport_last_error() })) }
}

fn main() -> Result<(), String> {
    let given: Vec<CString> = std::env::args().skip(1).map(|one| CString::new(one).unwrap()).collect();
    let (mut recognizer, mut transcript) = (null_mut(), null_mut());
    unsafe {
        check(voxport_open(given[0].as_ptr(), null(), &mut recognizer))?;
        check(voxport_transcribe_file(recognizer, given[1].as_ptr(), &mut transcript))?;
        println!("{}", text(voxport_transcript_text(transcript)));
        voxport_transcript_free(transcript);
        voxport_close(recognizer);
    }
    Ok(())
}
