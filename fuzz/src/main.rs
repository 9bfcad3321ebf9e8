//! One fuzzer for every decoder of `watchfire_sim::decoders`; `WATCHFIRE_FUZZ` names it.
//!
//! `cargo xtask fuzz NAME` builds this with coverage counters and runs it. With `WATCHFIRE_FUZZ_SEEDS`
//! set to a folder it writes the decoder's first inputs there and ends.

#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use watchfire_sim::decoders::{Decoder, by_name};

fn decoder() -> &'static Decoder {
    static CHOSEN: OnceLock<&Decoder> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("WATCHFIRE_FUZZ").unwrap_or_default();
        let decoder = by_name(&name);
        decoder.unwrap_or_else(|| panic!("expected WATCHFIRE_FUZZ to name a decoder, got `{name}`"))
    })
}

fn write_seeds(folder: &str) -> ! {
    for (number, bytes) in (decoder().seeds)().iter().enumerate() {
        let file = Path::new(folder).join(format!("seed-{number}"));
        std::fs::write(&file, bytes).expect("the corpus folder can be written");
    }
    std::process::exit(0)
}

fuzz_target!(
    init: {
        if let Ok(folder) = std::env::var("WATCHFIRE_FUZZ_SEEDS") {
            write_seeds(&folder);
        }
    },
    |bytes: &[u8]| (decoder().check)(bytes)
);
