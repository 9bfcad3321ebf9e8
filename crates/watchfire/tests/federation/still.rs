//! Commands that read leave the files of a cleanly stopped node as they are.

use crate::support::{EVERYONE, Federation, files, run, scan_proposal};

#[test]
fn reading_leaves_no_file_behind() {
    let federation = Federation::new("still");
    let korea = federation.start("KOR-1");
    let entry = korea.api.append(&scan_proposal("KOR", "site-1", 1, EVERYONE));
    korea.stop();
    let (home, config) = (federation.home("KOR-1"), federation.config("KOR-1"));
    let path = |name: &str| home.join(name).to_string_lossy().into_owned();
    let (out, copy, ends) = (path("out"), path("copy"), path("ends"));
    let before = files(&federation.data("KOR-1"));
    for words in [
        &["replay"][..],
        &["fsck", "--json"],
        &["receipts", &entry],
        &["export", "parquet", "--out", &out],
        &["backup", &copy],
        &["keys", "ends", "KOR-1", "--out", &ends],
        &["doctor"],
    ] {
        let all = words.iter().copied().chain(["--config", config.to_str().expect("a plain path")]);
        let ended = run(all);
        assert!(ended.success || words == ["doctor"], "{words:?}: {ended:#?}");
        let after = files(&federation.data("KOR-1"));
        assert!(after.keys().eq(before.keys()), "{words:?}: {:?}", after.keys());
        assert!(after == before, "{words:?} changed a file");
    }
    federation.assert_clean("KOR-1");
}
