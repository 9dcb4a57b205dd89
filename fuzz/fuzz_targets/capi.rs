#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dism_emu_fuzz::capi(data));
