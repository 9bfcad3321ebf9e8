//! Writes `tests/vectors`: `cargo run -p watchfire-log --example vectors`.
//!
//! A file that exists and would change is refused: a new layout is a new edition beside the old.

#[path = "../tests/all/common.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod common;
#[path = "../tests/all/samples.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod samples;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let mut code = ExitCode::SUCCESS;
    for (name, bytes) in samples::samples() {
        let path = folder.join(name);
        let text = samples::file_text(name, &bytes);
        match std::fs::read_to_string(&path) {
            Ok(old) if old == text => {}
            Ok(_) => {
                eprintln!("{name} would change: give the new layout a new edition");
                code = ExitCode::FAILURE;
            }
            Err(_) => std::fs::write(&path, text).expect("the file can be written"),
        }
    }
    code
}
