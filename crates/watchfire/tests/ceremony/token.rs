//! A root key in a PKCS #11 token: `SoftHSM` 2 stands in for the hardware.

use std::path::Path;
use std::process::Command;

use crate::{OPERATIONAL, Table};

const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
];

#[test]
fn a_root_in_a_token_signs_a_charter_and_never_leaves_it() {
    let Some(module) = MODULES.into_iter().find(|module| Path::new(module).exists()) else {
        println!("SKIPPED: the PKCS #11 token: install it with `apt-get install softhsm2`");
        return;
    };
    let table = Table::new("token", OPERATIONAL);
    let tokens = table.path("tokens");
    std::fs::create_dir_all(&tokens).unwrap();
    let settings = table.path("softhsm2.conf");
    let folder = format!("directories.tokendir = {}\n", tokens.display());
    std::fs::write(&settings, folder).unwrap();
    std::fs::write(table.path("pin"), "876543\n").unwrap();
    std::fs::write(table.path("wrong-pin"), "111111\n").unwrap();
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "root KOR", "--so-pin", "12345678"])
        .args(["--pin", "876543"])
        .env("SOFTHSM2_CONF", &settings)
        .output()
        .expect("the tool of the module is installed with it");
    assert!(made.status.success(), "{made:?}");
    let run = |words: &str| {
        let words = words.split_whitespace().map(|word| word.replace('~', " "));
        let ended = Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(words)
            .current_dir(table.path(""))
            .env("SOFTHSM2_CONF", &settings)
            .output()
            .expect("the program runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ended.status.success(), text(&ended.stdout), text(&ended.stderr))
    };
    let token = format!("--pkcs11 {module} --token root~KOR");
    let make = format!("keys root KOR --realm operational --out KOR/root.key {token}");
    let (success, _, refused) = run(&format!("{make} --passphrase-file wrong-pin"));
    assert!(!success && refused.contains("take the PIN"), "{refused}");
    let (success, said, refused) = run(&format!("{make} --passphrase-file pin"));
    assert!(success, "{said}{refused}");
    assert!(!table.path("KOR/root.key").exists(), "the private half is in no file");
    let (success, _, refused) = run(&format!("{make} --passphrase-file pin"));
    assert!(!success && refused.contains("no key `watchfire-root` in the token yet"), "{refused}");

    table.good("keys node KOR-1 --realm operational --address kor.example:7711 --out KOR");
    table.good("charter init draft.toml --from KOR/root.public.toml KOR/KOR-1.public.toml");
    let sign = format!("charter sign draft.toml --partner KOR {token} --passphrase-file pin");
    let (success, said, refused) = run(&sign);
    assert!(success, "{said}{refused}");
    let said = table.good("charter verify draft.toml");
    assert!(said.contains("edition     1") && !said.contains("to do"), "{said}");
    let absent = format!("{sign} --key-label another");
    let (success, _, refused) = run(&absent);
    assert!(!success && refused.contains("an Ed25519 key `another`"), "{refused}");
}
