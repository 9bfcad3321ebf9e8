//! Key ceremonies and charters on the command line, as partners do them: each makes its own keys, and
//! only public halves and signatures travel.

mod token;

use std::path::PathBuf;
use std::process::Command;

/// A ceremony's folder; every partner has one of its own below it.
pub(crate) struct Table {
    folder: PathBuf,
    realm: &'static str,
}

/// Root keys of this realm are under a passphrase, which costs a second each.
const OPERATIONAL: &str = "operational";
/// Root keys of this realm are plain files.
const EXERCISE: &str = "exercise/alpha";

impl Table {
    pub(crate) fn new(name: &str, realm: &'static str) -> Self {
        let folder = std::env::temp_dir().join(format!("watchfire-{name}-{}", std::process::id()));
        std::fs::remove_dir_all(&folder).ok();
        std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
        std::fs::write(folder.join("passphrase"), "correct horse battery staple\n")
            .expect("the folder takes a file");
        Self { folder, realm }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("the file is there")
    }

    /// Runs `watchfire` in the folder; gives whether it went well, what it said and what it refused.
    pub(crate) fn run(&self, words: &str) -> (bool, String, String) {
        let words = words.split_whitespace().map(|word| word.replace('~', " "));
        let ended = Command::new(env!("CARGO_BIN_EXE_watchfire"))
            .args(words)
            .current_dir(&self.folder)
            .output()
            .expect("the program runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ended.status.success(), text(&ended.stdout), text(&ended.stderr))
    }

    pub(crate) fn good(&self, words: &str) -> String {
        let (success, said, refused) = self.run(words);
        assert!(success, "{words}\n{said}\n{refused}");
        said
    }

    /// Refused, with a mend, and with these words.
    fn bad(&self, words: &str, parts: &[&str]) {
        let (success, said, refused) = self.run(words);
        assert!(!success, "{words} was taken: {said}");
        assert!(refused.contains("hint: ") || refused.contains("Usage"), "{words}: {refused}");
        for part in parts {
            assert!(refused.contains(part), "expected `{part}` in: {refused}");
        }
    }

    /// Every partner makes its keys.
    fn keys(&self, partners: &[&str]) {
        let realm = self.realm;
        let how = if realm == EXERCISE { "--plain" } else { "--passphrase-file passphrase" };
        for partner in partners {
            self.good(&format!(
                "keys root {partner} --realm {realm} --name Partner~{partner} \
                 --out {partner}/root.key {how}"
            ));
            self.good(&format!(
                "keys node {partner}-1 --realm {realm} --address node.{partner}.example:7711 \
                 --expires 2031-01-01T00:00:00Z --out {partner}"
            ));
            self.good(&format!(
                "keys officer {partner}-duty --partner {partner} --realm {realm} \
                 --out {partner}/officer.key"
            ));
        }
    }

    /// The drafter's command: public halves only.
    fn draft(&self, partners: &[&str]) -> String {
        let files: Vec<String> = partners
            .iter()
            .flat_map(|partner| {
                ["root".to_owned(), format!("{partner}-1"), "officer".to_owned()]
                    .map(|name| format!("{partner}/{name}.public.toml"))
            })
            .collect();
        self.good(&format!(
            "charter init draft.toml --from {} --deadline release=120",
            files.join(" ")
        ))
    }

    fn sign(&self, partner: &str, draft: &str, out: &str) -> String {
        self.good(&format!(
            "charter sign {draft} --partner {partner} --key {partner}/root.key \
             --passphrase-file passphrase --out {out}"
        ))
    }

    /// All sign apart, and one joins the copies.
    fn agree(&self, partners: &[&str], draft: &str, out: &str) {
        let copies: Vec<String> = partners
            .iter()
            .map(|partner| {
                let copy = format!("{partner}/signed.toml");
                self.sign(partner, draft, &copy);
                copy
            })
            .collect();
        self.good(&format!("charter merge {} --out {out}", copies.join(" ")));
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

const THREE: [&str; 3] = ["JPN", "KOR", "USA"];

#[test]
fn an_operational_charter_is_agreed_without_any_key_leaving_its_partner() {
    let table = Table::new("agree", OPERATIONAL);
    table.keys(&THREE);
    let root = table.read("KOR/root.key");
    assert!(root.starts_with("watchfire sealed-root-key v1\nrealm operational\npartner KOR\n"));
    let said = table.draft(&THREE);
    assert!(said.contains("the signature of the root of USA over its roster is missing"), "{said}");
    table.bad("charter verify draft.toml", &["the root of JPN", "got none", "charter sign"]);
    std::fs::write(table.path("wrong"), "some other passphrase\n").unwrap();
    table.bad(
        "charter sign draft.toml --partner KOR --key KOR/root.key --passphrase-file wrong",
        &["the passphrase of the root key of KOR"],
    );
    table.sign("KOR", "draft.toml", "KOR/signed.toml");
    table.bad("charter verify KOR/signed.toml", &["the root of JPN"]);
    table.agree(&THREE, "draft.toml", "charter.toml");
    let said = table.good("charter verify charter.toml");
    assert!(said.contains("edition     1") && said.contains("read aloud  "), "{said}");
    assert!(!said.contains("to do"), "{said}");
    // The fingerprint of KOR's root is what its owner was told.
    let told = table.good("keys show KOR/root.public.toml");
    let print = told.lines().find_map(|line| line.trim().strip_prefix("fingerprint ")).unwrap();
    assert!(said.contains(print), "{print} in {said}");
    for name in ["draft.toml", "charter.toml"] {
        let seeds = table.read("KOR/node.keys");
        for secret in seeds.lines().filter_map(|line| line.rsplit_once(' ')).skip(3) {
            assert!(!table.read(name).contains(secret.1), "a secret in {name}");
        }
    }
}

#[test]
fn refusals_name_what_was_expected_and_the_mend() {
    let table = Table::new("refusals", EXERCISE);
    table.keys(&THREE);
    table.draft(&THREE);
    std::fs::write(table.path("short"), "abc\n").unwrap();
    let sign = |partner: &str, key: &str, passphrase: &str| {
        format!(
            "charter sign draft.toml --partner {partner} --key {key} --passphrase-file {passphrase}"
        )
    };
    table.bad(&sign("KOR", "JPN/root.key", "passphrase"), &["the root of `KOR`", "`JPN`"]);
    table.bad(&sign("KOR", "KOR/node.keys", "passphrase"), &["root key"]);
    table.bad("keys root KOR --realm operational --out k --plain", &["a passphrase or a token"]);
    table.bad(
        "keys root KOR --realm operational --out k --passphrase-file short",
        &["at least 12 bytes"],
    );
    let init = "charter init new.toml --from KOR/KOR-1.public.toml";
    table.bad(init, &["the root of `KOR` among the files"]);
    table.bad("charter init draft.toml --from KOR/root.public.toml", &["nothing is overwritten"]);
    // Keys of one realm do not join a charter of another.
    table.good("keys officer X --partner KOR --realm operational --out x.key");
    table.bad(
        "charter init new.toml --from KOR/root.public.toml x.public.toml",
        &["`operational`", "`exercise/alpha`"],
    );
    // A copy with another word in it is not joined.
    table.sign("KOR", "draft.toml", "KOR/signed.toml");
    let other = table.read("KOR/signed.toml").replacen("release = 120", "release = 12", 1);
    std::fs::write(table.path("other.toml"), other).unwrap();
    table.bad("charter merge draft.toml other.toml --out m.toml", &["one draft", "edition 1"]);
}

#[test]
fn editions_and_rosters_say_in_plain_words_what_they_change() {
    let table = Table::new("editions", EXERCISE);
    table.keys(&THREE);
    table.draft(&THREE);
    table.agree(&THREE, "draft.toml", "charter.toml");
    table.keys(&["AUS"]);
    table.good(
        "charter amend charter.toml --out two.toml --add AUS/root.public.toml \
         AUS/AUS-1.public.toml AUS/officer.public.toml --audience AUS+KOR --deadline release=90",
    );
    let said = table.good("charter diff charter.toml two.toml");
    for words in [
        "the edition changes from 1 to 2",
        "partner AUS (Partner AUS) joins",
        "audience `AUS+KOR` is added",
        "deadline `release` changes from 120 s to 90 s",
        "node AUS-1 is added",
        "line `KOR-1 dials AUS-1 over tcp` is added",
        "to do: the signature of the root of AUS over its roster is missing",
    ] {
        assert!(said.contains(words), "expected `{words}` in: {said}");
    }
    table.agree(&["AUS", "JPN", "KOR", "USA"], "two.toml", "two-signed.toml");
    let said = table.good("charter diff charter.toml two-signed.toml");
    assert!(said.contains("every signature is there: nodes will take it"), "{said}");

    // JPN leaves; its own root is not asked.
    table.good("charter amend two-signed.toml --out three.toml --remove-partner JPN");
    table.agree(&["AUS", "KOR", "USA"], "three.toml", "three-signed.toml");
    let said = table.good("charter diff two-signed.toml three-signed.toml");
    assert!(said.contains("partner JPN is removed: nothing sealed from then on"), "{said}");
    assert!(said.contains("nodes will take it"), "{said}");
    let said = table.good("charter diff charter.toml three-signed.toml");
    assert!(said.contains("editions between the two are missing"), "{said}");

    // A roster needs one root: an officer goes, a partner is withheld from.
    table.good(
        "charter roster three-signed.toml --partner KOR --remove-officer KOR-duty --withhold AUS \
         --until 2027-01-01T00:00:00Z --key KOR/root.key --passphrase-file passphrase --out four.toml",
    );
    let said = table.good("charter diff three-signed.toml four.toml");
    for words in [
        "officer of KOR `KOR-duty` is removed",
        "count only if logged before 2027-01-01T00:00:00",
        "KOR stops releasing anything to AUS",
        "nodes will take it",
    ] {
        assert!(said.contains(words), "expected `{words}` in: {said}");
    }
    assert!(table.good("charter verify four.toml").contains("releases nothing to AUS"));
    let back = table.good("charter diff four.toml three-signed.toml");
    assert!(back.contains("older"), "{back}");
}
