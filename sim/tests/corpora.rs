//! Replays what the fuzzer found: every input of every corpus, and each decoder's first inputs.

use std::path::PathBuf;

use watchfire_sim::decoders::ALL;

/// Bytes of one corpus.
const CORPUS_BYTES_MAX: u64 = 1024 * 1024;

#[test]
fn every_corpus_is_there_and_harms_nobody() {
    for decoder in ALL {
        let name = decoder.name;
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
        let files = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("expected a corpus `{name}`, got: {error}"));
        let (mut inputs, mut bytes) = (0, 0);
        for file in files {
            let content = std::fs::read(file.unwrap().path()).unwrap();
            bytes += content.len() as u64;
            inputs += 1;
            (decoder.check)(&content);
        }
        assert!(inputs > 0, "expected inputs in `{name}`, got none; run `cargo xtask fuzz {name}`");
        assert!(bytes <= CORPUS_BYTES_MAX, "corpus `{name}` has {bytes} bytes");
    }
}

#[test]
fn first_inputs_pass_and_so_do_their_beginnings() {
    for decoder in ALL {
        let seeds = (decoder.seeds)();
        assert!(!seeds.is_empty(), "`{}` begins with nothing", decoder.name);
        for seed in seeds {
            (decoder.check)(&seed);
            for cut in 0..seed.len().min(300) {
                (decoder.check)(&seed[..cut]);
            }
        }
    }
}
